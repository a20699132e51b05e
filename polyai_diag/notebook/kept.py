"""The last report as plain HTML in an output of its own: it stays in a saved notebook."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from IPython.display import DisplayHandle

if TYPE_CHECKING:
    from polyai_diag.report import Report


class Kept:
    """Shows the last report in a cell's output, and renews it there when another comes.

    Widgets are gone once a notebook is opened without its kernel; an output is not.
    """

    def __init__(self) -> None:
        self._handle: DisplayHandle | None = None

    def show(self, report: Report | None) -> None:
        """Show it in the cell that runs now, and from now on there."""
        self._handle = DisplayHandle()  # type: ignore[no-untyped-call]
        shown = _NoReport() if report is None else report
        self._handle.display(shown)  # type: ignore[no-untyped-call]

    async def renew(self, report: Report) -> None:
        """Show another one where the last one stands, if it stands anywhere."""
        if self._handle is not None:
            drawn = await asyncio.to_thread(report._repr_html_)
            shown = {"text/html": drawn, "text/plain": repr(report)}
            self._handle.update(shown, raw=True)  # type: ignore[no-untyped-call]


class _NoReport:
    """What stands there before the first run."""

    def __repr__(self) -> str:
        return "No report yet: it will stand here after a run."

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>"
