"""Drawing at a bounded rate, however fast things happen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_S = 0.1  # ten times a second at most
_TICK_S = 0.25  # a clock is shown: it goes on where nothing happens


class Pulse:
    """Calls `draw` soon after `beat()`, at most ten times a second, and by itself in between.

    Belongs to the loop that it is made in. What came last is always drawn, unless it was stopped.
    """

    def __init__(self, draw: Callable[[], None]) -> None:
        self._draw = draw
        self._loop = asyncio.get_running_loop()
        self._drawn_s = -1.0
        self._stopped = False
        self._timer = self._loop.call_at(self._loop.time(), self._fire)

    def beat(self) -> None:
        """Something has changed."""
        due_s = self._drawn_s + EVERY_S
        if not self._stopped and self._timer.when() > due_s:
            self._arm(due_s)

    def stop(self) -> None:
        """Draw no more."""
        self._stopped = True
        self._timer.cancel()

    def _fire(self) -> None:
        self._drawn_s = self._loop.time()
        self._arm(self._drawn_s + _TICK_S)
        self._draw()

    def _arm(self, at_s: float) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_at(at_s, self._fire)
