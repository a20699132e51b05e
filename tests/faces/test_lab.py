"""The panel as an engineer meets it: in JupyterLab, in a browser."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag.verify import read_request
from tests.browser.axe import violations
from tests.faces.jupyterlab import (
    PANEL,
    Lab,
    cancel_ms,
    chromium,
    command,
    open_notebook,
    panel_in,
    running_lab,
    status,
)
from tests.real.needs import need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(240)]

TOKEN = "the-connector-token-of-a-customer-0123456"
FRAME = json.dumps({"type": "offer", "data": {"sdp": "v=0\r\n"}, "authToken": TOKEN})
UNREACHABLE = "wss://127.0.0.1:1/"
_NO_KERNELS = "() => window.jupyterapp.serviceManager.sessions.shutdownAll()"
ANSWERS = ("To send", "Firewall", "Network", "Report")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for all of these tests."""
    need("chromium", install="apt-get install chromium")
    with running_lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="module")
def page(served: Lab) -> Iterator[Page]:
    """One page of one browser, with a clipboard, on a notebook with a panel."""
    with chromium(need("chromium", install="apt-get install chromium")) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        panel_in(page, served, "panel")
        shoot(page, "panel-ready")
        yield page


@pytest.fixture(scope="module")
def answered(page: Page) -> Page:
    """The same page, once a run has ended that found something."""
    choose(page, fault="udp-blocked", complaint="ICE connection fails")
    press(page, "Run")
    status(page, "Done: degraded.")
    page.locator(PANEL).get_by_role("tab", name="To send").wait_for()
    return page


def shoot(page: Page, name: str) -> None:
    """Keep a picture where SCREENSHOTS says so."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.locator(PANEL).screenshot(path=Path(folder, f"{name}.png"))


def press(page: Page, label: str) -> None:
    page.locator(PANEL).get_by_role("button", name=label, exact=True).click()


def choose(
    page: Page,
    where: str = "Sandbox, to practise",
    fault: str = "nothing, all works",
    complaint: str = "None in particular",
) -> None:
    page.get_by_label("Where to").select_option(where)
    if where.startswith("Sandbox"):
        page.get_by_label("Break it on purpose").select_option(fault)
    page.get_by_label("Complaint").select_option(complaint)


def bar(page: Page) -> Locator:
    return page.get_by_role("progressbar", name="The run")


def tab(page: Page, title: str) -> None:
    page.locator(PANEL).get_by_role("tab", name=title, exact=True).click()


def theme(page: Page, name: str) -> None:
    command(page, "apputils:change-theme", {"theme": f"JupyterLab {name}"})
    light = "true" if name == "Light" else "false"
    page.locator(f"body[data-jp-theme-light={light}]").wait_for(state="attached")


def saved(page: Page, served: Lab, name: str) -> dict[str, Any]:
    """Save the notebook, and return what is in its file."""
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    found: dict[str, Any] = json.loads((served.work / f"{name}.ipynb").read_text(encoding="utf-8"))
    return found


def reload(page: Page, served: Lab, name: str) -> None:
    open_notebook(page, served.url(f"{name}.ipynb"))


def focused(page: Page) -> str:
    """Return the label of what has the focus."""
    found: str = page.evaluate(
        "(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()"
    )
    return found


def copied(page: Page, button: Locator) -> str:
    """Press a Copy button, and return what it has put into the clipboard."""
    button.click()
    answer = button.page.locator(f"{PANEL} button", has_text="✓ Copied")
    answer.filter(visible=True).wait_for()
    status(page, "Copied")
    text: str = page.evaluate("() => navigator.clipboard.readText()")
    return text


def test_a_run_gives_cause_proof_and_what_to_send(answered: Page) -> None:
    page = answered
    page.locator(f"{PANEL} h1", has_text="UDP is blocked").wait_for()
    assert bar(page).get_attribute("aria-valuenow") == "100"
    page.locator(f"{PANEL} .pd-cause summary", has_text="Proof").first.click()
    page.locator(f"{PANEL} .pd-cause .pd-evidence li").first.wait_for()
    shoot(page, "panel-light")
    letter = page.get_by_role("button", name="Copy the text for the network team")
    assert copied(page, letter).startswith("For the network team")
    tab(page, "Firewall")
    request = copied(page, page.get_by_role("button", name="Copy the firewall request"))
    assert request.startswith("**Firewall request")
    with page.expect_download() as download:
        page.locator(f"{PANEL} a[download='request.json']").click()
    assert read_request(Path(download.value.path())).blocked
    tab(page, "Network")
    page.locator(f"{PANEL} .pd-relays").wait_for()
    tab(page, "Report")
    with page.expect_download() as download:
        page.locator(f"{PANEL} a[download^='polyai-diag'][download$='.json']").first.click()
    assert json.loads(Path(download.value.path()).read_text())["root_causes"] == ["udp-blocked"]


def test_nothing_bars_who_cannot_see_or_point(answered: Page) -> None:
    """In both themes, with all that is folded."""
    page = answered
    for name in ("Light", "Dark"):
        theme(page, name)
        for title in ANSWERS:
            tab(page, title)
            page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
            shoot(page, f"panel-{name.lower()}-{title.lower().replace(' ', '-')}")
            assert violations(page, PANEL) == [], (name, title)
    theme(page, "Light")
    for title in ("Judge a paste", "Check this browser", "Place a call"):
        tab(page, title)
        assert violations(page, PANEL) == [], title


def test_without_a_clipboard_the_text_is_selected(answered: Page) -> None:
    page = answered
    page.evaluate(
        """() => { navigator.clipboard.writeText = () => Promise.reject();
                   document.execCommand = () => false; }"""
    )
    tab(page, "Firewall")
    press(page, "Copy the firewall request")
    page.locator(f"{PANEL} button", has_text="Selected: press Ctrl+C").wait_for()
    text = page.evaluate(
        """() => { const box = document.activeElement;
                   return box.value.slice(box.selectionStart, box.selectionEnd); }"""
    )
    assert text.startswith("**Firewall request")


def test_cancel_acts_at_once_and_keeps_what_was_seen(page: Page) -> None:
    choose(page)
    press(page, "Run")
    page.locator(f"{PANEL} .pd-stop.pd-run", has_text=".").first.wait_for()
    page.locator(f"{PANEL} .pd-status", has_text="Sending").wait_for()
    assert bar(page).get_attribute("aria-valuenow") not in ("0", "100")
    assert "of about" in page.locator(f"{PANEL} .pd-status").inner_text()
    shoot(page, "panel-running")
    times = cancel_ms(page)
    page.locator(f"{PANEL} .pd-badge", has_text="Not finished").wait_for()
    assert times["stopped"] < times["done"]
    assert not page.locator(PANEL).get_by_role("button", name="Run", exact=True).is_disabled()
    shoot(page, "panel-cancelled")


def test_keys_alone_run_cancel_and_read(page: Page) -> None:
    choose(page, complaint="No audio")
    page.get_by_label("Where to").focus()
    way = []
    for _ in range(6):
        way.append(focused(page))
        page.keyboard.press("Tab")
    assert way == [
        "Where to", "Break it on purpose", "Complaint", "How thorough", "Run", "More options",
    ]  # fmt: skip
    fault = page.get_by_label("Break it on purpose")
    chosen_fault = "box => box.selectedIndex"
    fault.press("ArrowDown")  # the notebook would go to another cell
    assert fault.evaluate(chosen_fault) == 1
    fault.press("ArrowUp")
    assert fault.evaluate(chosen_fault) == 0
    page.locator(PANEL).get_by_role("button", name="Run", exact=True).press("Enter")
    page.wait_for_function("() => document.activeElement.textContent === 'Cancel'")
    page.locator(f"{PANEL} .pd-status", has_text="Sending").wait_for()
    page.keyboard.press("Space")
    status(page, "Done: incomplete.")
    page.wait_for_function("() => document.activeElement.textContent === 'Run'")
    first = page.locator(PANEL).get_by_role("tab", name="To send")
    first.wait_for()
    first.focus()
    page.keyboard.press("ArrowRight")
    assert focused(page) == "Firewall"
    page.keyboard.press("Enter")
    chosen = page.locator(f"{PANEL} [role=tab][aria-selected=true]", has_text="Firewall")
    chosen.wait_for()
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"


def test_a_bad_url_is_one_line_and_loses_nothing(page: Page) -> None:
    choose(page, where="Another URL")
    page.get_by_label("Signaling URL").fill("http://gateway.invalid/")
    page.get_by_label("Connector token").fill("a-token")
    press(page, "Run")
    alert = page.locator(f"{PANEL} [role=alert]")
    alert.wait_for()
    assert "not a signaling URL" in alert.inner_text()
    assert page.get_by_label("Connector token").input_value() == "a-token"
    assert violations(page, PANEL) == []
    shoot(page, "panel-alert")


def test_the_browsers_check_joins_the_report(answered: Page) -> None:
    page = answered  # without a microphone: Chromium refuses it by itself
    choose(page, complaint="Unauthorized error")
    press(page, "Run")
    status(page, "Done: healthy.")
    tab(page, "Check this browser")
    press(page, "Check this browser")
    press(page, "Start the check")
    heard = page.locator(PANEL).get_by_role("button", name="Yes, I heard it")
    said = page.locator(f"{PANEL} [role=status]", has_text="it is in the report")
    heard.or_(said).first.wait_for(state="attached")
    if heard.is_visible():
        heard.click()
    said.wait_for(state="attached")
    tab(page, "Browser")
    page.locator(f"{PANEL} code", has_text="microphone-").first.wait_for()
    assert violations(page, PANEL) == []
    press(page, "Close the check")
    page.locator(PANEL).get_by_role("button", name="Start the check").wait_for(state="detached")
    tab(page, "Place a call")


def test_interrupt_kernel_stops_a_run_that_a_button_started(page: Page) -> None:
    choose(page)
    press(page, "Run")
    page.locator(f"{PANEL} .pd-status", has_text="Sending").wait_for()
    command(page, "kernelmenu:interrupt")
    status(page, "Done: incomplete.")


def test_secrets_are_in_no_file_and_the_report_survives(page: Page, served: Lab) -> None:
    page.evaluate(_NO_KERNELS)
    panel_in(page, served, "kept", f"'{UNREACHABLE}', complaint='unauthorized'", "panel.kept()")
    page.locator(".jp-OutputArea-output", has_text="No report yet").first.wait_for()
    page.get_by_label("Connector token").fill(TOKEN)
    press(page, "Run")
    status(page, "Done: failed.")
    kept = page.locator(".jp-OutputArea-output .polyai-diag h1").filter(visible=True)
    headline = page.locator(f"{PANEL} h1").inner_text()
    page.locator(f".jp-Cell:nth-child(2) h1:has-text({json.dumps(headline)})").wait_for()
    assert page.get_by_label("Connector token").input_value() == ""
    tab(page, "Judge a paste")
    page.get_by_label("What the customer sent").fill(FRAME)
    press(page, "Judge it")
    page.locator(f"{PANEL} .pd-meta", has_text="Pasted: a frame").wait_for()
    assert page.get_by_label("What the customer sent").input_value() == ""
    assert page.locator(f"{PANEL} h1").inner_text() == "The offer has no Opus"
    shoot(page, "panel-pasted")

    file = saved(page, served, "kept")
    assert "widgets" not in file["metadata"]
    assert TOKEN not in json.dumps(file)
    assert headline in "".join(file["cells"][1]["outputs"][0]["data"]["text/html"])

    reload(page, served, "kept")  # the kernel goes on: the panel is drawn from what it holds
    page.locator(f"{PANEL} h1", has_text="The offer has no Opus").wait_for()
    status(page, "Read: a frame.")
    tab(page, "Place a call")
    assert "Done: failed." in page.locator(f"{PANEL} .pd-status").inner_text()

    page.evaluate(_NO_KERNELS)
    reload(page, served, "kept")  # another kernel: widgets are gone, the output is not
    kept.first.wait_for()
    assert kept.first.inner_text() == headline
    assert page.locator(PANEL).count() == 0
