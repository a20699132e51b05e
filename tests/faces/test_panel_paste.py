"""The paste box: what is recognised, what is said of the rest, and that nothing is kept."""

from __future__ import annotations

import json

import pytest
from ipywidgets import Widget

from polyai_diag.model import InputError
from polyai_diag.notebook.panel import Panel
from polyai_diag.notebook.paste import MOST_CHARACTERS, PasteError, judge_paste
from tests.aio import in_loop, until
from tests.faces import records

TOKEN = "a-connector-token-of-forty-characters-ab"
FRAME = json.dumps({"type": "offer", "data": {"sdp": "v=0\r\n"}, "authToken": TOKEN})
REFUSED = "WebSocket closed: 4401 Unauthorized"
STATISTICS = json.dumps(
    [{"type": "outbound-rtp", "kind": "audio", "id": "O", "packetsSent": 0, "bytesSent": 0}]
)


async def pasted(panel: Panel, text: str) -> None:
    """Paste, press, and wait for the end."""
    panel._paste.text.value = text
    panel._paste.button.click()
    assert not panel._paste.button.disabled  # nothing has happened yet
    await until(lambda: not panel._paste.text.value)
    await until(lambda: not panel._callbacks.tasks)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (FRAME, "a frame"),
        (f"12:00:01 send {FRAME}\n12:00:02 closed 4401", "a log of 1 frame"),
        (REFUSED, "an error message"),
        ("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n", "a session description"),
        (STATISTICS, "a call's statistics (getStats)"),
    ],
)
def test_each_kind_is_recognised(text: str, kind: str) -> None:
    judged = judge_paste(text)
    assert judged.kind == kind
    assert judged.pasted is not None
    assert judged.report is None


def test_a_report_of_ours_is_a_report_again() -> None:
    report = records.udp_blocked()
    judged = judge_paste(report.to_json())
    assert judged.report is not None
    assert judged.report.record == report.record


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Nothing is pasted"),
        ("  \n", "Nothing is pasted"),
        ("the weather is fine", "Accepted: a frame"),
        (TOKEN, "Accepted: a frame"),
        ('{"browser_check": 99}', "of a newer version"),
        ('{"schema_version": 1, "steps": 7}', "no report of polyai-diag"),
        ("x" * (MOST_CHARACTERS + 1), "polyai-diag analyze FILE"),
    ],
)
def test_what_is_not_known_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        judge_paste(text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_an_unknown_paste_is_its_own_error() -> None:
    with pytest.raises(PasteError):
        judge_paste("hello")


@in_loop
async def test_a_frame_is_judged_and_its_token_is_nowhere() -> None:
    panel = Panel()
    await pasted(panel, FRAME)
    shown = panel._outcome.result.value
    assert "The offer has no Opus" in shown
    assert "Pasted: a frame" in shown
    assert "nothing was measured" in shown
    assert panel._outcome.box.layout.display is None
    assert panel._outcome.tabs.layout.display == "none"
    assert panel._aids.said == "Read: a frame."
    assert panel.report is None
    assert TOKEN not in repr(Widget.get_manager_state())


@in_loop
async def test_an_unknown_paste_with_a_token_is_not_kept() -> None:
    panel = Panel()
    await pasted(panel, f"my token is {TOKEN}, what is wrong?")
    assert "Nothing known in it" in panel._alert.value
    assert TOKEN not in repr(Widget.get_manager_state())
    await pasted(panel, REFUSED)
    assert panel._alert.value == ""


@in_loop
async def test_a_pasted_report_becomes_the_panels_own() -> None:
    panel = Panel()
    await pasted(panel, records.dns_wrong().to_json())
    assert panel.report is not None
    assert panel.report.record == records.dns_wrong().record
    assert panel._outcome.tabs.titles[0] == "To send"


@in_loop
async def test_hostile_text_is_shown_as_text() -> None:
    panel = Panel()
    evil = "<img src=x onerror=alert(1)>"
    await pasted(panel, json.dumps({"type": evil, evil: evil, "data": {"sdp": evil}}))
    assert panel._outcome.result.value
    assert "<img" not in panel._outcome.result.value + panel._alert.value
