"""Loss, jitter and round trips from sequence numbers and times, with their intervals. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyai_diag.model import Json

CLOCK_HZ = 48_000
Z_95 = 1.96

UNSEEN_BURST = 5
"""Packets of the one burst that the interval of loss reckons with beyond those it has seen.

How long bursts are can be told only from bursts. Without this a run that met one or none of them
would take its losses for independent: under bursts of five such an interval covers 49 to 90 %.
"""


# --- loss -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LossFacts:
    """How many packets were due and how many did not come, with the 95 % interval of the rate."""

    expected: int
    lost: int
    low_percent: float
    high_percent: float
    bursts: int = 0  # runs of packets lost one after the other; one alone is a run too

    @property
    def percent(self) -> float:
        """Return the share that was lost."""
        return 100 * self.lost / self.expected if self.expected else 0.0

    @property
    def mean_burst(self) -> float:
        """Return how many packets are lost at a time; 0 where none is."""
        return self.lost / self.bursts if self.bursts else 0.0


def loss(sequence_numbers: Sequence[int]) -> LossFacts:
    """Count lost packets by 16-bit RTP sequence numbers, in order of arrival (RFC 3550 §A.3)."""
    if not sequence_numbers:
        return LossFacts(0, 0, 0.0, 100.0)
    came = sorted(set(extended(sequence_numbers)))
    expected = came[-1] - came[0] + 1
    bursts = sum(later - earlier > 1 for earlier, later in pairwise(came))
    return _loss_facts(expected, expected - len(came), bursts)


def extended(sequence_numbers: Sequence[int]) -> list[int]:
    """Return 16-bit RTP sequence numbers, in order of arrival, counted on across the wrap."""
    found: list[int] = []
    for number in sequence_numbers:
        before = found[-1] if found else number
        found.append(before + (number - before + 0x8000) % 0x10000 - 0x8000)
    return found


def loss_of(arrived: Sequence[bool]) -> LossFacts:
    """Count lost packets where each that was sent is known, in the order of sending."""
    bursts = sum(here and not there for there, here in pairwise([False, *(not a for a in arrived)]))
    return _loss_facts(len(arrived), sum(not a for a in arrived), bursts)


def _loss_facts(expected: int, lost: int, bursts: int) -> LossFacts:
    low, high = loss_interval_percent(lost, expected, bursts)
    return LossFacts(expected, lost, low, high, bursts)


def loss_interval_percent(lost: int, expected: int, bursts: int) -> tuple[float, float]:
    """Return the 95 % interval of the rate of loss, wider where losses come in bursts.

    Wilson's, over as many packets as the run is worth: losses that follow one another carry less
    news than independent ones, by (1 + ρ) / (1 − ρ), where ρ is the correlation of neighbours in
    a chain of two states (Gilbert, 1960). It covers 94 % and more for independent losses and for
    bursts of up to five, from 100 packets on (`tests/bench`).
    """
    if expected == 0:
        return 0.0, 100.0
    if lost == 0:
        return 0.0, wilson_percent(0, expected / UNSEEN_BURST)[1]
    if lost == expected:
        return wilson_percent(expected / UNSEEN_BURST, expected / UNSEEN_BURST)[0], 100.0
    ending = (bursts + 1) / (lost + UNSEEN_BURST)  # how likely a burst is to end, at each packet
    beginning = min(1.0, ending * lost / (expected - lost))
    correlation = max(0.0, 1 - ending - beginning)
    worth = (1 - correlation) / (1 + correlation)
    return wilson_percent(lost * worth, expected * worth)


def wilson_percent(count: float, total: float, z: float = Z_95) -> tuple[float, float]:
    """Return Wilson's interval of a rate of independent events, in percent; 95 % by default."""
    if total == 0:
        return 0.0, 100.0
    rate = count / total
    scale = 1 + z * z / total
    middle = (rate + z * z / (2 * total)) / scale
    half = z * math.sqrt(rate * (1 - rate) / total + z * z / (4 * total * total)) / scale
    return max(0.0, 100 * (middle - half)), min(100.0, 100 * (middle + half))


def rounded(interval: tuple[float, float]) -> list[Json]:
    """Return an interval as a report keeps it."""
    return [round(end, 2) for end in interval]


# --- jitter -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class JitterFacts:
    """How unevenly packets came, in ms.

    D is the change of the transit time from one packet to the next that was sent (RFC 3550
    §6.4.1). Where either of the two is lost there is no D: across a gap it would tell of two
    moments far apart, the more so the more is lost. STUN, TURN and the call count alike.
    """

    rfc3550_ms: float  # the running value at the end: it tells of the last few packets
    mean_ms: float  # of |D|
    low_ms: float  # 95 % interval of that mean
    high_ms: float
    p50_ms: float  # percentiles of |D|
    p95_ms: float
    p99_ms: float


def jitter(
    arrivals_s: Sequence[float], timestamps: Sequence[int], sequence_numbers: Sequence[int]
) -> JitterFacts | None:
    """Return the jitter of RTP packets in order of arrival; None where no two are neighbours."""
    came: dict[int, tuple[float, int]] = {}
    numbers = extended(sequence_numbers)
    for number, at_s, stamp in zip(numbers, arrivals_s, timestamps, strict=True):
        came.setdefault(number, (at_s, stamp))
    return jitter_of(
        [
            1000 * ((b_s - a_s) - timestamp_difference(b, a) / CLOCK_HZ)
            for (n, (a_s, a)), (m, (b_s, b)) in pairwise(sorted(came.items()))
            if m == n + 1
        ]
    )


def differences_ms(transits_ms: Sequence[float | None]) -> list[float]:
    """Return each D of packets in the order of sending; None is one that did not come."""
    return [b - a for a, b in pairwise(transits_ms) if a is not None and b is not None]


def jitter_of(differences_ms: Sequence[float]) -> JitterFacts | None:
    """Return the jitter from each D in ms, signed or not, in order (RFC 3550 §6.4.1, §A.8)."""
    if not differences_ms:
        return None
    sizes = [abs(d) for d in differences_ms]
    running = 0.0
    for size in sizes:
        running += (size - running) / 16
    ordered = sorted(sizes)
    percentiles = (percentile(ordered, share) for share in (0.5, 0.95, 0.99))
    return JitterFacts(running, fmean(sizes), *mean_interval(sizes), *percentiles)


def timestamp_difference(later: int, earlier: int) -> int:
    """Return how far 32-bit RTP timestamps lie apart, across the wrap (RFC 3550 §5.1)."""
    return (later - earlier + 2**31) % 2**32 - 2**31


# --- means, medians, percentiles --------------------------------------------------------------


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which that share lies, between neighbours by a straight line.

    Raises IndexError for no values.
    """
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = ordered[min(below + 1, len(ordered) - 1)]
    return ordered[below] + (above - ordered[below]) * (position - below)


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the median, whatever the distribution, by order statistics.

    With fewer than six values no two of them reach 95 %: then it is least and greatest.
    Raises IndexError for no values.
    """
    ordered = sorted(values)
    rank = max(0, math.floor((len(ordered) - Z_95 * math.sqrt(len(ordered))) / 2) - 1)
    return ordered[rank], ordered[-1 - rank]


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of a series whose neighbours may depend on each other.

    Neighbours in a series of differences share a packet: what they have in common is counted in.
    The interval of a mean of sizes never goes below zero. Raises StatisticsError for no values.
    """
    mean = fmean(values)
    off = [value - mean for value in values]
    own = sum(d * d for d in off)
    shared = sum(a * b for a, b in pairwise(off))
    degrees = max(1, len(values) - 2)  # the mean and what neighbours share are estimates as well
    half = Z_95 * math.sqrt(max(own, own + 2 * shared)) / degrees
    return max(0.0, mean - half), mean + half
