"""The panel of a walk: what it measures is held against the guide, and stays so."""

from __future__ import annotations

import os
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as widgets
from IPython.display import display

from polyai_diag.notebook.panel import Panel
from polyai_diag.notebook.places import SANDBOX
from polyai_diag.notebook.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag.report import Report


class WalkPanel(Panel):
    """A panel with a section of the guide chosen, and a walk that follows its runs.

    `section` is `unauthorized`, `no-audio`, `ice`, or "" for all of them; `gateway` is "sandbox",
    a region or a signaling URL; `fault` is what to break in the sandbox.
    """

    def __init__(self, section: str = "", gateway: str = SANDBOX, fault: str = "") -> None:
        self._section = section
        self._last: Report | None = None
        self._renew: Callable[[Walk | _Note], None] = lambda _: None  # it is shown nowhere yet
        super().__init__(gateway, fault, section)

    @property
    def report(self) -> Report | None:
        """What was seen last, by a run or by what else the panel judges; None before the first."""
        return self._last

    @report.setter
    def report(self, report: Report | None) -> None:
        self._last = report
        self._renew(self._walk())

    async def run(self) -> Report:
        """Do what the Run button does, return the report, and renew the walk."""
        self._renew(_Note("A run is under way: what follows from it will stand here."))
        try:
            return await super().run()
        except BaseException:
            self._renew(self._walk())
            raise

    def walk(self) -> None:
        """Show what the guide says, what was found and what to do next, here and after each run."""
        show = _as_widget if _in_voila() else _as_output
        self._renew = show(self._walk())

    def _walk(self) -> Walk | _Note:
        if self.report is None:
            return _Note("Nothing was measured yet: press Run in the panel.")
        return Walk(self._section, self.report)


class _Note:
    """One line in place of a walk."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f'<p role="status">{escape(self._text)}</p>'


# --- each shows it, and returns what renews it ------------------------------------------------


def _as_output(shown: Walk | _Note) -> Callable[[Walk | _Note], None]:
    """Show it as plain HTML, which a saved notebook keeps."""
    handle = display(shown, display_id=True)  # type: ignore[no-untyped-call]
    renew: Callable[[Walk | _Note], None] = handle.update
    return renew


def _as_widget(shown: Walk | _Note) -> Callable[[Walk | _Note], None]:
    """Show it as a widget: an output that has been shown never changes in Voila."""
    place = widgets.HTML(_html(shown))
    display(place)  # type: ignore[no-untyped-call]
    return lambda renewed: setattr(place, "value", _html(renewed))


def _html(shown: Walk | _Note) -> str:
    return shown._repr_html_()


def _in_voila() -> bool:
    return os.environ.get("SERVER_SOFTWARE", "").startswith("voila")
