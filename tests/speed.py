"""How fast this machine is now: limits of CPU time hold on slow machines as well."""

from __future__ import annotations

import time

_ADDITIONS = 1_000_000
_SECONDS_THERE = 0.045  # of CPU, on the machine that the limits were set on


def cpu_here_s(limit_s: float) -> float:
    """Return what a limit of CPU time, in seconds, comes to on this machine; never less."""
    return limit_s * max(1.0, min(_counting_s() for _ in range(3)) / _SECONDS_THERE)


def _counting_s() -> float:
    begun_s, total = time.process_time(), 0
    for number in range(_ADDITIONS):
        total += number
    return time.process_time() - begun_s
