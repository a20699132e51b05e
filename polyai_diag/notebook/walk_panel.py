"""The panel of a walk: what it measures is held against the guide, and stays so."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from IPython.display import display

from polyai_diag.notebook.form import SANDBOX
from polyai_diag.notebook.panel import Panel
from polyai_diag.notebook.walk import Walk

if TYPE_CHECKING:
    from polyai_diag.report import Report


class WalkPanel(Panel):
    """A panel with a section of the guide chosen, and a walk that follows its runs.

    `section` is `unauthorized`, `no-audio`, `ice`, or "" for all of them; `gateway` is "sandbox",
    a region or a signaling URL; `fault` is what to break in the sandbox.
    """

    def __init__(self, section: str = "", gateway: str = SANDBOX, fault: str = "") -> None:
        super().__init__(gateway, fault, section)
        self._section = section
        self._shown: Any = None  # IPython's handle of the walk's place, None before it has one

    async def run(self) -> Report:
        """Do what the Run button does, return the report, and renew the walk."""
        self._update(_Note("A run is under way: what follows from it will stand here."))
        try:
            return await super().run()
        finally:
            self._update(self._walk())

    def walk(self) -> None:
        """Show what the guide says, what was found and what to do next, here and after each run."""
        self._shown = display(self._walk(), display_id=True)  # type: ignore[no-untyped-call]

    def _walk(self) -> Walk | _Note:
        if self.report is None:
            return _Note("Nothing was measured yet: press Run in the panel.")
        return Walk(self._section, self.report)

    def _update(self, what: Walk | _Note) -> None:
        if self._shown is not None:
            self._shown.update(what)


class _Note:
    """One line in place of a walk."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f'<p role="status">{escape(self._text)}</p>'
