"""The panel in a real kernel, without a browser: outputs, and Interrupt Kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import KernelManager

from tests.faces.jupyterlab import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)

LIMIT_S = 60
MAKE = """from polyai_diag.notebook.panel import Panel
panel = Panel(complaint="no-audio")
def says(text):
    return text in panel._status.value
panel._status.observe(lambda change: print("SENDING") if "Sending" in change.new else None, "value")
"""


class Kernel:
    """A kernel, and the outputs of what it executes."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client = manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=LIMIT_S)

    def start(self, code: str) -> str:
        """Begin to execute; return the message's id."""
        return str(self.client.execute(code))

    def printed(self, text: str) -> None:
        """Wait until it prints this."""
        while text not in self.client.get_iopub_msg(timeout=LIMIT_S)["content"].get("text", ""):
            pass

    def outputs(self, message_id: str) -> list[dict[str, Any]]:
        """Wait for the end; return what was put out, as messages."""
        found: list[dict[str, Any]] = []
        while True:
            message = self.client.get_iopub_msg(timeout=LIMIT_S)
            if message["parent_header"].get("msg_id") != message_id:
                continue
            if message["content"].get("execution_state") == "idle":
                return found
            found.append(message)

    def value(self, expression: str) -> str:
        """Return what an expression is, as text."""
        outputs = self.outputs(self.start(f"print({expression})"))
        return "".join(m["content"]["text"] for m in outputs if m["msg_type"] == "stream").strip()


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    manager = KernelManager()
    manager.start_kernel(cwd=str(tmp_path))
    started = Kernel(manager)
    try:
        yield started
    finally:
        started.client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


@pytest.mark.parametrize("start", ["await panel.run()", "panel._run_button.click()"])
def test_interrupt_kernel_stops_a_run_and_leaves_its_report(kernel: Kernel, start: str) -> None:
    kernel.outputs(kernel.start(MAKE))
    run = kernel.start(start)
    kernel.printed("SENDING")
    kernel.manager.interrupt_kernel()
    if start.startswith("await"):
        assert [m["msg_type"] for m in kernel.outputs(run)].count("error") == 1
    else:
        kernel.outputs(kernel.start("import asyncio\nwhile panel._busy: await asyncio.sleep(0.01)"))
    assert kernel.value("panel.report.verdict.value") == "incomplete"
    assert kernel.value("panel.report.step('call').status.value") == "passed"
    assert kernel.value("panel._run_button.disabled") == "False"
    assert kernel.value("says('Done: incomplete.')") == "True"


def test_the_kept_report_is_an_output_that_each_run_renews(kernel: Kernel) -> None:
    kernel.outputs(kernel.start(MAKE.replace("no-audio", "unauthorized")))
    shown = [m for m in kernel.outputs(kernel.start("panel.kept()")) if "data" in m["content"]]
    (first,) = shown
    assert first["msg_type"] == "display_data"
    assert "No report yet" in first["content"]["data"]["text/plain"]
    place = first["content"]["transient"]["display_id"]
    renewed = [
        message["content"]
        for message in kernel.outputs(kernel.start("report = await panel.run()"))
        if message["msg_type"] == "update_display_data"
    ]
    assert [content["transient"]["display_id"] for content in renewed] == [place]
    assert renewed[0]["data"]["text/plain"] == "<Report healthy: no cause named>"
    assert "Nothing wrong" in renewed[0]["data"]["text/html"]
