"""The panel: a form, a button, and what follows from it."""

from __future__ import annotations

import asyncio
import platform
import time
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from polyai_diag.model import Event, Progress, StepFinished, StepResult, StepStarted
from polyai_diag.notebook import view
from polyai_diag.notebook.form import SANDBOX, Form
from polyai_diag.plan import TITLES, chosen
from polyai_diag.report import Report
from polyai_diag.report.html import panel_styles
from polyai_diag.runner import Runner
from polyai_diag.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag.target import Target

_REDRAW_S = 0.1


class PanelBusyError(RuntimeError):
    """A run is under way already; the text says what to do."""


class Panel:
    """Diagnose from a notebook: `panel` shows it, `report = await panel.run()` is its button.

    `where` is "sandbox", a region or a signaling URL; `fault` one of the sandbox's FAULTS,
    `complaint` a section of the troubleshooting guide: `unauthorized`, `no-audio` or `ice`.
    """

    def __init__(self, where: str = SANDBOX, fault: str = "", complaint: str = "") -> None:
        self.report: Report | None = None
        """What the last run saw, None before the first."""
        self._form = Form(where, fault, complaint)
        self._run_button = widgets.Button(description="Run", button_style="primary")
        self._cancel_button = widgets.Button(description="Cancel")
        self._status = widgets.HTML()
        self._alert = widgets.HTML()
        self._live = widgets.HTML()
        self._result = widgets.HTML()
        self._tabs = widgets.Tab()
        self._outcome = widgets.VBox([self._result, self._tabs])
        self._widget = self._laid_out()
        self._loop = _running_loop()
        self._tasks: set[asyncio.Task[Report]] = set()  # the loop itself holds them weakly
        self._runner: Runner | None = None
        self._busy = False
        self._steps: dict[str, StepResult] = {}
        self._running: dict[str, str] = {}
        self._began = self._drawn = 0.0
        self._clear()
        self._end()
        self._status.value = view.status("Ready.")
        self._run_button.on_click(self._from_any_thread(self._start))
        self._cancel_button.on_click(self._from_any_thread(self.cancel))

    async def run(self) -> Report:
        """Do what the Run button does, and return the report.

        Raises TargetError for what cannot be called, PanelBusyError while another run goes on.
        """
        if self._busy:
            message = "A run is under way: wait for it, or press Cancel first."
            self._alert.value = view.alert(message)
            raise PanelBusyError(message)
        self._loop = asyncio.get_running_loop()
        self._busy = True
        try:
            target = self._form.read()
            self._form.lock(True)
            self._run_button.disabled = True
            self._clear()
            self.report = await self._measure(target)
        except Exception as exc:
            self._fail(exc)
            raise
        finally:
            self._end()
        self._show(self.report)
        return self.report

    def cancel(self) -> None:
        """Stop the run under way; what it has seen becomes the report."""
        if self._runner is not None:
            self._status.value = view.status("Stopping…")
            self._runner.cancel()

    async def _measure(self, target: Target | None) -> Report:
        if target is not None:
            return await self._diagnose(target)
        self._status.value = view.status("Starting the sandbox…")
        async with Sandbox(faults=self._form.faults) as sandbox:
            return await self._diagnose(sandbox.target())

    async def _diagnose(self, target: Target) -> Report:
        self._runner = Runner(target, steps=self._form.steps, on_event=self._on_event)
        self._cancel_button.disabled = False
        return Report(await self._runner.run())

    # --- from callbacks, which may come on any thread ---

    def _from_any_thread(self, action: Callable[[], None]) -> Callable[[object], None]:
        def clicked(_button: object) -> None:
            if self._loop is None:
                self._alert.value = view.alert("No event loop: run `await panel.run()` in a cell.")
            else:
                self._loop.call_soon_threadsafe(action)

        return clicked

    def _start(self) -> None:
        task = asyncio.get_running_loop().create_task(self.run())
        self._tasks.add(task)
        task.add_done_callback(self._started_task_ended)

    def _started_task_ended(self, task: asyncio.Task[Report]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # taken: the alert shows it already

    # --- while it runs ---

    def _on_event(self, event: Event) -> None:
        if isinstance(event, StepFinished):
            self._steps[event.result.name] = event.result
            self._running.pop(event.result.name, None)
        elif isinstance(event, StepStarted):
            self._running[event.name] = ""
        elif isinstance(event, Progress):
            self._running[event.name] = event.text
            if time.monotonic() - self._drawn < _REDRAW_S:
                return
        else:
            return
        self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        asked = len(chosen(self._form.steps))
        percent = min(100 * len(self._steps) // asked, 100)
        doing = [f"{TITLES[n]}{f': {t}' if t else ''}" for n, t in self._running.items()]
        self._status.value = view.status(
            "; ".join(doing) or "Working…", f"{self._drawn - self._began:.1f} s", percent
        )
        self._live.value = view.live(self._steps, self._running)

    def _clear(self) -> None:
        self._steps, self._running = {}, {}
        self._began = self._drawn = time.monotonic()
        self._alert.value = ""
        self._live.value = view.live({}, {})
        self._outcome.layout.display = "none"

    def _end(self) -> None:
        self._busy = False
        self._runner = None
        self._form.lock(False)
        self._run_button.disabled = False
        self._cancel_button.disabled = True

    def _fail(self, exc: Exception) -> None:
        named = "" if isinstance(exc, ValueError) else f"{type(exc).__name__}: "
        self._alert.value = view.alert(f"{named}{exc}")
        self._status.value = view.status("Ready.")

    def _show(self, report: Report) -> None:
        self._live.value = view.live({s.name: s for s in report.steps}, {})
        self._result.value = view.result(report)
        shown = view.tabs(report)
        self._tabs.children = [widgets.HTML(content) for content in shown.values()]
        self._tabs.titles = tuple(shown)
        self._tabs.selected_index = 0
        self._outcome.layout.display = None
        seconds = f"{report.record.duration_ms / 1000:.1f} s"
        self._status.value = view.status(f"Done: {report.verdict.value}.", seconds, 100)

    # --- how it is shown ---

    def _laid_out(self) -> widgets.VBox:
        buttons = widgets.HBox([self._run_button, self._cancel_button])
        buttons.add_class("polyai-diag-buttons")
        asked = widgets.VBox([self._form.box, buttons, self._alert, self._status, self._live])
        for card in (asked, self._outcome):
            card.add_class("polyai-diag-card")
        head = widgets.HTML(f"{panel_styles()}{view.machine(platform.node())}")
        panel = widgets.VBox([head, asked, self._outcome])
        panel.add_class("polyai-diag-panel")
        return panel

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = self._widget._repr_mimebundle_(**kwargs)
        return {**bundle, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return "<Panel>"


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
