"""Packets over time: what came late, how unevenly, and what was lost, a bin at a time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import TYPE_CHECKING

from polyai_diag.analysis.quality import CLOCK_HZ, timestamp_difference

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BINS = 400
LEAST_BIN_S = 0.2  # ten packets

Packet = tuple[float, int, int]
"""Arrival in seconds, RTP timestamp, sequence number."""


@dataclass(frozen=True)
class Timeline:
    """Bins of one length, by the sender's clock from its first packet; None where none came.

    `late_ms` is how much later than the fastest of all a packet came, in the median of its bin,
    and `latest_ms` at most. `jitter_ms` is the mean |D| of neighbours in sending
    (`JitterFacts`).
    """

    every_s: float
    late_ms: tuple[float | None, ...]
    latest_ms: tuple[float | None, ...]
    jitter_ms: tuple[float | None, ...]
    lost_percent: tuple[float | None, ...]


def timeline(packets: Iterable[Packet]) -> Timeline | None:
    """Lay one sender's packets out over time; None for fewer than two."""
    ordered = _in_order(packets)
    if len(ordered) < 2:
        return None
    sent_s = [sent for sent, _, _ in ordered]
    every_s = max(LEAST_BIN_S, (sent_s[-1] + 0.02) / MOST_BINS)
    bins = min(MOST_BINS, int(sent_s[-1] / every_s) + 1)
    fastest_s = min(came_s - sent for sent, came_s, _ in ordered)
    late: list[list[float]] = [[] for _ in range(bins)]
    uneven: list[list[float]] = [[] for _ in range(bins)]
    lost = [0] * bins
    for sent, came_s, _ in ordered:
        late[_bin(sent, every_s, bins)].append((came_s - sent - fastest_s) * 1000)
    for (sent, came_s, number), (then, then_s, then_number) in pairwise(ordered):
        place = _bin(then, every_s, bins)
        if (then_number - number) % 2**16 == 1:
            uneven[place].append(abs((then_s - came_s) - (then - sent)) * 1000)
        lost[place] += max(0, (then_number - number - 1) % 2**16 if then_number != number else 0)
    return Timeline(
        every_s=every_s,
        late_ms=tuple(median(some) if some else None for some in late),
        latest_ms=tuple(max(some) if some else None for some in late),
        jitter_ms=tuple(fmean(some) if some else None for some in uneven),
        lost_percent=tuple(
            _percent(gone, len(some)) for gone, some in zip(lost, late, strict=True)
        ),
    )


def _in_order(packets: Iterable[Packet]) -> list[tuple[float, float, int]]:
    """Return (sent, arrived, number) in the order of sending, each timestamp once."""
    first: dict[int, Packet] = {}
    for packet in packets:
        first.setdefault(packet[1], packet)
    if not first:
        return []
    origin = next(iter(first))
    moved = sorted(
        (timestamp_difference(stamp, origin), at_s, number)
        for at_s, stamp, number in first.values()
    )
    begin = moved[0][0]
    return [((sent - begin) / CLOCK_HZ, at_s, number) for sent, at_s, number in moved]


def _bin(sent_s: float, every_s: float, bins: int) -> int:
    return min(bins - 1, int(sent_s / every_s))


def _percent(lost: int, came: int) -> float | None:
    return 100 * lost / (lost + came) if lost + came else None
