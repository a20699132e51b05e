"""The browser check inside the panel: this browser, its microphone and its network."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from polyai_diag.notebook import view
from polyai_diag.notebook.heavy import new_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
        self._held = AsyncExitStack()
        self.open_button = widgets.Button(description="Check this browser", button_style="primary")
        self.close_button = widgets.Button(description="Close the check")
        self._place = widgets.VBox()
        buttons = widgets.HBox([self.open_button, self.close_button])
        buttons.add_class("polyai-diag-buttons")
        self.box = widgets.VBox([widgets.HTML(view.note(_INTRODUCED)), buttons, self._place])
        self._shown(None)

    async def open(self, target: Target | None, faults: Sequence[str]) -> None:
        """Show the check of this target, of a sandbox with these faults for None."""
        await self.close()
        async with AsyncExitStack() as held:
            if target is None:
                sandbox = await held.enter_async_context(new_sandbox(faults))
                target = sandbox.target()
            self._shown(_check(target, self._on_report))
            self._held = held.pop_all()

    async def close(self) -> None:
        """Take the check away, and stop the sandbox that it needed."""
        self._shown(None)
        await self._held.aclose()

    def _shown(self, check: Any) -> None:
        for old in self._place.children:
            old.close()
        self._place.children = [] if check is None else [check]
        self.close_button.layout.display = "none" if check is None else None


def _check(target: Target, on_report: Callable[[Report], None]) -> Any:
    from polyai_diag.notebook.browser_check import BrowserCheck  # noqa: PLC0415 - when asked for

    check = BrowserCheck(target.url, target.ice_servers, target.token)
    check.on_report(on_report)
    return check
