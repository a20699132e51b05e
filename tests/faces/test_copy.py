"""The page's Copy buttons, in a browser: each gives its own text, with and without a clipboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from polyai_diag.report.request_forms import request_markdown
from polyai_diag.report.story import Story
from tests.faces import records
from tests.faces.jupyterlab import chromium
from tests.real.needs import need

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(60)]

A4_WITHIN_MARGINS_PX = 702  # (210 - 2 x 12) mm at 96 px an inch, page.css
_COPIED = "() => navigator.clipboard.readText()"
_SELECTED = "() => getSelection().toString()"


@pytest.mark.parametrize("granted", [True, False])
def test_each_button_gives_its_own_text(tmp_path: Path, granted: bool) -> None:
    report = records.dns_wrong()
    story = Story(report)
    path = report.save(tmp_path / "report.html")
    wanted = {f"Copy the text for {letter.to}": letter.text for letter in story.letters}
    wanted["Copy the text for a ticket"] = story.ticket
    wanted["Copy the firewall request"] = request_markdown(story.firewall)
    with chromium(need("chromium", install="apt-get install chromium")) as page:
        if granted:
            page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto(path.as_uri())
        if not granted:
            page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
        page.evaluate("document.querySelectorAll('.pd-letter').forEach(d => { d.open = true; })")
        for label, text in wanted.items():
            page.get_by_role("button", name=label, exact=True).click()
            page.get_by_role("button", name="Copied" if granted else "Selected").last.wait_for()
            found = page.evaluate(_COPIED if granted else _SELECTED)
            assert found.strip() == text.strip(), label
        answered = page.get_by_role("button", name="Copied" if granted else "Selected")
        assert answered.count() == len(wanted)


def test_the_first_to_act_is_open_and_the_others_are_folded(tmp_path: Path) -> None:
    path = records.dns_wrong().save(tmp_path / "report.html")
    with chromium(need("chromium", install="apt-get install chromium")) as page:
        page.goto(path.as_uri())
        open_ones = page.locator(".pd-letter[open] > summary").all_inner_texts()
        assert [text.split("✕")[0].strip() for text in open_ones] == ["The network team"]
        page.locator(".pd-letter > summary", has_text="The customer").press("Enter")
        assert page.locator(".pd-letter[open]").count() == 2


@pytest.mark.parametrize("width", [1040, 390])
@pytest.mark.parametrize("make", [records.intercepted, records.hostile])
def test_no_page_is_wider_than_its_window(make: object, width: int, tmp_path: Path) -> None:
    assert callable(make)
    path = make().save(tmp_path / "report.html")
    with chromium(need("chromium", install="apt-get install chromium")) as page:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(path.as_uri())
        page.evaluate(
            "document.querySelectorAll('.pd-card details').forEach(d => { d.open = true; })"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("make", [records.udp_blocked, records.intercepted])
def test_nothing_is_cut_off_on_paper(make: object, tmp_path: Path) -> None:
    assert callable(make)
    path = make().save(tmp_path / "report.html")
    with chromium(need("chromium", install="apt-get install chromium")) as page:
        page.set_viewport_size({"width": A4_WITHIN_MARGINS_PX, "height": 900})
        page.emulate_media(media="print")
        page.goto(path.as_uri())
        wide = page.evaluate(
            """width => [...document.querySelectorAll('table, pre, svg, h1')]
            .filter(part => part.getBoundingClientRect().right > width)
            .map(part => part.className.toString() + ' ' + part.textContent.slice(0, 60))""",
            A4_WITHIN_MARGINS_PX,
        )
        assert wide == []
