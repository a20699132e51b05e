"""The panel without a browser: what its widgets hold, against the sandbox."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import threading
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from IPython.display import DisplayHandle
from ipywidgets import Widget

from polyai_diag.analysis.browser import browser_record
from polyai_diag.model import Verdict
from polyai_diag.notebook.form import OWN_URL
from polyai_diag.notebook.panel import Panel, PanelBusyError
from polyai_diag.report import Report
from polyai_diag.secret import Secret
from polyai_diag.target import ALL_REGIONS, IceServer, TargetError
from tests.aio import in_loop, until
from tests.unit.checks import check as browser_check
from tests.unit.checks import denied

UNREACHABLE = "wss://127.0.0.1:1/"


async def finished(panel: Panel) -> Report:
    """Wait for the run that a button started."""
    await until(lambda: not panel._callbacks.tasks)
    assert panel.report is not None
    return panel.report


@in_loop
async def test_run_gives_the_report_and_shows_it() -> None:
    panel = Panel(fault="token-rejected", complaint="unauthorized")
    report = await panel.run()
    assert panel.report is report
    assert report.root_causes == ("token-rejected",)
    assert {s.name for s in report.steps if s.reason == "not asked for"} == {
        *("stun", "turn", "nat", "opus", "call", "audio")
    }
    assert panel._outcome.box.layout.display is None
    assert report.findings[0].title in panel._outcome.result.value
    to_send = panel._outcome.tabs.children[0].value
    assert to_send.count("<textarea") == 3
    assert "For the customer" in to_send
    assert panel._outcome.tabs.titles == ("To send", "Firewall", "Network", "Audio", "Report")
    assert "Done: failed." in panel._status.value
    assert panel._alert.value == ""


@in_loop
async def test_buttons_work_from_another_thread() -> None:
    panel = Panel(complaint="unauthorized")
    assert panel._cancel_button.disabled
    started = asyncio.Event()
    panel._form.complaint.observe(lambda _: started.set(), "disabled")
    thread = threading.Thread(target=panel._run_button.click)
    thread.start()
    thread.join(timeout=5)
    await asyncio.wait_for(started.wait(), 5)
    assert panel._run_button.disabled
    assert (await finished(panel)).verdict is Verdict.HEALTHY
    assert not panel._run_button.disabled
    assert not panel._form.complaint.disabled


@in_loop
async def test_cancel_keeps_what_was_seen() -> None:
    panel = Panel()
    enabled = asyncio.Event()
    panel._cancel_button.observe(lambda _: enabled.set(), "disabled")
    run = asyncio.create_task(panel.run())
    await asyncio.wait_for(enabled.wait(), 10)
    panel._cancel_button.click()
    report = await asyncio.wait_for(run, 10)
    assert report.verdict is Verdict.INCOMPLETE
    assert "Not finished" in panel._outcome.result.value
    assert panel._cancel_button.disabled


@in_loop
async def test_a_second_run_is_refused_and_the_first_goes_on() -> None:
    panel = Panel(complaint="unauthorized")
    first = asyncio.create_task(panel.run())
    await asyncio.sleep(0)
    with pytest.raises(PanelBusyError):
        await panel.run()
    assert "A run is under way" in panel._alert.value
    assert (await first).verdict is Verdict.HEALTHY


@in_loop
async def test_bad_url_is_an_alert_and_nothing_is_lost() -> None:
    panel = Panel("http://gateway.example.net/")
    panel._form.token.value = "a-token"
    with pytest.raises(TargetError):
        await panel.run()
    assert 'role="alert"' in panel._alert.value
    assert "is not a signaling URL" in panel._alert.value
    assert panel._form.token.value == "a-token"
    assert panel._form.url.value == "http://gateway.example.net/"
    assert not panel._run_button.disabled


@in_loop
async def test_a_refused_click_shows_its_reason() -> None:
    panel = Panel("http://gateway.example.net/")
    panel._run_button.click()
    await until(lambda: bool(panel._alert.value))
    assert "is not a signaling URL" in panel._alert.value


@in_loop
async def test_secrets_are_cleared_once_read_and_shown_nowhere() -> None:
    panel = Panel(UNREACHABLE, complaint="unauthorized")
    form = panel._form
    form.token.value = "connector-token-value"
    form.ice.value = True
    form.servers.add()
    relay, other = form.servers.rows
    relay.url.value, relay.username.value = "turn:127.0.0.1:1", "user"
    relay.credential.value = "turn-credential-value"
    other.url.value = "stun:127.0.0.1:1"
    report = await panel.run()
    assert form.token.value == relay.credential.value == ""
    states = Widget.get_manager_state()["state"]
    assert states
    for secret in ("connector-token-value", "turn-credential-value"):
        assert secret not in report.to_json()
        assert secret not in repr(states)
    assert report.record.target["ice_urls"] == ["turn:127.0.0.1:1", "stun:127.0.0.1:1"]


@in_loop
async def test_typed_ice_servers_must_be_some() -> None:
    panel = Panel(UNREACHABLE)
    panel._form.ice.value = True
    with pytest.raises(TargetError, match="no ICE server is typed"):
        await panel.run()


def described(*boxes: Any) -> set[str]:
    """Return the labels of the fields and buttons that are shown in boxes."""
    found: set[str] = set()
    for box in boxes:
        if box.layout.display != "none":
            found |= described(*getattr(box, "children", ()))
            found |= {box.description} - {""} if hasattr(box, "description") else set()
    return found


def test_fields_follow_the_place() -> None:
    form = Panel()._form
    always = {"Where to", "Complaint", "How thorough"}
    assert described(form.box) == always | {"Break it on purpose"}
    assert described(form.more) == set()
    form.where.value = OWN_URL
    assert described(form.box) == always | {"Signaling URL", "Connector token"}
    form.more_button.click()
    further = {"ICE servers", "Hold the call, seconds", "Through a relay only"}
    assert described(form.more) == further
    form.ice.value = True
    login = {"ICE server 1", "User name 1", "Credential 1", "Add a server"}
    assert described(form.more) == further | login


def test_all_regions_are_asked_without_a_call() -> None:
    form = Panel()._form
    form.complaint.value = "ice"
    form.more_button.click()
    form.where.value = ALL_REGIONS
    assert described(form.box, form.more, form.more_button) == {"Where to", "Connector token"}
    assert form.steps == ("token", "gateway")
    form.where.value = "us-1"
    assert "Complaint" in described(form.box)


def test_text_form_is_stable() -> None:
    panel = Panel()
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == repr(panel) == "<Panel>"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_the_panel_says_whose_network_it_measures() -> None:
    (call, _, _) = Panel()._widget.children[2].children[0].children
    assert "not the customer's browser" in call.children[0].value


@in_loop
async def test_what_an_action_raises_on_another_thread_is_one_line_in_the_panel() -> None:
    panel = Panel()

    def fails() -> None:
        raise KeyError("a-secret-in-a-message")

    async def fails_later() -> None:
        await asyncio.sleep(0)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/a/path")

    made = panel._callbacks
    for callback, said in (
        (made.here(fails), "KeyError in test_panel.py"),
        (made.on_loop(fails), "KeyError in test_panel.py"),
        (made.on_loop(fails_later), "No space left"),
    ):
        panel._say("")
        thread = threading.Thread(target=callback, args=(None,))
        thread.start()
        thread.join(timeout=5)
        await until(lambda: bool(panel._alert.value))
        assert 'role="alert"' in panel._alert.value
        assert said in panel._alert.value
        assert "a-secret" not in panel._alert.value


def test_without_a_loop_a_click_says_what_to_do() -> None:
    panel = Panel()
    panel._run_button.click()
    assert "run `await panel.run()` in a cell" in panel._alert.value


@in_loop
async def test_a_field_that_breaks_the_form_is_seen() -> None:
    panel = Panel()
    panel._form._arrange = None  # type: ignore[method-assign, assignment]
    panel._form.servers._arrange = None  # type: ignore[method-assign, assignment]
    panel._form.servers.add_button.click()
    assert "TypeError" in panel._alert.value


@in_loop
async def test_a_cancelled_cell_leaves_a_partial_report() -> None:
    panel = Panel()
    run = asyncio.create_task(panel.run())
    await until(lambda: panel._runner is not None)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert panel.report is not None
    assert panel.report.verdict is Verdict.INCOMPLETE
    assert "Not finished" in panel._outcome.result.value
    assert not panel._run_button.disabled


@in_loop
async def test_cancel_works_while_the_sandbox_starts() -> None:
    panel = Panel()
    run = asyncio.create_task(panel.run())
    await asyncio.sleep(0)
    assert panel._runner is None
    panel.cancel()
    assert "Stopped" in panel._status.value
    report = await run
    assert report.verdict is Verdict.INCOMPLETE
    panel.cancel()  # nothing runs: nothing happens
    assert "Done: incomplete." in panel._status.value


@in_loop
async def test_a_token_is_kept_for_its_own_place_alone() -> None:
    form = Panel(UNREACHABLE)._form
    form.token.value = "a-token"
    first = form.read()
    again = form.read()
    assert first is not None
    assert again is not None
    assert first.token == again.token == Secret("a-token")
    assert "empty" in form.token.placeholder
    form.url.value = "wss://127.0.0.1:2/"
    elsewhere = form.read()
    assert elsewhere is not None
    assert elsewhere.token is None
    assert form.token.placeholder == "cleared once read"
    form.url.value = UNREACHABLE
    back = form.read()
    assert back is not None
    assert back.token is None  # it was forgotten when the place was left


def test_a_token_of_the_environment_is_used_and_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POLYAI_TOKEN", "a-token-of-the-environment")
    form = Panel("us-1")._form
    target = form.read()
    assert target is not None
    assert target.token == Secret("a-token-of-the-environment")
    assert form.token.placeholder == "read and kept: leave empty to use it again"
    assert Panel("us-1")._form.token.placeholder == "POLYAI_TOKEN is used"
    assert "a-token-of" not in repr(Widget.get_manager_state())


@in_loop
async def test_each_server_has_a_login_of_its_own_which_is_kept_with_it() -> None:
    form = Panel(UNREACHABLE)._form
    form.ice.value = True
    form.servers.add()
    for number, row in enumerate(form.servers.rows, 1):
        row.url.value, row.username.value = f"turn:127.0.0.{number}", f"user-{number}"
        row.credential.value = f"credential-{number}"
    for _ in range(2):
        target = form.read()
        assert target is not None
        assert target.ice_servers == tuple(
            IceServer(f"turn:127.0.0.{n}", f"user-{n}", f"credential-{n}") for n in (1, 2)
        )
        assert [row.credential.value for row in form.servers.rows] == ["", ""]
    form.servers.rows[0].username.value = "somebody-else"
    changed = form.read()
    assert changed is not None
    assert changed.ice_servers is not None
    assert changed.ice_servers[0].credential is None
    form.servers.rows[1].remove_button.click()
    assert [row.username.value for row in form.servers.rows] == ["somebody-else"]


@in_loop
async def test_options_reach_the_target_and_the_fold_says_so() -> None:
    form = Panel("us-1")._form
    form.depth.value, form.relay_only.value, form.hold_s.value = True, True, 30
    target = form.read()
    assert target is not None
    assert (target.thorough, target.relay_only, target.hold_s) == (True, True, 30)
    assert form.depth.value is True
    assert form.depth.label == "thorough, about 66 s"
    assert form.more_button.description == "More options (relay only, held 30 s)"


@in_loop
async def test_the_kept_report_is_renewed_after_each_run(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = Panel(complaint="unauthorized")
    shown: list[object] = []
    panel._kept._handle = DisplayHandle()  # type: ignore[no-untyped-call]
    monkeypatch.setattr(panel._kept._handle, "update", lambda data, **_: shown.append(data))
    await panel.run()
    (data,) = shown
    assert isinstance(data, dict)
    assert data["text/plain"] == "<Report healthy: no cause named>"
    assert "<script" not in data["text/html"]
    assert "<button" not in data["text/html"]


@in_loop
async def test_the_browsers_check_joins_the_last_run() -> None:
    panel = Panel(complaint="unauthorized")
    record = browser_record(json.dumps(browser_check(denied("person"))), datetime.now(UTC))
    assert record is not None
    check = Report(record)
    panel._browser_reports(check)
    await until(lambda: panel.report is check)
    ran = await panel.run()
    for _ in range(2):  # a second check takes the place of the first
        panel._outcome.result.value = ""
        panel._browser_reports(check)
        await until(lambda: bool(panel._outcome.result.value))
        await until(lambda: not panel._callbacks.tasks)
        assert panel.report is not None
        assert panel.report.steps[-1].name == "browser"
        assert panel.report.own.record == ran.record
        assert "Browser" in panel._outcome.tabs.titles
    assert panel._alert.value == ""


@in_loop
async def test_the_browsers_check_has_a_sandbox_until_it_is_closed() -> None:
    panel = Panel(fault="token-rejected")
    panel._browser.open_button.click()
    await until(lambda: panel._browser._check is not None)
    check = panel._browser._check
    assert check is not None
    assert check.asked["has_token"]
    port = urlsplit(check._url).port
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()
    assert panel._browser.close_button.layout.display is None
    panel._browser.close_button.click()
    await until(lambda: not panel._callbacks.tasks and panel._browser._check is None)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


@in_loop
async def test_a_check_that_cannot_be_opened_says_why() -> None:
    panel = Panel("http://gateway.example.net/")
    panel._browser.open_button.click()
    await until(lambda: bool(panel._alert.value))
    assert "is not a signaling URL" in panel._alert.value
