"""A JupyterLab server of its own for a test, and a Chromium page on one of its notebooks."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from playwright.sync_api import Page, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
_STARTED_S, _ENDED_S = 60, 20
_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
    "docmanager-extension/plugin": {"autosave": False},
}


class Lab(NamedTuple):
    """A JupyterLab server that runs, and the folder that it serves."""

    work: Path
    root_url: str
    token: str

    def url(self, notebook: str) -> str:
        """Return the URL that opens this notebook, in a workspace of its own."""
        name = Path(notebook).stem
        return f"{self.root_url}/lab/workspaces/{name}/tree/{notebook}?reset&token={self.token}"


@contextmanager
def running_lab(folder: Path) -> Iterator[Lab]:
    """Serve an empty folder; the kernels are of this Python."""
    work = folder / "work"
    work.mkdir()
    for name, setting in _SETTINGS.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(setting))
    token, port = secrets.token_hex(16), _free_port()
    environment = os.environ | {
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": str(ROOT),
    }
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1"),
        *("--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None"),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(command, cwd=work, env=environment, stdout=log, stderr=log)
        try:
            root_url = f"http://127.0.0.1:{port}"
            _await_server(f"{root_url}/api?token={token}", server)
            yield Lab(work, root_url, token)
        finally:
            _end(server)


@contextmanager
def lab(folder: Path, notebook: Path) -> Iterator[str]:
    """Serve a copy of the notebook; give the URL that opens it."""
    with running_lab(folder) as served:
        shutil.copy(notebook, served.work)
        yield served.url(notebook.name)


@contextmanager
def chromium(executable: Path) -> Iterator[Page]:
    """Open a page in a fresh Chromium, which may download and reaches loopback alone."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 1700}, accept_downloads=True)
        page.set_default_timeout(45_000)
        try:
            yield page
        finally:
            browser.close()


def open_notebook(page: Page, url: str) -> None:
    """Open the notebook and wait for an idle kernel."""
    page.goto(url)
    page.wait_for_function("async () => { await window.jupyterapp?.started; return true; }")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_function(
        """() => window.jupyterapp?.shell.currentWidget?.sessionContext
                 ?.session?.kernel?.status === "idle" """
    )


def command(page: Page, name: str, arguments: dict[str, str] | None = None) -> None:
    """Start one of JupyterLab's commands, without waiting for its end."""
    page.evaluate(
        "([name, given]) => { window.jupyterapp.commands.execute(name, given); }",
        [name, arguments or {}],
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _end(server: subprocess.Popen[bytes]) -> None:
    """End it; one that still waits for a kernel of a busy machine's has nothing to keep."""
    server.terminate()
    try:
        server.wait(timeout=_ENDED_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _await_server(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _STARTED_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own server
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise RuntimeError("JupyterLab did not start")


PANEL = ".polyai-diag-panel"
_CANCEL = """() => new Promise((resolve) => {
    const panel = document.querySelector(".polyai-diag-panel"), times = {};
    const cancel = [...panel.querySelectorAll("button")].find((b) => b.textContent === "Cancel");
    const began = performance.now();
    const look = () => {
        const said = panel.querySelector(".pd-status").textContent;
        if (said.includes("Stopped")) times.stopped ??= performance.now() - began;
        if (!said.includes("Done: incomplete")) return;
        seen.disconnect();
        resolve({done: performance.now() - began, ...times});
    };
    const seen = new MutationObserver(look);
    seen.observe(panel, {childList: true, subtree: true, characterData: true});
    cancel.click();
})"""


def write_notebook(folder: Path, name: str, *sources: str) -> str:
    """Write a notebook of these cells; return its file name."""
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    cells: list[dict[str, object]] = [
        {"cell_type": "code", "id": f"cell-{i}", "metadata": {}, "source": source, "outputs": [],
         "execution_count": None}
        for i, source in enumerate(sources)
    ]  # fmt: skip
    whole = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / f"{name}.ipynb").write_text(json.dumps(whole), encoding="utf-8")
    return f"{name}.ipynb"


def panel_in(page: Page, served: Lab, name: str, arguments: str = "", *further: str) -> None:
    """Open a notebook with a panel, and with further cells, and wait until it can be used."""
    source = f"from polyai_diag.notebook.panel import Panel\npanel = Panel({arguments})\npanel"
    notebook = write_notebook(served.work, name, source, *further)
    open_notebook(page, served.url(notebook))
    command(page, "notebook:run-all-cells")
    page.locator(f"{PANEL} button", has_text="Run").wait_for()
    page.locator(f"{PANEL} [role=status]", has_text="Ready.").wait_for(state="attached")


def status(page: Page, text: str) -> None:
    """Wait until the panel says so to whoever listens."""
    page.locator(f"{PANEL} [role=status]", has_text=text).wait_for(state="attached")


def cancel_ms(page: Page) -> dict[str, float]:
    """Press Cancel; return after how long it was said, `stopped` and `done`."""
    times: dict[str, float] = page.evaluate(_CANCEL)
    return times
