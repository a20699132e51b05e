"""Waiting with an end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Collection, Coroutine

T = TypeVar("T")

AGAIN_S = 0.1
TIMES = 10


async def happens_within(seconds: float, awaited: Awaitable[object]) -> bool:
    """Wait for something; False when the time is over first.

    A TimeoutError of the awaited thing itself is raised, not mistaken for ours.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            await awaited
    except TimeoutError:
        if not limit.expired():
            raise
        return False
    return True


async def together(*awaited: Coroutine[Any, Any, T]) -> list[T]:
    """Run them at once; none of them outlives this, however it ends.

    Each is cancelled once at most, so that what it gives back in ending is not cut off;
    `asyncio.gather` alone ends when the first of them has.
    """
    tasks = [asyncio.ensure_future(one) for one in awaited]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            if not task.cancelling():
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def to_its_end(closing: Coroutine[Any, Any, None]) -> None:
    """Let it come to its end even if whoever waits is cancelled, once or again; that goes on then.

    A run that is cancelled while it closes what it holds would else leave it open.
    """
    task, cancelled = asyncio.create_task(closing), None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as exc:
            cancelled = exc
    failed = None if task.cancelled() else task.exception()  # looked at in either case
    if cancelled is not None:
        raise cancelled from failed
    task.result()


async def stop(tasks: Collection[asyncio.Task[Any]], within_s: float) -> None:
    """Cancel tasks and wait until they have ended; what ignores that is made to.

    Each gets so long to give back what it holds; after that it is cancelled again and again, and
    at last closed where it stands.
    """
    left = {task for task in tasks if not task.done()}
    for wait_s in (within_s, *[AGAIN_S] * TIMES):
        for task in left:
            task.cancel()
        if left:
            _, left = await asyncio.wait(left, timeout=wait_s)
    for task in left:
        _close(task)
    if left:
        await asyncio.wait(left, timeout=AGAIN_S)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # looked at: what it raised in ending is nobody's any more


def _close(task: asyncio.Task[Any]) -> None:
    """End the coroutine beneath a task that catches each CancelledError: it cannot be thrown one.

    The task ends when it wakes, and finds its coroutine gone.
    """
    coroutine = task.get_coro()
    if coroutine is not None:
        with contextlib.suppress(RuntimeError):  # it ignores even this
            coroutine.close()
    task.cancel()
