"""What a row of packets through a relay tells: round trips, loss, jitter, stalls. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from polyai_diag.analysis.quality import differences_ms, jitter_of, loss_of, percentile

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
    lost_bursts: int  # how often in a row, one alone included
    loss_interval_percent: tuple[float, float]
    rtt_p50_ms: float | None
    rtt_p95_ms: float | None
    jitter_ms: float | None  # mean |D| of neighbours in sending (`JitterFacts`)
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
    came_s = map(arrived_s.get, range(len(sent_s)))
    transits_ms = [
        None if at_s is None else (at_s - from_s) * 1000
        for at_s, from_s in zip(came_s, sent_s, strict=True)
    ]
    jitter = jitter_of(differences_ms(transits_ms))
    ordered = sorted(ms for ms in transits_ms if ms is not None)
    stalls_ms = _stalls_ms(sorted(arrived_s.values()))
    return RelayedFacts(
        sent=lost.expected,
        lost=lost.lost,
        lost_bursts=lost.bursts,
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
