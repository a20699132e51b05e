"""What lost packets carried: which samples may be measured. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from polyai_diag.analysis.audio.decimation import decimated
from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

BEFORE_S = 0.003  # the overlap of two frames (RFC 6716 §4.3.7)
MENDED_S = 0.12  # the decoder goes on from a state that it never reached: to -30 dB in six frames
BLOCK = 480  # 10 ms
RAVING = 1.25
LOUD_FROM = 0.02
RAVES_BLOCKS = 120  # 1.2 s
BESIDE_BLOCKS = 12  # what swells has ebbed before
LIKE_S = 0.04  # and so far that the sound resembles itself, in two


@dataclass(frozen=True)
class Heard:
    """The sound received, in one channel, and which of its samples arrived and are to be trusted.

    Outside of what was received there is silence that nobody heard: not to be trusted either.
    """

    sound: NDArray[np.float32]
    good: NDArray[np.bool_]

    @cached_property
    def low(self) -> NDArray[np.float32]:
        """The sound up to 7 kHz, at `LOW_RATE_HZ`: for all who look no higher, made once."""
        return decimated(self.sound)

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


def trusted(
    lost: NDArray[np.bool_] | None, samples: int, after_s: float = MENDED_S
) -> NDArray[np.bool_]:
    """Return which samples a lost packet has not spoiled, neither itself nor in what follows."""
    good = np.ones(samples, bool)
    if lost is None:
        return good
    before, after = round(BEFORE_S * SAMPLE_RATE_HZ), round(after_s * SAMPLE_RATE_HZ)
    for begins, ends in runs(lost[:samples]):
        good[max(0, begins - before) : ends + after] = False
    return good


def settled(
    good: NDArray[np.bool_], sound: NDArray[np.float32], sent: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Return the trusted samples less those in which the decoder raves after a loss.

    On so steady a sound as a sweep SILK's long-term prediction may swell for a second after a
    lost packet, as loud as you like. `sent` stands where it came back; both are of one length.
    """
    levels, expected = _levels(sound), _levels(sent)
    steady = expected > LOUD_FROM
    if good.all() or not steady.any():
        return good
    gain = float(np.median(levels[steady] / expected[steady]))
    around = np.max([np.roll(expected, -1), expected, np.roll(expected, 1)], axis=0)
    raving = levels > RAVING * gain * around + LOUD_FROM
    lost = _levels(np.asarray(~good, np.float32)) > 0
    after = np.convolve(lost, np.ones(RAVES_BLOCKS))[: len(lost)] > 0
    spoiled = np.convolve(raving & after, np.ones(2 * BESIDE_BLOCKS + 1), mode="same") > 0
    kept = good.copy()
    kept[: len(spoiled) * BLOCK] &= ~np.repeat(spoiled, BLOCK)
    return kept


def _levels(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    blocks = sound[: len(sound) // BLOCK * BLOCK].reshape(-1, BLOCK)
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", blocks, blocks) / BLOCK))


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
    if not alive:
        return np.ascontiguousarray(loudest)
    return np.asarray(sum(alive) / len(alive), np.float32)
