"""The browser check as an engineer meets it: in JupyterLab, in a browser with a microphone."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.checking import FAKE_UI
from tests.browser.chromium import ARGUMENTS, write_tone
from tests.faces.jupyterlab import command, lab, open_notebook
from tests.real.needs import need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(180)]

WIDGET = ".pd-check-notebook"
TOKEN_MARK = "the-token-of-this-sandbox"
IMPORTS = """import asyncio, json
from ipywidgets import Widget
from polyai_diag.notebook.browser_check import BrowserCheck, open_check
from polyai_diag.target import IceServer
own = BrowserCheck._options
BrowserCheck._options = lambda self: {**own(self), **quick}
quick = {"listenS": 2, "holdS": 2}"""
ALONE = 'quick = {"listenS": 2, "skip": ["servers", "call", "speaker"]}\n'


def notebook(folder: Path) -> Path:
    """Write a notebook with a cell for the imports, one for the widget, one to look."""
    path = folder / "check.ipynb"
    cells = [
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

    def ask(self, expression: str) -> Any:
        """Return what an expression is in the kernel."""
        self.cell(2, f"print('=' + json.dumps({expression}))")
        out = self.page.locator(".jp-Cell >> nth=2 >> .jp-OutputArea-output", has_text="=").first
        out.wait_for()
        return json.loads(out.inner_text().strip()[1:])

    def shoot(self, name: str) -> None:
        """Keep a picture where SCREENSHOTS says so."""
        if folder := os.environ.get("SCREENSHOTS"):
            self.widget.screenshot(path=Path(folder, f"{name}.png"))


@contextmanager
def browser(without: tuple[str, ...], microphone: Path) -> Iterator[Page]:
    """Open Chromium with a microphone out of a file, which is read each time it is opened."""
    program = need("chromium", install="apt-get install chromium")
    kept = [a for a in ARGUMENTS if a not in without]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program,
            args=[*kept, f"--use-file-for-fake-audio-capture={microphone}"],
        )
        context = opened.new_context(viewport={"width": 1280, "height": 1500})
        page = context.new_page()
        page.set_default_timeout(60_000)
        try:
            yield page
        finally:
            opened.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[str]:
    with lab(folder, notebook(folder)) as url:
        yield url


@pytest.fixture(scope="module")
def opened(folder: Path, served: str) -> Iterator[Lab]:
    """One browser that asks for the permission, and one kernel, for all that share them."""
    microphone = folder / "microphone.wav"
    write_tone(microphone)
    with browser((FAKE_UI,), microphone) as page:
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
    assert at.ask("[check.report.verdict, check.status]") == ["healthy", "Done: healthy."]
