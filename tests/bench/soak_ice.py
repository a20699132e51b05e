"""`make soak`: every network of ICE's causes, ten times; 1 if a run names anything else."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from tests.real.ice_networks import Row, called, missed
from tests.real.ice_table import TABLE

TIMES = 10
AT_ONCE = 3  # a call mostly waits; more of them would make the machine itself a fault


async def times_named(row: Row, free: asyncio.Semaphore) -> int:
    """Return in how many runs the row was told as the table has it; print what was not."""
    misses = await asyncio.gather(*(_missed(row, free) for _ in range(TIMES)))
    for miss in filter(None, misses):
        print(f"     {miss}", flush=True)
    return misses.count("")


async def _missed(row: Row, free: asyncio.Semaphore) -> str:
    async with free:
        with tempfile.TemporaryDirectory(prefix="polyai-diag-") as folder:
            return missed(row, await called(row, Path(folder)))


async def main() -> int:
    """Go through the table."""
    if os.geteuid() != 0:
        print("not measured, for want of root: the causes of ICE, each in its network")
        return 0
    met, free = True, asyncio.Semaphore(AT_ONCE)
    for row in TABLE:
        times = await times_named(row, free)
        met &= times == TIMES
        mark = "ok  " if times == TIMES else "MISS"
        told = ", ".join(row.named) or "nothing critical"
        print(f"{mark} {times:>2} of {TIMES}  {row.name}: {told}", flush=True)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
