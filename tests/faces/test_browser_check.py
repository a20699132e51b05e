"""The browser check's widget without a browser: what it says to one, and takes from it."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from ipywidgets import Widget

from polyai_diag.model import Verdict
from polyai_diag.notebook import browser_check
from polyai_diag.notebook.browser_check import BrowserCheck, BrowserCheckError, open_check
from polyai_diag.sandbox import FaultError, Sandbox
from polyai_diag.target import IceServer, TargetError
from tests.aio import in_loop, until
from tests.unit.checks import check as result_of
from tests.unit.checks import denied, saw

if TYPE_CHECKING:
    from polyai_diag.report import Report

URL = "wss://gateway.example.net/api/v1/webrtc/signal"
TOKEN, CREDENTIAL = "connector-token-value", "turn-credential-value"
SERVER = IceServer(["turn:turn.example.net", "stun:stun.example.net"], "user", CREDENTIAL)


class Said:
    """A check whose words to the browser are kept, and what a tab would say."""

    def __init__(self, *given: Any, **options: Any) -> None:
        self.check = BrowserCheck(*given, **options)
        self.messages: list[dict[str, Any]] = []
        self.check.send = self.messages.append

    def tab(self, kind: str, **more: Any) -> None:
        self.check._take(self.check, {"type": kind, "tab": "tab-1", **more}, [])

    def begin(self) -> dict[str, Any]:
        """Press the button; return what the browser is told."""
        self.tab("here", pressed=True)
        assert self.messages[-1]["type"] == "go"
        return self.messages[-1]


def test_a_press_hands_over_all_that_the_check_needs() -> None:
    go = Said(URL, [SERVER], TOKEN).begin()
    assert go["tab"] == "tab-1"
    assert go["options"] == {
        "url": URL,
        "token": TOKEN,
        "iceServers": [
            {
                "urls": ["turn:turn.example.net", "stun:stun.example.net"],
                "username": "user",
                "credential": CREDENTIAL,
            }
        ],
    }


def test_secrets_are_in_no_state_and_no_words() -> None:
    said = Said(URL, [SERVER], TOKEN)
    go = said.begin()
    said.tab("result", run=go["run"], result=result_of(denied(f"{TOKEN} {CREDENTIAL}")))
    report = said.check.report
    assert report is not None
    states = Widget.get_manager_state(drop_defaults=False)["state"]
    assert said.check.model_id in states
    for secret in (TOKEN, CREDENTIAL):
        assert secret not in json.dumps(states)
        assert secret not in repr(said.check)
        assert secret not in report.to_json()


def test_the_result_becomes_a_report() -> None:
    said = Said()
    heard: list[Report] = []
    said.check.on_report(heard.append)
    assert said.check.status == "Ready: press “Start the check”."
    go = said.begin()
    assert go["options"] == {"url": "", "token": "", "iceServers": []}
    assert said.check.status == "The check runs in the browser."
    said.tab("result", run=go["run"], result=result_of(denied("person")))
    assert said.check.report is not None
    assert said.check.report.root_causes == ("microphone-denied",)
    assert heard == [said.check.report]
    assert said.check.status == "Done: failed."


def test_a_result_of_another_run_is_not_this_ones() -> None:
    said = Said()
    said.begin()
    said.tab("result", run="an-older-one", result=result_of(denied("person")))
    said.tab("result", result=result_of(denied("person")))
    assert said.check.report is None


@pytest.mark.parametrize("junk", [None, [], "x", {"browser_check": 99}, {"type": {}}])
def test_a_result_that_cannot_be_read_is_told(junk: Any) -> None:
    said = Said()
    go = said.begin()
    said.tab("result", run=go["run"], result=junk)
    assert said.check.report is None
    assert said.check.shown["phase"] == "failed"
    assert "cannot be read" in said.check.shown["said"]
    for message in (None, "x", {}, {"type": ["here"]}, {"type": "who"}):
        said.check._take(said.check, message, [])


# --- in a cell --------------------------------------------------------------------------------


@in_loop
async def test_run_asks_for_a_browser_and_gives_the_report_from_another_thread() -> None:
    said = Said()
    run = asyncio.create_task(said.check.run())
    await until(lambda: bool(said.messages))
    assert said.messages == [{"type": "who"}]

    def answer() -> None:
        said.tab("here")
        said.tab("here", tab="tab-2")  # came later: the first has it
        told = [message for message in said.messages if message["type"] == "go"]
        assert len(told) == 1
        said.tab("result", run=told[0]["run"], result=result_of(saw("secure_context")))

    thread = threading.Thread(target=answer)
    thread.start()
    report = await asyncio.wait_for(run, 5)
    thread.join()
    assert report is said.check.report
    assert report.verdict is Verdict.HEALTHY


@in_loop
async def test_without_a_browser_run_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser_check, "ANSWER_LIMIT_S", 0.05)
    with pytest.raises(BrowserCheckError, match="No browser has answered"):
        await Said().check.run()


@in_loop
async def test_a_check_that_is_lost_is_an_error_in_the_cell() -> None:
    said = Said()
    run = asyncio.create_task(said.check.run())
    await until(lambda: bool(said.messages))
    said.tab("here")
    said.tab("failed", run=said.messages[-1]["run"], said="the page was closed")
    with pytest.raises(BrowserCheckError, match="the page was closed"):
        await asyncio.wait_for(run, 5)


@in_loop
async def test_interrupting_the_cell_stops_the_check() -> None:
    said = Said()
    run = asyncio.create_task(said.check.run())
    await until(lambda: bool(said.messages))
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert said.messages[-1] == {"type": "stop"}


def test_cancel_in_one_tab_stops_the_tab_that_runs_it() -> None:
    said = Said()
    said.begin()
    said.tab("cancel")
    assert said.messages[-1] == {"type": "stop"}


# --- where it is aimed ------------------------------------------------------------------------


def test_it_says_where_it_calls_and_refuses_what_cannot_be_called() -> None:
    check = BrowserCheck("us-1")
    assert check.asked == {"where": "us-1", "has_token": False}
    check.aim(URL, token=TOKEN)
    assert check.asked == {"where": "gateway.example.net", "has_token": True}
    with pytest.raises(TargetError):
        BrowserCheck("http://gateway.example.net")


@in_loop
async def test_the_sandbox_serves_until_it_is_left() -> None:
    check = await open_check()
    port = int(check._url.split(":")[2].split("/")[0])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()
    assert check.asked["where"] == "the sandbox on the kernel's machine"
    assert check.asked["has_token"]
    await check.leave()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


@in_loop
async def test_a_plain_sandbox_needs_no_authority() -> None:
    async with Sandbox(plain=True) as sandbox:
        told = sandbox.describe()
    assert told["signaling_url"].startswith("ws://127.0.0.1:")
    urls = [url for server in told["ice_servers"] for url in server["urls"]]
    assert [url.split(":")[0] for url in urls] == ["stun", "turn", "turn"]


@in_loop
async def test_a_fault_that_no_browser_would_meet_so_is_refused() -> None:
    for fault in ("tls-intercepted", "tls-certificate-invalid", "no-such-fault"):
        with pytest.raises(FaultError):
            await open_check(fault=fault)
    assert (await open_check("us-1")).asked["where"] == "us-1"


def test_its_text_form_is_stable() -> None:
    bundle: Any = BrowserCheck()._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["text/plain"] == "<BrowserCheck>"
    assert "application/vnd.jupyter.widget-view+json" in data
