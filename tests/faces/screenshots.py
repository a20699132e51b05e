"""Pictures for docs/ and the README: each notebook after a run, page and report, light and dark.

`make screenshots` runs it; look at them before they are committed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import Image, ImageChops
from playwright.sync_api import sync_playwright

from tests.faces.jupyterlab import NOTEBOOKS, ROOT, command, lab, open_notebook

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PICTURES = ROOT / "docs" / "pictures"
FAULTS = {
    "01-unauthorized": "token-expired",
    "02-no-audio": "audio-narrowband",
    "03-ice-connection-fails": "udp-blocked",
}
"""What is broken in each notebook's picture; nothing in the others."""
PANEL_OF = "03-ice-connection-fails"  # whose panel has a picture of its own
LOOKS: tuple[Literal["light", "dark"], ...] = ("light", "dark")
COLOURS, MARGIN_PX = 200, 24
RAN_MS = 180_000
_RUN_LAST_CELL = """() => {
  const shown = window.jupyterapp.shell.currentWidget.content;
  shown.activeCellIndex = shown.widgets.map(cell => cell.model.type).lastIndexOf("code");
  return window.jupyterapp.commands.execute("notebook:run-cell");
}"""
WIDTH_PX, TALLEST_PX = 1180, 4200  # below stands the report, which has a picture of its own


def main() -> int:
    """Take them all, or those whose names are given."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[1:]
    notebooks = [n for n in sorted(NOTEBOOKS.glob("*.ipynb")) if not wanted or n.stem in wanted]
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=[
                *("--no-sandbox", "--allow-loopback-in-peer-connection"),
                *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        for notebook in notebooks:
            work = Path(folder, notebook.stem)
            work.mkdir()
            picture_notebook(browser, notebook, work)
        if not wanted or "report" in wanted:
            picture_files(browser, Path(folder))
        browser.close()
    return 0


def picture_notebook(browser: Browser, notebook: Path, folder: Path) -> None:
    """Run all cells of a copy, broken as FAULTS says, and take the whole of it."""
    copy = folder / notebook.name
    copy.write_text(broken(notebook, FAULTS.get(notebook.stem, "")), encoding="utf-8")
    with lab(folder, copy) as url:
        page = browser.new_page(viewport={"width": WIDTH_PX, "height": 1400})
        page.set_default_timeout(RAN_MS)
        open_notebook(page, url)
        command(page, "application:toggle-mode")  # one document
        if page.evaluate("!window.jupyterapp.shell.leftCollapsed"):
            command(page, "application:toggle-left-area")
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        check_browser(page)
        for look in LOOKS:
            command(page, "apputils:change-theme", {"theme": f"JupyterLab {look.title()}"})
            lit = f"body[data-jp-theme-light={str(look == 'light').lower()}]"
            page.wait_for_selector(lit, state="attached")
            show_all(page)
            keep(page, ".jp-Notebook", f"{notebook.stem}-{look}")
            if notebook.stem == PANEL_OF:
                keep(page, ".polyai-diag-panel", f"panel-{look}")
        page.close()


def broken(notebook: Path, fault: str) -> str:
    """Return the notebook's text, with a fault for its sandbox."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            cell["source"] = "".join(cell["source"]).replace('FAULT = ""', f'FAULT = "{fault}"')
    return json.dumps(content)


def check_browser(page: Page) -> None:
    """Do what a person does where a notebook holds the browser check."""
    start = page.get_by_role("button", name="Start the check")
    if start.count():
        start.click()
        page.get_by_role("button", name="Yes, I heard it").click()
        page.get_by_text("Check again").wait_for()
        page.evaluate(_RUN_LAST_CELL)  # which shows the report that there is now


def show_all(page: Page) -> None:
    """Make the window as tall as the notebook, which scrolls inside it."""
    page.evaluate("window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0")
    tall = page.evaluate(
        "Math.max(...[...document.querySelectorAll('.jp-Notebook, .jp-Notebook *')]"
        ".filter(part => /WindowedPanel|jp-Notebook/.test(part.className))"
        ".map(part => part.scrollHeight))"
    )
    page.set_viewport_size({"width": WIDTH_PX, "height": min(int(tall) + 160, 12_000)})
    page.wait_for_timeout(500)
    page.evaluate(
        "document.querySelectorAll('.jp-Notebook, .jp-WindowedPanel-outer')"
        ".forEach(part => { part.scrollTop = 0; })"
    )


def picture_files(browser: Browser, folder: Path) -> None:
    """Take a report and the customer's page, as files from disk."""
    program = Path(sys.executable).with_name("polyai-diag")
    report, check = folder / "report.html", folder / "check.html"
    subprocess.run([program, "demo", "--fault", "udp-blocked", "--html", report], check=False)
    subprocess.run([program, "page", "--region", "us-1", "-o", check], check=True)
    for look in LOOKS:
        for name, file in (("report", report), ("page", check)):
            page = browser.new_page(viewport={"width": 1040, "height": 800}, color_scheme=look)
            page.goto(file.as_uri())
            keep(page, "html", f"{name}-{look}")
            page.close()


def keep(page: Page, selector: str, name: str) -> None:
    """Save a part of the page, in few colours: pictures of text need no more."""
    path = PICTURES / f"{name}.png"
    page.locator(selector).first.screenshot(path=path)
    with Image.open(path) as picture:
        taken = picture.convert("RGB")
    ground = Image.new("RGB", taken.size, taken.getpixel((taken.width // 2, taken.height - 2)))
    _, _, _, end = ImageChops.difference(taken, ground).getbbox() or (0, 0, 0, taken.height)
    shown = taken.crop((0, 0, taken.width, min(end + MARGIN_PX, taken.height, TALLEST_PX)))
    shown.quantize(COLOURS).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1024} kB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
