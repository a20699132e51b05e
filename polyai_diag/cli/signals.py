"""Signals: what ends a command, and with which exit code."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIGNAL_EXIT = {signal.SIGINT: 130, signal.SIGTERM: 143}


@contextlib.contextmanager
def on_signals(act: Callable[[int], None]) -> Iterator[None]:
    """Let SIGINT and SIGTERM call `act` within the running loop, on every platform."""
    loop = asyncio.get_running_loop()
    before = {
        number: signal.signal(number, lambda n, _: loop.call_soon_threadsafe(act, n))
        for number in SIGNAL_EXIT
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
