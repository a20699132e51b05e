"""Signals: what ends a command, and with which exit code."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIGNAL_EXIT = {signal.SIGINT: 130, signal.SIGTERM: 143}


@contextlib.contextmanager
def on_signals(act: Callable[[int], None]) -> Iterator[None]:
    """Let SIGINT and SIGTERM call `act` within the running loop, on every platform."""
    loop = asyncio.get_running_loop()
    with _handled(lambda number: loop.call_soon_threadsafe(act, number)):
        yield


class Held:
    """The first SIGINT or SIGTERM of a while, and what it stops meanwhile."""

    def __init__(self) -> None:
        self.stop: Callable[[], object] | None = None
        self._came: int | None = None

    @property
    def exit_code(self) -> int | None:
        """What to exit with, None where no signal has come."""
        return None if self._came is None else SIGNAL_EXIT[signal.Signals(self._came)]

    def come(self, number: int) -> None:
        """Take one."""
        self._came = self._came or number
        if self.stop is not None:
            self.stop()


@contextlib.contextmanager
def held_signals() -> Iterator[Held]:
    """Hold SIGINT and SIGTERM until the end: what has been measured is written first."""
    held = Held()
    with _handled(held.come):
        yield held


@contextlib.contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the program as Ctrl-C does: the terminal as it was, nothing left behind."""
    try:
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(SIGNAL_EXIT[signal.SIGTERM]))
    except ValueError:  # not the main thread: its signals are somebody else's
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _handled(act: Callable[[int], object]) -> Iterator[None]:
    before = {number: signal.signal(number, lambda n, _: act(n)) for number in SIGNAL_EXIT}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
