"""The panel as an engineer meets it: in JupyterLab, in a browser."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from polyai_diag.verify import read_request
from tests.faces.jupyterlab import NOTEBOOKS, chromium, command, lab, open_notebook
from tests.real.needs import need

if TYPE_CHECKING:
    from playwright.sync_api import Page

START = NOTEBOOKS / "00-start-here.ipynb"
PANEL = ".polyai-diag-panel"

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(180)]


def shoot(page: Page, name: str) -> None:
    """Keep a picture where SCREENSHOTS says so."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.locator(PANEL).screenshot(path=Path(folder, f"{name}.png"))


def press(page: Page, label: str) -> None:
    page.locator(f"{PANEL} button", has_text=label).click()


def status(page: Page, text: str) -> None:
    page.locator(f"{PANEL} [role=status]", has_text=text).wait_for()


def test_panel_runs_cancels_and_saves(tmp_path: Path) -> None:
    executable = need("chromium", install="apt-get install chromium")
    with lab(tmp_path, START) as url, chromium(executable) as page:
        open_notebook(page, url)
        command(page, "notebook:run-all-cells")
        status(page, "Done: healthy.")
        page.locator(".jp-OutputArea-output", has_text="healthy []").first.wait_for()
        page.locator(f"{PANEL} h1", has_text="The call works").wait_for()
        shoot(page, "panel-light")

        press(page, "Run")
        page.locator(f"{PANEL} .pd-stop.pd-run").first.wait_for()
        shoot(page, "panel-running")
        press(page, "Cancel")
        status(page, "Done: incomplete.")
        page.locator(f"{PANEL} .pd-badge", has_text="Not finished").wait_for()
        shoot(page, "panel-cancelled")

        page.locator(f"{PANEL} select").nth(1).select_option("udp-blocked")
        press(page, "Run")
        page.locator(f"{PANEL} h1", has_text="UDP").wait_for()
        command(page, "apputils:change-theme", {"theme": "JupyterLab Dark"})
        page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
        page.locator(f"{PANEL} .lm-TabBar-tab", has_text="To send").click()
        text = page.locator(f"{PANEL} .pd-letter[open] textarea")
        text.press("Control+a")
        selected = "box => box.value.slice(box.selectionStart, box.selectionEnd)"
        assert text.evaluate(selected).startswith("For the network team")
        assert text.evaluate(f"box => ({selected})(box) === box.value")
        assert page.locator(".jp-Cell.jp-mod-selected").count() <= 1  # no shortcut of the notebook
        for title in ("Firewall", "Network", "Audio", "To send", "Report", "Proof"):
            page.locator(f"{PANEL} .lm-TabBar-tab", has_text=title).click()
            shoot(page, f"panel-dark-{title.lower().replace(' ', '-')}")

        page.locator(f"{PANEL} .lm-TabBar-tab", has_text="Report").click()
        with page.expect_download() as download:
            page.locator(f"{PANEL} a[download^='polyai-diag'][download$='.json']").first.click()
        saved = json.loads(Path(download.value.path()).read_text())
        assert saved["root_causes"] == ["udp-blocked"]

        page.locator(f"{PANEL} .lm-TabBar-tab", has_text="Firewall").click()
        with page.expect_download() as download:
            page.locator(f"{PANEL} a[download='request.json']").click()
        assert read_request(Path(download.value.path())).blocked
        page.locator(f"{PANEL} summary", has_text="As Markdown").click()
        text = page.locator(f"{PANEL} textarea[aria-label^='Firewall request']")
        text.press("Control+a")
        assert text.evaluate(f"box => ({selected})(box) === box.value")


def test_bad_url_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    executable = need("chromium", install="apt-get install chromium")
    with lab(tmp_path, START) as url, chromium(executable) as page:
        open_notebook(page, url)
        command(page, "notebook:run-all-cells")
        status(page, "Done: healthy.")
        page.locator(f"{PANEL} select").first.select_option("Another URL")
        page.locator(f"{PANEL} input[type=text]").first.fill("http://gateway.invalid/")
        page.locator(f"{PANEL} input[type=password]").first.fill("a-token")
        press(page, "Run")
        alert = page.locator(f"{PANEL} [role=alert]")
        alert.wait_for()
        assert "not a signaling URL" in alert.inner_text()
        assert page.locator(f"{PANEL} input[type=password]").first.input_value() == "a-token"
        shoot(page, "panel-alert")
