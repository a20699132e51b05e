"""The panel in JupyterLab: how soon it is there, how soon Cancel acts, how often it redraws."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tests.bench.figure import Figure
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
    write_notebook,
)
from tests.real.needs import need

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROUNDS = 3
CANCELS_AT = ("of about", "Asking", "Sending", "Asking", "Sending")  # what is being said then
_EMPTY = "empty = True"
_NO_KERNELS = "() => window.jupyterapp.serviceManager.sessions.shutdownAll()"
_WATCH = """() => {
    const panel = document.querySelector(".polyai-diag-panel"), draws = window.panelDraws = [];
    new MutationObserver((seen) => {
        const drawn = seen.some(({target}) => target.parentElement?.querySelector(".pd-status"));
        if (drawn) draws.push(performance.now());
    }).observe(panel, {childList: true, subtree: true});
}"""


def figures() -> list[Figure]:
    """Measure them all."""
    program = need("chromium", install="apt-get install chromium")
    with (
        tempfile.TemporaryDirectory() as folder,
        running_lab(Path(folder)) as served,
        chromium(program) as page,
    ):
        without = [_empty_s(page, served, n) for n in range(ROUNDS)]
        with_panel = [_panel_s(page, served, n) for n in range(ROUNDS)]
        most, runs_s = _redraws(page)
        cancels = [_cancelled(page, said) for said in CANCELS_AT]
    beyond_s = median(with_panel) - median(without)
    opened = f"medians of {ROUNDS}: {median(with_panel):.1f} s, {median(without):.1f} s without it"
    said = ", ".join(f"{times['stopped']:.0f}/{times['done']:.0f}" for times in cancels)
    return [
        Figure("JupyterLab open to panel ready, beyond JupyterLab", beyond_s, 3, "s", opened),
        Figure("Cancel, from the click to “Stopped” in the panel, the slowest",
               max(times["stopped"] for times in cancels) / 1000, 0.3, "s",
               f"to “Stopped”, and to the partial report, in ms: {said}"),
        Figure("redraws within one second of a whole run", most, 10, "",
               f"counted in the page, over {runs_s:.1f} s"),
    ]  # fmt: skip


def _empty_s(page: Page, served: Lab, number: int) -> float:
    """Open a notebook without a panel, and run its cell."""
    notebook = write_notebook(served.work, f"empty-{number}", f"{_EMPTY}\n'ready'")
    began_s = time.monotonic()
    open_notebook(page, served.url(notebook))
    command(page, "notebook:run-all-cells")
    page.locator(".jp-OutputArea-output", has_text="ready").wait_for()
    took_s = time.monotonic() - began_s
    page.evaluate(_NO_KERNELS)
    return took_s


def _panel_s(page: Page, served: Lab, number: int) -> float:
    began_s = time.monotonic()
    panel_in(page, served, f"panel-{number}")
    took_s = time.monotonic() - began_s
    if number < ROUNDS - 1:
        page.evaluate(_NO_KERNELS)
    return took_s


def _redraws(page: Page) -> tuple[int, float]:
    """Return the most redraws within a second of a run, and how long it took."""
    page.evaluate(_WATCH)
    page.locator(PANEL).get_by_role("button", name="Run", exact=True).click()
    status(page, "Done: ")
    at_ms: list[float] = page.evaluate("window.panelDraws")
    most = max(sum(began <= t < began + 1000 for t in at_ms) for began in at_ms)
    return most, (at_ms[-1] - at_ms[0]) / 1000


def _cancelled(page: Page, said: str) -> dict[str, float]:
    """Run, and press Cancel once the panel says so."""
    page.locator(PANEL).get_by_role("button", name="Run", exact=True).click()
    page.locator(f"{PANEL} .pd-status", has_text=said).wait_for()
    times = cancel_ms(page)
    page.locator(PANEL).get_by_role("tab", name="To send").wait_for()
    return times
