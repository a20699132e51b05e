"""Interrupt Kernel, for a run that no cell waits for."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def interrupt_calls(action: Callable[[], None]) -> Iterator[None]:
    """Call `action` on SIGINT, where nothing else would: an idle kernel ignores it.

    A cell that runs has a handler of its own, and is left to it. Signals are the main thread's.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.SIG_IGN:
        yield
        return

    def interrupted(_number: int, _frame: object) -> None:
        action()

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is interrupted:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
