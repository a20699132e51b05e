"""What came out, in widgets: what is wrong, what to do, and all the rest in tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as widgets

from polyai_diag.notebook import view

if TYPE_CHECKING:
    from polyai_diag.analysis.paste import Pasted
    from polyai_diag.report import Report


class Outcome:
    """A card that is hidden until there is something to show."""

    def __init__(self) -> None:
        self.result = widgets.HTML()
        self.tabs = widgets.Tab()
        self.box = widgets.VBox([self.result, self.tabs])
        self.box.add_class("polyai-diag-card")
        self.hide()

    def hide(self) -> None:
        """Show nothing: what stands there is of an earlier run."""
        self.box.layout.display = "none"

    def show(self, report: Report) -> None:
        """Show a report."""
        shown = view.tabs(report)
        self.tabs.children = [widgets.HTML(content) for content in shown.values()]
        self.tabs.titles = tuple(shown)
        self.tabs.selected_index = 0
        self.tabs.layout.display = None
        self._show(view.result(report))

    def show_pasted(self, pasted: Pasted) -> None:
        """Show what a paste is, its faults and its causes."""
        self.tabs.layout.display = "none"
        self._show(view.pasted(pasted))

    def _show(self, result: str) -> None:
        self.result.value = result
        self.box.layout.display = None
