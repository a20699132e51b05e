"""A call that is held and drops: the second is named, and whether it was the same one before."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag import diagnose
from polyai_diag.analysis.endings import SAME_SECOND_S
from polyai_diag.cli import main
from polyai_diag.failures import Failure
from polyai_diag.report import Report
from polyai_diag.report.compare import compare_reports
from polyai_diag.report.compare_forms import comparison_markdown
from polyai_diag.sandbox import Sandbox
from polyai_diag.sandbox.faults import Fault
from tests.aio import in_loop_for
from tests.stress.test_terminated import running
from tests.stress.whole import read_whole
from tests.unit.records import record, saw, step

if TYPE_CHECKING:
    from pathlib import Path

# What drops, the setting that makes it, the cause, and since when the second counts.
DROPS = {
    "the gateway hangs up": ("hangs_up_after_s", "call-ended-early", "s after the answer"),
    "the media path dies": ("media_lasts_s", "ice-disconnected", "s after it connected"),
    "the WebSocket is closed": ("signaling_lasts_s", "signaling-lost", "s after the answer"),
}
AFTER_S = 13.0
"""Later than the sound has been measured, so that it is the holding that sees it."""


def dropping(setting: str, after_s: float) -> Sandbox:
    return Sandbox([Fault("The call drops.", gateway={setting: after_s})])


def named_second(report: Report, cause: str, since: str) -> float:
    """Return the second that the finding names."""
    finding = next(finding for finding in report.findings if finding.id == cause)
    found = re.match(rf"([\d.]+) {since}", finding.summary)
    assert found, finding.summary
    return float(found[1])


async def held(sandbox: Sandbox, *earlier: Report) -> Report:
    report = await diagnose(sandbox.target(hold_s=180), steps=["audio"], earlier=earlier)
    return read_whole(report.to_json())


@pytest.mark.timeout(100)
@pytest.mark.parametrize("name", DROPS)
def test_the_second_is_named_and_the_repeat(name: str) -> None:
    setting, cause, since = DROPS[name]

    @in_loop_for(90)
    async def run() -> None:
        async with dropping(setting, AFTER_S) as sandbox:
            first, other = await asyncio.gather(held(sandbox), held(sandbox))
            again = await held(sandbox, first, other)
        for report in (first, other, again):
            assert report.root_causes == (cause,)
            assert named_second(report, cause, since) == pytest.approx(AFTER_S, abs=0.7)
            assert report.step("audio").observations[-1].operation == "call_hold"
        assert "a timer" not in first.findings[0].summary
        seconds = [named_second(report, cause, since) for report in (first, other)]
        said = f"at the same second as in 2 earlier runs ({seconds[0]} s, {seconds[1]} s): a timer"
        assert said in again.findings[0].summary
        for face in (again.to_html(), again.to_markdown()):
            assert "at the same second as in 2 earlier runs" in face
        (note,) = [n for n in compare_reports(first, again).notes if "same second" in n]
        assert note.endswith("a timer ends it, not chance.")
        assert "same second" in comparison_markdown(compare_reports(first, again))

    run()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", DROPS)
def test_a_call_that_drops_after_a_minute(
    name: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """By the command line, as support would: hold it, then hold it again and give the report."""
    if not pytestconfig.getoption("--whole"):
        pytest.skip("takes two minutes: --whole")
    setting, cause, since = DROPS[name]
    reports: list[Report] = []

    @in_loop_for(280)
    async def run() -> None:
        async with dropping(setting, 60.0) as sandbox:
            earlier: list[str] = []
            for number in range(2):
                folder = tmp_path / str(number)
                folder.mkdir()
                async with running(sandbox, folder, "--hold", "180", *earlier) as one:
                    await one.process.communicate()
                reports.append(one.report())
                earlier = ["--earlier", str(folder / "r.json")]

    run()
    for report in reports:
        assert report.root_causes == (cause,)
        assert named_second(report, cause, since) == pytest.approx(60, abs=1)
        assert report.record.duration_ms < 90_000, "it does not wait for the 180 s"
    assert "at the same second as in an earlier run (" in reports[1].findings[0].summary


# --- from the reports alone -------------------------------------------------------------------


def ended(failure: Failure = Failure.CALL_ENDED, earlier: Any = None, **notes: Any) -> Report:
    seen = saw("call_hold", "gateway", failure, detail="it ended", **notes)
    return Report(record(step("audio", seen), earlier_endings=earlier))


def told(*ends: tuple[str, float, str]) -> list[dict[str, Any]]:
    return [{"failure": f, "seconds": s, "since": since, "started": ""} for f, s, since in ends]


@pytest.mark.parametrize(
    ("earlier", "repeats"),
    [
        (told(("call_ended", 60.0, "the answer")), True),
        (told(("call_ended", 60.0 + SAME_SECOND_S, "the answer")), True),
        (told(("call_ended", 61.5, "the answer")), False),
        (told(("call_ended", 60.0, "the media was connected")), False),
        (told(("websocket_closed", 60.0, "the answer")), False),
        (told(("call_ended", 20.0, "the answer"), ("call_ended", 59.5, "the answer")), True),
        ([], False),
        (None, False),
        ("junk", False),
        ([{"seconds": "60"}, {"seconds": True}, {"failure": []}, 7], False),
    ],
)
def test_what_is_the_same_second(earlier: Any, repeats: bool) -> None:
    report = ended(earlier=earlier, after_answer_s=60.0)
    assert ("a timer ends it" in report.findings[0].summary) is repeats


def test_two_reports_that_ended_otherwise_say_nothing_of_it() -> None:
    sixty, thirty = ended(after_answer_s=60.2), ended(after_answer_s=30.0)
    lost = ended(Failure.CONSENT_LOST, after_connecting_s=60.2)
    whole = Report(record(step("audio")))
    for other in (thirty, lost, whole):
        assert not [n for n in compare_reports(sixty, other).notes if "second" in n]
    assert [n for n in compare_reports(sixty, sixty).notes if "60.2 s and 60.2 s after the an" in n]


def test_an_earlier_report_that_is_none_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "r.json"
    file.write_text(json.dumps({"schema_version": 1}))
    for name in (str(file), str(tmp_path / "none.json")):
        assert main(["demo", "--earlier", name]) == 2
        said = capsys.readouterr().err
        assert name in said
        assert len(said.splitlines()) == 1
