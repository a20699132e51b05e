"""What came out, in widgets: what is wrong, what to do, and all the rest in tabs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import ipywidgets as widgets

from polyai_diag.notebook import view

if TYPE_CHECKING:
    from polyai_diag.analysis.paste import Pasted
    from polyai_diag.report import Report


class Outcome:
    """A card that is hidden until there is something to show."""

    def __init__(self) -> None:
        self._shown: Report | None = None
        self.result = widgets.HTML()
        self.tabs = widgets.Tab()
        self.box = widgets.VBox([self.result, self.tabs])
        self.box.add_class("polyai-diag-card")
        self.hide()

    def hide(self) -> None:
        """Show nothing: what stands there is of an earlier run."""
        self._shown = None
        self.box.layout.display = "none"

    async def show(self, report: Report) -> None:
        """Show a report: what is wrong at once, the rest as soon as it is drawn."""
        self.tabs.layout.display = "none"
        self._show(view.result(report))
        self._shown = report
        drawn = await asyncio.to_thread(view.tabs, report)
        if self._shown is not report:
            return  # something else has come meanwhile
        self.tabs.children = [widgets.HTML(content) for content in drawn.values()]
        self.tabs.titles = tuple(drawn)
        self.tabs.selected_index = 0
        self.tabs.layout.display = None

    def show_pasted(self, pasted: Pasted) -> None:
        """Show what a paste is, its faults and its causes."""
        self._shown = None
        self.tabs.layout.display = "none"
        self._show(view.pasted(pasted))

    def _show(self, result: str) -> None:
        self.result.value = result
        self.box.layout.display = None
