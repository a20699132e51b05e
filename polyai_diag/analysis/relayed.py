"""What a row of packets through a relay tells: round trips, loss, jitter, stalls. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from polyai_diag.analysis.quality import jitter_of, loss_of, percentile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STALL_MS = 60.0
"""Three packets' time: a pause that a jitter buffer does not hide."""
BUNCHED_MS = 5.0
"""What was held back comes out at once; what is sent 20 ms apart does not."""


@dataclass(frozen=True)
class RelayedFacts:
    """A row of packets: times in ms, the loss with its 95 % interval in percent.

    A stall is a pause after which packets arrive in a bunch: one packet held up those behind it,
    as TCP does while it sends a lost segment again. Loss alone leaves a pause and no bunch.
    """

    sent: int
    lost: int
    loss_interval_percent: tuple[float, float]
    rtt_p50_ms: float | None
    rtt_p95_ms: float | None
    jitter_ms: float | None  # mean |D| of RFC 3550 §6.4.1
    stalls: int
    longest_stall_ms: float

    @property
    def loss_percent(self) -> float:
        """Return the share that was lost."""
        return 100 * self.lost / self.sent if self.sent else 0.0


def relayed_facts(sent_s: Sequence[float], arrived_s: Mapping[int, float]) -> RelayedFacts:
    """Judge a row: when each packet was sent, in order, and when those that came arrived.

    `arrived_s` is keyed by the packet's place in `sent_s`.
    """
    lost = loss_of([place in arrived_s for place in range(len(sent_s))])
    transits_ms = [(arrived_s[n] - sent_s[n]) * 1000 for n in sorted(arrived_s)]
    jitter = jitter_of([later - earlier for earlier, later in pairwise(transits_ms)])
    ordered = sorted(transits_ms)
    stalls_ms = _stalls_ms(sorted(arrived_s.values()))
    return RelayedFacts(
        sent=lost.expected,
        lost=lost.lost,
        loss_interval_percent=(lost.low_percent, lost.high_percent),
        rtt_p50_ms=percentile(ordered, 0.5) if ordered else None,
        rtt_p95_ms=percentile(ordered, 0.95) if ordered else None,
        jitter_ms=jitter.mean_ms if jitter else None,
        stalls=len(stalls_ms),
        longest_stall_ms=max(stalls_ms, default=0.0),
    )


def throughput_kbps(sizes_bytes: int, arrived_s: Mapping[int, float], offered_kbps: float) -> float:
    """Return how fast packets of one size came, in kb/s; never more than was offered."""
    times_s = sorted(arrived_s.values())
    if len(times_s) < 2:
        return 0.0
    span_s = times_s[-1] - times_s[0]
    bits = 8 * sizes_bytes * (len(times_s) - 1)
    return min(offered_kbps, bits / span_s / 1000) if span_s else offered_kbps


def _stalls_ms(times_s: Sequence[float]) -> list[float]:
    """Return the pauses that end in a bunch."""
    gaps_ms = [(later - earlier) * 1000 for earlier, later in pairwise(times_s)]
    return [
        gap_ms
        for gap_ms, next_ms in pairwise(gaps_ms)
        if gap_ms > STALL_MS and next_ms < BUNCHED_MS
    ]
