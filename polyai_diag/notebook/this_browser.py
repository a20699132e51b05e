"""The browser check inside the panel: this browser, its microphone and its network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as widgets

from polyai_diag.notebook import view

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag.notebook.browser_check import BrowserCheck
    from polyai_diag.report import Report
    from polyai_diag.target import Target

_INTRODUCED = (
    "The kernel may sit far from the microphone. This checks the browser that you look at: its "
    "permissions, microphone, speaker, and a call of its own to the place chosen under “Place a "
    "call”. What it sees joins the report of the last run."
)


class ThisBrowser:
    """Shows a BrowserCheck when asked to; a sandbox that it needs runs until it is closed."""

    def __init__(self, on_report: Callable[[Report], None]) -> None:
        self._on_report = on_report
        self._check: BrowserCheck | None = None
        self.open_button = widgets.Button(description="Check this browser", button_style="primary")
        self.close_button = widgets.Button(description="Close the check")
        self._place = widgets.VBox()
        self._place.add_class("polyai-diag-place")
        buttons = widgets.HBox([self.open_button, self.close_button])
        buttons.add_class("polyai-diag-buttons")
        self.box = widgets.VBox([widgets.HTML(view.note(_INTRODUCED)), buttons, self._place])
        self._show(None)

    async def open(self, target: Target | None, fault: str) -> None:
        """Show the check of this target, of a sandbox with this fault for None."""
        from polyai_diag.notebook.browser_check import BrowserCheck, open_check  # noqa: PLC0415

        await self.close()
        if target is None:
            check = await open_check(fault=fault)
        else:
            check = BrowserCheck(target.url, target.ice_servers, target.token)
        check.on_report(self._on_report)
        self._show(check)

    async def close(self) -> None:
        """Take the check away, and stop the sandbox that it needed."""
        check = self._check
        self._show(None)
        if check is not None:
            await check.leave()
            check.close()

    def _show(self, check: BrowserCheck | None) -> None:
        self._check = check
        self._place.children = [] if check is None else [check]
        self.open_button.disabled = check is not None
        self.close_button.layout.display = "none" if check is None else None
