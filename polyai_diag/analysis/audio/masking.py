"""What lost packets carried: which samples may be measured. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

BEFORE_S = 0.003  # the overlap of two frames (RFC 6716 §4.3.7)
AFTER_S = 0.06  # the decoder goes on from a state that it never reached; three frames mend it


@dataclass(frozen=True)
class Heard:
    """The sound received, in one channel, and which of its samples arrived and are to be trusted.

    Outside of what was received there is silence that nobody heard: not to be trusted either.
    """

    sound: NDArray[np.float32]
    good: NDArray[np.bool_]

    def part(self, span: slice) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return a stretch and its trusted samples, filled up where the recording ends."""
        before, behind = max(0, -span.start), max(0, span.stop - max(span.start, len(self.sound)))
        inner = slice(max(0, span.start), max(0, span.stop))
        edges = (min(before, span.stop - span.start), min(behind, span.stop - span.start))
        return np.pad(self.sound[inner], edges), np.pad(self.good[inner], edges)

    def stretches(self, span: slice, least: int) -> list[slice]:
        """Return the stretches of `least` samples and more without a doubtful one."""
        _, good = self.part(span)
        return [slice(span.start + a, span.start + b) for a, b in runs(good) if b - a >= least]


def trusted(lost: NDArray[np.bool_] | None, samples: int) -> NDArray[np.bool_]:
    """Return which samples a lost packet has not spoiled, neither itself nor in what follows."""
    good = np.ones(samples, bool)
    if lost is None:
        return good
    before, after = round(BEFORE_S * SAMPLE_RATE_HZ), round(AFTER_S * SAMPLE_RATE_HZ)
    for begins, ends in runs(lost[:samples]):
        good[max(0, begins - before) : ends + after] = False
    return good


def runs(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield where each run of true values begins and ends."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def one_channel(received: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of the channels that carry sound, each turned the way of the loudest.

    A dead channel halves nothing then, and two in opposite phase do not cancel.
    """
    if received.shape[1] == 1 or not len(received):
        return np.ascontiguousarray(received.mean(axis=1) if received.size else received[:, 0])
    power = np.einsum("ij,ij->j", received, received)
    loudest = received[:, int(np.argmax(power))]
    alive = [
        side if float(side @ loudest) >= 0 else -side
        for side, its in zip(received.T, power, strict=True)
        if its > 0.01 * power.max()
    ]
    return np.ascontiguousarray(np.mean(alive, axis=0, dtype=np.float32) if alive else loudest)
