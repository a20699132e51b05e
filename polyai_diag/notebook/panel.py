"""The panel: a form, a button, and what follows from it."""

from __future__ import annotations

import asyncio
import platform
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from polyai_diag.notebook import view
from polyai_diag.notebook.aids import Aids
from polyai_diag.notebook.callbacks import Callbacks, PanelBusyError, words_of
from polyai_diag.notebook.form import Form
from polyai_diag.notebook.heavy import load_in_background, new_runner, new_sandbox
from polyai_diag.notebook.interrupts import interrupt_calls
from polyai_diag.notebook.kept import Kept
from polyai_diag.notebook.outcome import Outcome
from polyai_diag.notebook.paste import PasteBox, judge_paste
from polyai_diag.notebook.places import SANDBOX
from polyai_diag.notebook.progress import Course
from polyai_diag.notebook.pulse import Pulse
from polyai_diag.notebook.this_browser import ThisBrowser
from polyai_diag.plan import chosen
from polyai_diag.report import Report
from polyai_diag.report.html import panel_styles

if TYPE_CHECKING:
    from polyai_diag.model import Event
    from polyai_diag.runner import Runner
    from polyai_diag.target import Target

__all__ = ["Panel", "PanelBusyError"]


class Panel:
    """Diagnose from a notebook: `panel` shows it, `report = await panel.run()` is its button.

    `where` is "sandbox", a region or a signaling URL; `fault` one of the sandbox's FAULTS,
    `complaint` a section of the troubleshooting guide: `unauthorized`, `no-audio` or `ice`.
    """

    def __init__(self, where: str = SANDBOX, fault: str = "", complaint: str = "") -> None:
        self.report: Report | None = None
        """What the last run saw, None before the first."""
        self._ran: Report | None = None  # the last run alone, for a browser's check to join
        self._alert = widgets.HTML()
        self._callbacks = Callbacks(self._say)
        self._form = Form(where, fault, complaint, self._callbacks.here)
        self._paste = PasteBox()
        self._browser = ThisBrowser(self._browser_reports)
        self._run_button = widgets.Button(description="Run", button_style="primary")
        self._cancel_button = widgets.Button(description="Cancel")
        self._status = widgets.HTML()
        self._live = widgets.HTML()
        self._aids = Aids()
        self._outcome = Outcome()
        self._kept = Kept()
        self._widget = self._laid_out()
        self._runner: Runner | None = None
        self._course: Course | None = None
        self._pulse: Pulse | None = None
        self._busy = self._cancelled = False
        self._unlock()
        self._live.value = view.live({}, {})
        self._stands("Ready.", whole=False)
        for button, action in (
            (self._run_button, self.run),
            (self._cancel_button, self.cancel),
            (self._paste.button, self._judge_pasted),
            (self._browser.open_button, self._open_browser),
            (self._browser.close_button, self._browser.close),
        ):
            button.on_click(self._callbacks.on_loop(action))

    async def run(self) -> Report:
        """Do what the Run button does, and return the report.

        Raises TargetError for what cannot be called, PanelBusyError while another run goes on.
        When it is interrupted, what was seen until then is the report all the same.
        """
        if self._busy:
            message = "A run is under way: wait for it, or press Cancel first."
            self._say(message)
            raise PanelBusyError(message)
        self._callbacks.use_this_loop()
        self._busy = True
        try:
            target = self._form.read()
            self._lock()
            with interrupt_calls(lambda: self._callbacks.on_loop(self.cancel)(None)):
                report = await self._measure(target)
        except asyncio.CancelledError:
            self._stands("Stopped before it began.", whole=False)
            if self._runner is not None:
                await self._came(Report(self._runner.record()))
            raise
        except Exception as exc:
            self._say(words_of(exc))
            self._stands("Ready.", whole=False)
            raise
        finally:
            self._unlock()
        await self._came(report)
        return report

    def cancel(self) -> None:
        """Stop the run under way; what it has seen becomes the report."""
        if not self._busy:
            return
        self._cancelled = True
        self._pulse_stops()
        self._stands("Stopped. Closing what is open…", whole=False)
        if self._runner is not None:
            self._runner.cancel()

    def kept(self) -> None:
        """Show the last report in this cell's output as plain HTML, and renew it after each run.

        It stays readable in a saved notebook, where widgets are gone.
        """
        self._kept.show(self.report)

    async def _measure(self, target: Target | None) -> Report:
        if target is not None:
            return await self._diagnose(target)
        self._stands("Starting the sandbox…", whole=False)
        async with new_sandbox(self._form.faults) as sandbox:
            return await self._diagnose(sandbox.target(**self._form.options))

    async def _diagnose(self, target: Target) -> Report:
        steps = self._form.steps
        self._runner = new_runner(target, steps=steps, on_event=self._on_event)
        now_s = asyncio.get_running_loop().time()
        self._course = Course(chosen(steps), now_s, thorough=target.thorough, hold_s=target.hold_s)
        if self._cancelled:
            self._runner.cancel()  # while the sandbox was starting
        else:
            self._pulse = Pulse(self._draw)
        try:
            return Report(await self._runner.run())
        finally:
            self._pulse_stops()

    # --- what was pasted, and the browser ---

    async def _judge_pasted(self) -> None:
        text = self._paste.take()
        self._say("")
        self._paste.lock(True)
        try:
            judged = await asyncio.to_thread(judge_paste, text)
        finally:
            self._paste.lock(False)
        self._aids.said = f"Read: {judged.kind}."
        if judged.report is not None:
            await self._shows(judged.report)
        elif judged.pasted is not None:
            self._outcome.show_pasted(judged.pasted)

    async def _open_browser(self) -> None:
        self._say("")
        await self._browser.open(self._form.read(), self._form.fault.value)

    def _browser_reports(self, check: Report) -> None:
        self._callbacks.on_loop(lambda: self._browser_came(check))(None)

    async def _browser_came(self, check: Report) -> None:
        """Join what the browser saw to the last run's report; alone where there is none."""
        self._aids.said = "The browser's check has ended: it is in the report."
        await self._shows(check if self._ran is None else self._ran.with_browser(check))

    # --- while it runs ---

    def _on_event(self, event: Event) -> None:
        with self._callbacks.caught():
            if self._course is not None and self._pulse is not None:
                self._course.take(event, asyncio.get_running_loop().time())
                self._pulse.beat()

    def _draw(self) -> None:
        with self._callbacks.caught():
            self._redraw()

    def _redraw(self) -> None:
        if self._course is None:
            return
        moment = self._course.at(asyncio.get_running_loop().time())
        self._status.value = view.status(moment)
        self._live.value = view.live(moment.finished, moment.running)
        self._aids.said = moment.slow or moment.doing

    def _pulse_stops(self) -> None:
        if self._pulse is not None:
            self._pulse.stop()

    # --- how it stands ---

    def _say(self, text: str) -> None:
        self._alert.value = view.alert(text)

    def _stands(self, text: str, aside: str = "", *, whole: bool) -> None:
        self._status.value = view.ended(text, aside, whole=whole)
        self._aids.said = text

    def _lock(self) -> None:
        self._say("")
        self._live.value = view.live({}, {})
        self._outcome.hide()
        self._form.lock(True)
        self._run_button.disabled = True
        self._cancel_button.disabled = self._cancelled = False

    def _unlock(self) -> None:
        self._busy = False
        self._runner = self._course = self._pulse = None
        self._form.lock(False)
        self._run_button.disabled = False
        self._cancel_button.disabled = True

    async def _came(self, report: Report) -> None:
        """Take a run's report."""
        self._ran = report
        self._live.value = view.live({s.name: s for s in report.steps}, {})
        seconds = f"{report.record.duration_ms / 1000:.1f} s"
        self._stands(f"Done: {report.verdict.value}.", seconds, whole=True)
        await self._shows(report)

    async def _shows(self, report: Report) -> None:
        self.report = report
        await self._outcome.show(report)
        await self._kept.renew(report)

    # --- how it is shown ---

    def _laid_out(self) -> widgets.VBox:
        buttons = widgets.HBox([self._run_button, self._cancel_button, self._form.more_button])
        buttons.add_class("polyai-diag-buttons")
        whose = widgets.HTML(view.machine(platform.node()))
        form = [self._form.box, self._form.more, buttons]
        call = widgets.VBox([whose, *form, self._status, self._live])
        ways = widgets.Tab([call, self._paste.box, self._browser.box])
        ways.titles = ("Place a call", "Judge a paste", "Check this browser")
        asked = widgets.VBox([ways, self._alert])
        asked.add_class("polyai-diag-card")
        styles = widgets.HTML(panel_styles())
        panel = widgets.VBox([styles, self._aids, asked, self._outcome.box])
        panel.add_class("polyai-diag-panel")
        return panel

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        load_in_background()
        bundle: dict[str, Any] = self._widget._repr_mimebundle_(**kwargs)
        return {**bundle, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return "<Panel>"
