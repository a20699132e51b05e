"""What a run leaves behind: descriptors, threads, tasks, calls, relayed addresses."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.aio import until

if TYPE_CHECKING:
    from polyai_diag.sandbox import Sandbox

GONE_WITHIN_S = 3.0  # the sandbox's side hears of a close a moment later


def descriptors() -> Counter[str]:
    """What is open, by kind: sockets, pipes, files (Linux; nothing elsewhere)."""
    folder = Path("/proc/self/fd")
    found: Counter[str] = Counter()
    for descriptor in os.listdir(folder) if folder.is_dir() else ():  # noqa: PTH208 - names alone
        try:
            target = str((folder / descriptor).readlink())
        except OSError:
            continue  # the folder's own
        found[target.split(":[", maxsplit=1)[0]] += 1
    return found


def threads() -> set[threading.Thread]:
    """What runs beside us; those that only look up a name are nobody's to wait for."""
    return {thread for thread in threading.enumerate() if not thread.name.startswith("look up ")}


class Before(NamedTuple):
    """A loop before a run."""

    descriptors: Counter[str]
    tasks: set[asyncio.Task[Any]]

    @classmethod
    def now(cls) -> Before:
        """Look now."""
        return cls(descriptors(), asyncio.all_tasks())

    async def again(self, sandbox: Sandbox) -> None:
        """Wait until it is as it was; fail, and say what is left, where that takes too long."""
        try:
            async with asyncio.timeout(GONE_WITHIN_S):
                await until(lambda: not self._left(sandbox))
        except TimeoutError:
            raise AssertionError(self._left(sandbox)) from None

    def _left(self, sandbox: Sandbox) -> str:
        tasks = [task.get_coro() for task in asyncio.all_tasks() - self.tasks]
        opened = descriptors() - self.descriptors
        left = {
            "calls": sandbox.active_calls,
            "relayed addresses": sandbox.allocations,
            "tasks": tasks,
            "descriptors": dict(opened),
        }
        return ", ".join(f"{what}: {found}" for what, found in left.items() if found)
