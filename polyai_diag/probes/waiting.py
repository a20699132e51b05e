"""Waiting with an end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine

T = TypeVar("T")


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
