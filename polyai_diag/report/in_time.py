"""A limit for work that only computes, and that nothing else could cut off."""

from __future__ import annotations

import ctypes
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

LIMIT_S = 5.0  # a rule takes some microseconds, and a machine may be slow


def in_time(work: Callable[[], T]) -> T:
    """Do the work on a thread of its own; raise what it raises, TimeoutError after LIMIT_S.

    What has not ended by then is made to: the interpreter raises SystemExit in it.
    """
    outcome: Future[T] = Future()

    def do() -> None:
        with suppress(SystemExit):
            try:
                outcome.set_result(work())
            except Exception as exc:  # noqa: BLE001 - raised where it is waited for
                outcome.set_exception(exc)

    thread = Thread(target=do, name="judging", daemon=True)
    thread.start()
    try:
        return outcome.result(LIMIT_S)
    finally:
        if not outcome.done():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit)
            )
