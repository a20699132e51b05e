"""Loss and jitter from sequence numbers and times. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CLOCK_HZ = 48_000


@dataclass(frozen=True)
class LossFacts:
    """How many packets were due and how many did not come, with the 95 % interval of the rate."""

    expected: int
    lost: int
    low_percent: float
    high_percent: float

    @property
    def percent(self) -> float:
        """Return the share that was lost."""
        return 100 * self.lost / self.expected if self.expected else 0.0


def loss(sequence_numbers: Sequence[int]) -> LossFacts:
    """Count lost packets by 16-bit RTP sequence numbers, in order of arrival (RFC 3550 §A.3).

    The interval is Wilson's: losses are taken as independent, bursts make it wider in truth.
    """
    if not sequence_numbers:
        return LossFacts(0, 0, 0.0, 100.0)
    extended = [sequence_numbers[0]]
    for number in sequence_numbers[1:]:
        step = (number - extended[-1] + 0x8000) % 0x10000 - 0x8000
        extended.append(extended[-1] + step)
    expected = max(extended) - min(extended) + 1
    lost = expected - len(set(extended))
    return LossFacts(expected, lost, *wilson_percent(lost, expected))


def wilson_percent(count: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's interval of a rate, in percent; 95 % by default."""
    if total == 0:
        return 0.0, 100.0
    rate = count / total
    scale = 1 + z * z / total
    middle = (rate + z * z / (2 * total)) / scale
    half = z * math.sqrt(rate * (1 - rate) / total + z * z / (4 * total * total)) / scale
    return max(0.0, 100 * (middle - half)), min(100.0, 100 * (middle + half))


def jitter_ms(arrivals_s: Sequence[float], timestamps: Sequence[int]) -> float | None:
    """Return the mean |D| of RFC 3550 §6.4.1 in ms; None for fewer than two packets.

    The standard's running value depends on the last few packets; the mean does not.
    """
    pairs = list(zip(arrivals_s, timestamps, strict=True))
    differences = [
        abs((b_s - a_s) - timestamp_difference(b, a) / CLOCK_HZ)
        for (a_s, a), (b_s, b) in pairwise(pairs)
    ]
    return 1000 * sum(differences) / len(differences) if differences else None


def timestamp_difference(later: int, earlier: int) -> int:
    """Return how far 32-bit RTP timestamps lie apart, across the wrap (RFC 3550 §5.1)."""
    return (later - earlier + 2**31) % 2**32 - 2**31
