"""What the RTP that arrived tells of its way: loss and how it comes, order, pauses. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from math import comb
from typing import TYPE_CHECKING, Protocol, TypeVar

from polyai_diag.analysis.quality import (
    CLOCK_HZ,
    UNSEEN_BURST,
    JitterFacts,
    LossFacts,
    extended,
    jitter,
    loss,
    loss_interval_percent,
    timestamp_difference,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP_MS = 200.0
"""So long nothing comes that was due: no jitter buffer hides it."""
MOST_GAPS = 20
CHANCE = 0.01
"""Less likely than this by chance: then losses come in bursts."""
LEAST_TO_TELL = 7
"""Of bursts of two on average half are alone: that seven in a row are has such a chance."""
_MOST_TESTED = 2000  # packets; with more of them the counts are scaled down


class Arrival(Protocol):
    """One RTP packet as it came; times are `time.monotonic()` seconds."""

    @property
    def arrival_s(self) -> float: ...  # noqa: D102
    @property
    def sequence_number(self) -> int: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def payload_type(self) -> int: ...  # noqa: D102
    @property
    def ssrc(self) -> int: ...  # noqa: D102


A = TypeVar("A", bound=Arrival)


@dataclass(frozen=True)
class Gap:
    """A pause in what arrives, `at_s` after the first packet; a pause of the sender's is none."""

    at_s: float
    ms: float


@dataclass(frozen=True)
class StreamFacts:
    """What one sender's packets tell; of several senders (SSRC) the one with most is judged."""

    received: int  # of all senders
    loss: LossFacts
    loss_kind: str | None  # "random" or "bursts"; None where too few are lost to tell
    jitter: JitterFacts | None
    reordered: int
    duplicates: int
    gaps: tuple[Gap, ...]  # the first MOST_GAPS
    ssrc_changes: int
    payload_types: tuple[int, ...]


def stream_facts(arrivals: Sequence[Arrival]) -> StreamFacts:
    """Judge packets in the order of their arrival."""
    main = main_stream(arrivals)
    numbers = extended([a.sequence_number for a in main])
    lost = loss([a.sequence_number for a in main])
    return StreamFacts(
        received=len(arrivals),
        loss=lost,
        loss_kind=loss_kind(lost.lost, lost.expected, lost.bursts),
        jitter=jitter(
            [a.arrival_s for a in main],
            [a.timestamp for a in main],
            [a.sequence_number for a in main],
        ),
        reordered=_reordered(numbers),
        duplicates=len(numbers) - len(set(numbers)),
        gaps=tuple(_gaps(main))[:MOST_GAPS],
        ssrc_changes=sum(one.ssrc != other.ssrc for one, other in pairwise(arrivals)),
        payload_types=tuple(sorted({a.payload_type for a in arrivals})),
    )


def loss_kind(lost: int, expected: int, bursts: int) -> str | None:
    """Say whether losses come one by one or in bursts, None where too few are lost to tell.

    Of packets lost independently the number of runs is known (Wald and Wolfowitz, 1940): so few
    of them as were seen are not chance, or are. "random" is said only where bursts of two on
    average would have shown.
    """
    if expected > _MOST_TESTED:
        scale = _MOST_TESTED / expected
        lost, expected, bursts = round(lost * scale), _MOST_TESTED, round(bursts * scale)
    if lost < 2 or lost >= expected or not bursts:
        return None
    if _chance_of_runs(lost, expected, bursts) < CHANCE:
        return "bursts"
    would_show = lost >= LEAST_TO_TELL and _chance_of_runs(lost, expected, lost // 2) < CHANCE
    return "random" if would_show else None


def _chance_of_runs(lost: int, expected: int, runs: int) -> float:
    """How likely so few runs are, or fewer, if every packet is as likely to be lost as any."""
    came = expected - lost
    ways = sum(comb(lost - 1, n - 1) * comb(came + 1, n) for n in range(1, runs + 1))
    return ways / comb(expected, lost)


def reported_loss_percent(lost: int, sent: int) -> tuple[float, float, float]:
    """Return loss in percent and its 95 % interval from counts alone, as RTCP reports give them.

    How losses come a report does not say: bursts of UNSEEN_BURST are reckoned with.
    """
    gone = min(max(0, lost), sent)  # duplicates make the count negative (RFC 3550 §6.4.1)
    low, high = loss_interval_percent(gone, sent, -(-gone // UNSEEN_BURST))
    return (100 * gone / sent if sent else 0.0), low, high


def main_stream(arrivals: Sequence[A]) -> list[A]:
    """Of several senders (SSRC) return the packets of the one with most, in their order."""
    if not arrivals:
        return []
    ((ssrc, _),) = Counter(a.ssrc for a in arrivals).most_common(1)
    return [a for a in arrivals if a.ssrc == ssrc]


def _reordered(numbers: Sequence[int]) -> int:
    """How many packets came after one that was sent later; the second of a pair counts once."""
    seen: set[int] = set()
    highest, late = -(2**63), 0
    for number in numbers:
        late += number < highest and number not in seen
        seen.add(number)
        highest = max(highest, number)
    return late


def _gaps(main: Sequence[Arrival]) -> list[Gap]:
    found = []
    for one, other in pairwise(main):
        pause_ms = (other.arrival_s - one.arrival_s) * 1000
        numbers = (other.sequence_number - one.sequence_number) % 2**16
        by_clock_ms = timestamp_difference(other.timestamp, one.timestamp) * 1000 / CLOCK_HZ
        meant = numbers == 1 and by_clock_ms > pause_ms - GAP_MS
        if pause_ms > GAP_MS and not meant:
            found.append(Gap(round(one.arrival_s - main[0].arrival_s, 2), round(pause_ms, 1)))
    return found
