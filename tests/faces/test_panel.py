"""The panel without a browser: what its widgets hold, against the sandbox."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from ipywidgets import Widget

from polyai_diag.model import Verdict
from polyai_diag.notebook.form import OWN_URL
from polyai_diag.notebook.panel import Panel, PanelBusyError
from polyai_diag.target import ALL_REGIONS, TargetError
from tests.aio import in_loop, until

if TYPE_CHECKING:
    from polyai_diag.report import Report

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
    assert "not the customer's browser" in Panel()._widget.children[0].value
