"""Each symptom's walk as an engineer meets it: in JupyterLab, with something broken."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.faces.jupyterlab import NOTEBOOKS, chromium, command, lab, open_notebook
from tests.faces.renewal import with_fault
from tests.real.needs import need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

START = NOTEBOOKS / "00-start-here.ipynb"
PANEL, WALK = ".polyai-diag-panel", ".polyai-diag-walk"

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(240)]


class Desk(NamedTuple):
    """A page, and the folder that JupyterLab serves to it."""

    page: Page
    folder: Path
    url: str

    def open(self, name: str, fault: str) -> Page:
        """Open a notebook with this fault in its parameters, and run all of it."""
        path = self.folder / f"{name}.ipynb"
        path.write_text(with_fault(NOTEBOOKS / path.name, fault), encoding="utf-8")
        open_notebook(self.page, self.url.replace(START.name, path.name))
        command(self.page, "notebook:run-all-cells")
        return self.page


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    executable = need("chromium", install="apt-get install chromium")
    folder = tmp_path_factory.mktemp("lab")
    with lab(folder, START) as url, chromium(executable) as page:
        for notebook in NOTEBOOKS.glob("*.ipynb"):
            shutil.copy(notebook, folder / "work")
        yield Desk(page, folder / "work", url)


def shoot(page: Page, name: str) -> None:
    """Keep a picture where SCREENSHOTS says so."""
    if folder := os.environ.get("SCREENSHOTS"):
        walk = page.locator(WALK)
        walk.screenshot(path=Path(folder, f"walk-{name}.png"))


def next_of(page: Page, title: str) -> str:
    """Wait until the walk says this next, and return all of it."""
    after = page.locator(f"{WALK} section", has=page.locator(".pw-title", has_text=title))
    after.wait_for(timeout=90_000)
    return after.inner_text()


def test_unauthorized_names_the_token_and_follows_the_run_button(desk: Desk) -> None:
    page = desk.open("01-unauthorized", "token-expired")
    assert "Fetch a new token" in next_of(page, "The token has expired")
    shoot(page, "unauthorized")
    faults = page.locator("option", has_text="udp-blocked")
    page.locator(f"{PANEL} select", has=faults).select_option(index=0)
    page.locator(f"{PANEL} button", has_text=re.compile("^Run$")).click()
    assert "lint_frame" in next_of(page, "This token works from here")


def test_no_audio_leads_to_whoever_sends_silence(desk: Desk) -> None:
    page = desk.open("02-no-audio", "silent-audio")
    assert "The network is not at fault" in next_of(page, "they carry silence")
    shoot(page, "no-audio")


def test_ice_leads_to_the_network_team_also_in_the_dark(desk: Desk) -> None:
    page = desk.open("03-ice-connection-fails", "udp-blocked")
    after = next_of(page, "UDP is blocked")
    assert "the network team the firewall request" in after
    assert "polyai-diag verify request.json" in after
    shoot(page, "ice-light")
    command(page, "apputils:change-theme", {"theme": "JupyterLab Dark"})
    page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    shoot(page, "ice-dark")
    command(page, "apputils:change-theme", {"theme": "JupyterLab Light"})
    page.locator("body[data-jp-theme-light=true]").wait_for(state="attached")


def test_a_fault_of_another_section_leads_to_its_notebook(desk: Desk) -> None:
    page = desk.open("03-ice-connection-fails", "token-rejected")
    assert "no fault of “ICE connection fails”" in next_of(page, "rejects the token")
    shoot(page, "elsewhere")
    page.locator(f"{WALK} a", has_text="01-unauthorized").click()
    page.locator(".jp-RenderedMarkdown h1", has_text="“Unauthorized”").wait_for()


def test_a_saved_walk_is_readable_and_holds_no_widget_state(desk: Desk) -> None:
    page = desk.open("01-unauthorized", "token-rejected")
    next_of(page, "rejects the token")
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    text = (desk.folder / "01-unauthorized.ipynb").read_text(encoding="utf-8")
    assert "rejects the token" in text
    assert "widgets" not in json.loads(text)["metadata"]
