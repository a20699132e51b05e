"""Waiting with an end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable


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
