"""The browser check as an engineer meets it: in JupyterLab, in a browser with a microphone."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.checking import FAKE_DEVICE, FAKE_UI, write_silence
from tests.browser.chromium import ARGUMENTS, write_tone
from tests.faces.jupyterlab import command, lab, open_notebook
from tests.real.needs import need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page, Playwright

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(180)]

WIDGET = ".pd-check-notebook"
IMPORTS = """import asyncio, json, time
from ipywidgets import Widget
from polyai_diag.notebook.browser_check import BrowserCheck, open_check
from polyai_diag.target import IceServer
BrowserCheck.own = getattr(BrowserCheck, "own", BrowserCheck._options)
BrowserCheck._options = lambda self: {**BrowserCheck.own(self), **quick}
quick = {"listenS": 2, "holdS": 2}"""
WRONG = "a-wrong-password-typed-in"
ALONE = 'quick = {"listenS": 2, "skip": ["servers", "call", "speaker"]}\n'


def notebook(folder: Path) -> Path:
    """Write a notebook with a cell for the imports, one for the widget, one to look."""
    path = folder / "check.ipynb"
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "source": source, "outputs": [],
         "execution_count": None}
        for i, source in enumerate([IMPORTS, "", ""])
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    whole = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


class Lab:
    """A page of JupyterLab on that notebook, and what a person does there."""

    def __init__(self, page: Page, microphone: Path, folder: Path) -> None:
        self.page, self.microphone, self.folder = page, microphone, folder

    @property
    def widget(self) -> Locator:
        return self.page.locator(WIDGET)

    def cell(self, position: int, source: str) -> None:
        """Write a cell and run it."""
        self.page.evaluate(
            """async ([position, source]) => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                notebook.activeCellIndex = position;
                notebook.widgets[position].model.sharedModel.setSource(source);
                await window.jupyterapp.commands.execute("notebook:run-cell");
            }""",
            [position, source],
        )

    def show(self, source: str) -> None:
        """Show a check in the second cell, in place of what stood there."""
        self.cell(1, source)
        self.widget.get_by_role("button", name="Start the check").wait_for()

    def start(self) -> None:
        self.widget.get_by_role("button", name="Start the check").click()

    def answer(self, label: str = "Yes, I heard it") -> None:
        self.widget.get_by_role("button", name=label).click()

    def headline(self) -> str:
        self.widget.locator(".headline").wait_for()
        return self.widget.locator(".headline").inner_text()

    def ask_report(self, expression: str) -> Any:
        """Return what an expression is, once the kernel has the report: it hears on a thread."""
        return self.ask(expression, after="while check.report is None: time.sleep(0.01)")

    def ask(self, expression: str, *, after: str = "") -> Any:
        """Return what an expression is in the kernel."""
        self.cell(2, f"{after}\nprint('=' + json.dumps({expression}))")
        out = self.page.locator(".jp-Cell >> nth=2 >> .jp-OutputArea-output", has_text="=").first
        out.wait_for()
        return json.loads(out.inner_text().strip()[1:])

    def shoot(self, name: str) -> None:
        """Keep a picture where SCREENSHOTS says so."""
        if folder := os.environ.get("SCREENSHOTS"):
            self.widget.screenshot(path=Path(folder, f"{name}.png"))


@contextmanager
def browser(playwright: Playwright, without: tuple[str, ...], microphone: Path) -> Iterator[Page]:
    """Open Chromium with a microphone out of a file, which is read each time it is opened."""
    program = need("chromium", install="apt-get install chromium")
    kept = [a for a in ARGUMENTS if a not in without]
    opened = playwright.chromium.launch(
        executable_path=program,
        args=[*kept, f"--use-file-for-fake-audio-capture={microphone}"],
    )
    context = opened.new_context(viewport={"width": 1280, "height": 1500})
    page = context.new_page()
    page.set_default_timeout(45_000)
    try:
        yield page
    finally:
        opened.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[str]:
    with lab(folder, notebook(folder)) as url:
        yield url


@pytest.fixture(scope="module")
def opened(folder: Path, served: str, playwright: Playwright) -> Iterator[Lab]:
    """One browser that asks for the permission, and one kernel, for all that share them."""
    microphone = folder / "microphone.wav"
    write_tone(microphone)
    with browser(playwright, (FAKE_UI,), microphone) as page:
        open_notebook(page, served)
        at = Lab(page, microphone, folder)
        at.cell(0, IMPORTS)
        yield at


@pytest.fixture
def at(opened: Lab) -> Lab:
    """The same, its microphone allowed and with a tone in it."""
    opened.page.context.grant_permissions(["microphone"])
    write_tone(opened.microphone)
    return opened


SANDBOX = 'quick = {"listenS": 2, "holdS": 2}\ncheck = await open_check("sandbox", %r)\ncheck'
WRONG_PASSWORD = f"""from polyai_diag.sandbox import Sandbox
quick = {{"skip": ["microphone", "speaker"]}}
sandbox = await Sandbox(plain=True).__aenter__()
relay = sandbox.describe()["ice_servers"][1]
given = [IceServer(relay["urls"], relay["username"], "{WRONG}")]
check = BrowserCheck(ice_servers=given)
check"""


def test_granted_and_healthy(at: Lab) -> None:
    at.show(SANDBOX % "")
    at.shoot("check-ready")
    at.start()
    at.widget.locator(".level").wait_for()
    at.shoot("check-microphone")
    at.widget.locator(".figures").wait_for()
    at.shoot("check-call")
    at.widget.get_by_role("button", name="Yes, I heard it").wait_for()
    at.shoot("check-question")
    at.answer()
    assert at.headline() == "This browser is ready for voice calls"
    at.shoot("check-healthy")
    command(at.page, "apputils:change-theme", {"theme": "JupyterLab Dark"})
    at.page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    at.shoot("check-healthy-dark")
    command(at.page, "apputils:change-theme", {"theme": "JupyterLab Light"})
    assert at.ask_report("[check.report.verdict, check.status]") == ["healthy", "Done: healthy."]
    _the_token_is_nowhere_and_a_reload_loses_nothing(at)


def _the_token_is_nowhere_and_a_reload_loses_nothing(at: Lab) -> None:
    token, states = at.ask(
        "[check._token.reveal(), Widget.get_manager_state(drop_defaults=False)['state']]"
    )
    at.cell(2, "")
    shown = at.widget.inner_html()
    at.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    saved = (at.folder / "work" / "check.ipynb").read_text()
    kept = [json.dumps(states), saved, shown]
    assert "check-notebook" in kept[0]  # the widget's state is in it
    assert "widget-view+json" in saved
    assert len(token) > 10
    assert [token in text for text in kept] == [False, False, False]
    at.page.reload()
    assert at.headline() == "This browser is ready for voice calls"
    at.widget.get_by_role("button", name="Check again").click()
    at.widget.get_by_role("button", name="Cancel").click()
    assert at.headline() == "The check was stopped before its end"


def test_denied_when_asked_with_the_keyboard_alone(at: Lab) -> None:
    at.page.context.clear_permissions()
    at.show(f"{ALONE}check = BrowserCheck()\ncheck")
    at.widget.get_by_role("button", name="Start the check").focus()
    at.page.keyboard.press("Enter")
    assert at.headline() == "The browser may not use the microphone"
    assert at.widget.locator(".headline").evaluate("at => at === document.activeElement")
    assert "set Microphone to Allow" in at.widget.locator(".todo, .press").first.inner_text()
    at.shoot("check-denied")
    assert at.ask_report("[check.report.root_causes, check.report.findings[0].summary]") == [
        ["microphone-denied"],
        at.ask_report("check.report.findings[0].evidence[0].text"),
    ]
    assert "refused by the person" in at.ask_report("check.report.findings[0].summary")


def test_a_silent_microphone(at: Lab) -> None:
    write_silence(at.microphone)
    at.show(f"{ALONE}check = BrowserCheck()\ncheck")
    at.start()
    assert at.headline() == "The microphone is allowed and gives no sound"
    assert at.ask_report("check.report.root_causes") == ["microphone-silent"]


def test_a_wrong_turn_password(at: Lab) -> None:
    at.show(WRONG_PASSWORD)
    at.start()
    assert at.headline() == "The TURN server rejects the credentials"
    assert at.ask_report("check.report.root_causes") == ["turn-credentials-rejected"]
    told = at.ask_report("[Widget.get_manager_state(drop_defaults=False), check.report.to_json()]")
    assert WRONG not in json.dumps(told)


def test_udp_blocked(at: Lab) -> None:
    at.show(SANDBOX % "udp-blocked")
    at.start()
    at.answer("No")
    assert at.headline().startswith("UDP is blocked")
    assert at.ask_report("check.report.root_causes") == ["udp-blocked"]
    at.shoot("check-udp-blocked")


def test_cancel_acts_at_once_and_what_was_seen_stays(at: Lab) -> None:
    at.show(SANDBOX % "")
    at.start()
    at.widget.locator(".figures").wait_for()
    took_ms = at.widget.evaluate(
        """async (widget) => {
            const begun = performance.now();
            [...widget.querySelectorAll("button")].find((b) => b.textContent === "Cancel").click();
            while (!widget.querySelector(".headline")) await new Promise(requestAnimationFrame);
            return performance.now() - begun;
        }"""
    )
    assert took_ms < 300
    assert at.headline() == "The check was stopped before its end"
    state = at.ask_report("[check.report.verdict, check.report.step('signaling').status]")
    assert state == ["incomplete", "passed"]


def test_in_a_cell(at: Lab) -> None:
    """While the cell waits the kernel hears the browser: by messages, not by traits."""
    skip = ["microphone", "servers", "call", "speaker"]
    at.show(f'quick = {{"skip": {skip}}}\ncheck = BrowserCheck()\ncheck')
    at.cell(
        2, "seen = await check.run()\nprint('=' + json.dumps([seen.verdict, seen is check.report]))"
    )
    out = at.page.locator(".jp-Cell >> nth=2 >> .jp-OutputArea-output").first
    out.wait_for()
    assert json.loads(out.inner_text().strip()[1:]) == ["healthy", True]


def test_a_page_loaded_again_in_mid_check_says_so(at: Lab) -> None:
    at.show('quick = {"listenS": 60}\ncheck = BrowserCheck()\ncheck')
    at.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    at.start()
    at.widget.locator(".level").wait_for()
    at.page.reload()
    at.widget.get_by_role("progressbar").wait_for()  # drawn from the model: it was running
    at.widget.get_by_role("alert").wait_for()
    assert "loaded again" in at.widget.get_by_role("alert").inner_text()
    at.widget.get_by_role("button", name="Start the check").wait_for()
    assert at.ask("[check.status, check.report]") == ["Ready: press “Start the check”.", None]


def test_no_microphone_at_all(folder: Path, served: str, playwright: Playwright) -> None:
    with browser(playwright, (FAKE_DEVICE,), folder / "none.wav") as page:
        open_notebook(page, served)
        at = Lab(page, folder / "none.wav", folder)
        at.cell(0, IMPORTS)
        at.show(f"{ALONE}check = BrowserCheck()\ncheck")
        at.start()
        assert at.headline().startswith("No microphone is connected")
        assert at.ask_report("check.report.root_causes") == ["microphone-missing"]
