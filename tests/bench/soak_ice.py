"""`make soak`: every network of ICE's causes, ten times; 1 if a run names anything else."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from tests.real.ice_networks import TABLE, Row, called, missed

TIMES = 10


async def times_named(row: Row) -> int:
    """Return in how many runs the row was told as the table has it; print what was not."""
    named = 0
    for _ in range(TIMES):
        with tempfile.TemporaryDirectory(prefix="polyai-diag-") as folder:
            miss = missed(row, await called(row, Path(folder)))
        named += not miss
        if miss:
            print(f"     {miss}", flush=True)
    return named


async def main() -> int:
    """Go through the table."""
    if os.geteuid() != 0:
        print("not measured, for want of root: the causes of ICE, each in its network")
        return 0
    met = True
    for row in TABLE:
        times = await times_named(row)
        met &= times == TIMES
        mark = "ok  " if times == TIMES else "MISS"
        told = ", ".join(row.named) or "nothing critical"
        print(f"{mark} {times:>2} of {TIMES}  {row.name}: {told}", flush=True)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
