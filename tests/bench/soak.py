"""`make soak`: many runs in one process; memory and open files stay flat, or it exits 1."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from pathlib import Path

from polyai_diag import diagnose
from polyai_diag.sandbox import Sandbox

RUNS = 25
WARM_UP = 5
GROWTH_MB = 20
FILES = 2


def resident_mb() -> float:
    """Return this process's resident memory (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def open_files() -> int:
    """Return how many file descriptors are open (Linux)."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counts, and names nothing


async def once() -> None:
    """Run everything once against a fresh sandbox."""
    async with Sandbox() as sandbox:
        report = await diagnose(sandbox.target())
        assert report.verdict == "healthy", report.findings


async def main() -> int:
    """Warm up, then watch."""
    before = (0.0, 0)
    for number in range(1, RUNS + 1):
        await once()
        gc.collect()
        now = (resident_mb(), open_files())
        before = now if number == WARM_UP else before
        print(f"run {number:>2}: {now[0]:.1f} MB, {now[1]} open files", flush=True)
    grown_mb, more_files = now[0] - before[0], now[1] - before[1]
    print(f"since run {WARM_UP}: {grown_mb:+.1f} MB (at most {GROWTH_MB}), {more_files:+d} files")
    return 0 if grown_mb <= GROWTH_MB and more_files <= FILES else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
