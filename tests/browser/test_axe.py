"""Nothing bars who cannot see, point or tell colours apart: in the page, and in every report."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from polyai_diag.notebook.browser_page import render_page
from polyai_diag.report.compare import compare_reports
from polyai_diag.report.html import render_comparison
from tests.browser.axe import violations
from tests.browser.chromium import ARGUMENTS
from tests.faces import records
from tests.real.needs import need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(180)]

REPORTS = ("healthy", "udp_blocked", "unauthorized", "intercepted", "regions", "hostile")
NOWHERE = "wss://127.0.0.1:1/api/v1/webrtc/signal"


@contextmanager
def opened() -> Iterator[Page]:
    """Open Chromium with a microphone that beeps."""
    program = need("chromium", install="apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS])
        try:
            page = browser.new_page()
            page.set_default_timeout(60_000)
            yield page
        finally:
            browser.close()


def barred(page: Page) -> list[str]:
    """Return what is wrong, with all that is folded, in light and in dark."""
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: {violation}" for violation in violations(page, "html")]
    return found


def test_axe_itself_finds_what_is_wrong() -> None:
    with opened() as page:
        page.set_content("<html lang=en><title>x</title><main><img src='data:,'><input></main>")
        found = violations(page, "html")
    assert {text.split()[0] for text in found} == {"image-alt", "label"}


@pytest.mark.parametrize("width", [1040, 390])
def test_every_report_can_be_read_by_all(width: int, tmp_path: Path) -> None:
    with opened() as page:
        page.set_viewport_size({"width": width, "height": 900})
        for name in REPORTS:
            page.goto(getattr(records, name)().save(tmp_path / "report.html").as_uri())
            assert barred(page) == [], name


def test_two_reports_side_by_side_can_be_read_by_all(tmp_path: Path) -> None:
    path = tmp_path / "compared.html"
    compared = compare_reports(records.udp_blocked(), records.healthy())
    path.write_text(render_comparison(compared), encoding="utf-8")
    with opened() as page:
        page.goto(path.as_uri())
        assert barred(page) == []


def test_the_page_can_be_used_by_all_in_each_of_its_states(tmp_path: Path) -> None:
    path = tmp_path / "check.html"
    path.write_text(render_page(NOWHERE, ["turn:127.0.0.1:1?transport=tcp"]), encoding="utf-8")
    with opened() as page:
        page.goto(path.as_uri())
        assert barred(page) == []
        page.get_by_role("button", name="Start the check").click()
        page.locator("#progress [role=progressbar]").wait_for()
        assert barred(page) == []
        heard = page.get_by_role("button", name="Yes, I heard it")
        heard.wait_for()
        assert barred(page) == []
        heard.click()
        page.locator("#headline").wait_for()
        assert barred(page) == []
