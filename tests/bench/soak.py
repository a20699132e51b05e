"""`make soak`: 100 runs in one process; memory, open files, threads and tasks stay flat, or 1."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from pathlib import Path
from statistics import median
from typing import NamedTuple

from polyai_diag import Report
from polyai_diag.runner import Runner
from polyai_diag.sandbox import Sandbox

RUNS = 100
WARM_UP, WINDOW = 10, 20  # after the first few, the mean of so many runs against that of the last
GROWTH_MB = 8
CANCEL_AT_S = 4.0
# What a monitor meets in a day: mostly nothing, and each way that a run can end.
PLAYED = (None, None, "turn-credentials-rejected", None, "ice-failed", None, "packet-loss", None,
          "signaling-timeout", "cancelled")  # fmt: skip


class Held(NamedTuple):
    """What this process holds after a run (Linux)."""

    megabytes: float
    files: int
    threads: int
    tasks: int

    @classmethod
    def now(cls) -> Held:
        """Look now."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counts, and names nothing
        return cls(
            pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
            files,
            threading.active_count(),
            len(asyncio.all_tasks()),
        )


async def once(played: str | None) -> None:
    """Run everything once against a fresh sandbox, and draw the report."""
    cancelled = played == "cancelled"
    async with Sandbox([played] if played and not cancelled else []) as sandbox:
        runner = Runner(sandbox.target())
        if cancelled:
            asyncio.get_running_loop().call_later(CANCEL_AT_S, runner.cancel)
        report = Report(await runner.run())
    report.to_json()
    report.to_html()
    if played is None:
        assert report.verdict == "healthy", report
    elif cancelled:
        assert report.verdict == "incomplete", report
    else:
        assert played in report.root_causes, report


async def main() -> int:
    """Warm up, then watch."""
    held = []
    for number in range(1, RUNS + 1):
        played = PLAYED[number % len(PLAYED)]
        await once(played)
        gc.collect()
        held.append(now := Held.now())
        said = f"{now.megabytes:.1f} MB, {now.files} files, {now.threads} threads"
        print(f"run {number:>3}: {said}, {now.tasks} tasks ({played or 'healthy'})", flush=True)
    early, late = held[WARM_UP : WARM_UP + WINDOW], held[-WINDOW:]
    grown_mb = median(h.megabytes for h in late) - median(h.megabytes for h in early)
    more = [max(h[i] for h in late) - max(h[i] for h in early) for i in (1, 2, 3)]
    first = f"runs {WARM_UP + 1} to {WARM_UP + WINDOW}"
    print(f"the last {WINDOW} against {first}: {grown_mb:+.1f} MB (at most {GROWTH_MB}), "
          f"{more[0]:+d} files, {more[1]:+d} threads, {more[2]:+d} tasks (none)")  # fmt: skip
    return 0 if grown_mb <= GROWTH_MB and max(more) <= 0 else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
