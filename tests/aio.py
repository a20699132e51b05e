"""Running a test that is a coroutine."""

import asyncio
import functools
import gc
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

LIMIT_S = 20
CLOSING_S = 0.01  # transports that were closed let go of their sockets in the rounds that follow

_P = ParamSpec("_P")


def in_loop(
    test: Callable[_P, Coroutine[Any, Any, None]], limit_s: float = LIMIT_S
) -> Callable[_P, None]:
    """Run the test in a loop of its own, bounded; fail on what it leaves or lets slip.

    Tasks that are left, exceptions that nobody fetched and sockets that nobody closed all fail it.
    """

    async def bounded(*args: _P.args, **kwargs: _P.kwargs) -> None:
        slips: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, slip: slips.append(slip))
        async with asyncio.timeout(limit_s):
            await test(*args, **kwargs)
        await asyncio.sleep(CLOSING_S)
        gc.collect(1)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert left == set(), [task.get_coro() for task in left]
        assert slips == [], slips

    @functools.wraps(test)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        asyncio.run(bounded(*args, **kwargs))

    return run


def in_loop_for(
    limit_s: float,
) -> Callable[[Callable[_P, Coroutine[Any, Any, None]]], Callable[_P, None]]:
    """Do what `in_loop` does, for a test that takes longer."""
    return functools.partial(in_loop, limit_s=limit_s)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until `holds()`; the test's own limit bounds it."""
    while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.005)
