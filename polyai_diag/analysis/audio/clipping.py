"""Clipping: tops that are flat at one and the same level, at full scale or anywhere under it. Pure.

A natural top is flat for a few samples as well, where the steps of the quantizer are coarse: then
its neighbours lie a step or two below, while a clipped one falls off at once. And natural tops
stand at any level, clipped ones at the ceiling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RUN = 3  # samples in a row
QUIETEST = 0.01  # -40 dBFS: what clips is loud
BINS_A_DECIBEL = 20
LOWEST_DB = -40.0
HIGHEST_DB = 20.0
CEILING_BINS = 1  # either side: the two halves of a wave need not be cut at quite the same level
STEEPER = 1.5  # than the top of a parabola within one step of the quantizer


@dataclass(frozen=True)
class Clipped:
    """How often a ceiling was hit; `share` of all samples of all channels."""

    runs: int
    share: float
    ceiling_dbfs: float | None


class Clipping:
    """Takes blocks of shape (channels, samples) and counts their flat tops by level."""

    def __init__(self) -> None:
        bins = round((HIGHEST_DB - LOWEST_DB) * BINS_A_DECIBEL) + 1
        self._runs = np.zeros(bins, np.int64)
        self._held = np.zeros(bins, np.int64)
        self._samples = 0

    def take(self, block: NDArray[np.float32]) -> None:
        """Count the next block's."""
        self._samples += block.size
        for channel in block:
            levels, lengths = _flat_tops(channel)
            decibels = 20 * np.log10(levels)
            at = np.rint((decibels - LOWEST_DB) * BINS_A_DECIBEL).astype(np.int64)
            at = np.clip(at, 0, len(self._runs) - 1)
            np.add.at(self._runs, at, 1)
            np.add.at(self._held, at, lengths)

    @property
    def found(self) -> Clipped:
        """What the ceiling is, and how often it was hit."""
        if not self._runs.any():
            return Clipped(0, 0.0, None)
        beside = np.ones(2 * CEILING_BINS + 1, np.int64)
        at = int(np.argmax(np.convolve(self._held, beside, "same")))
        near = slice(max(0, at - CEILING_BINS), at + CEILING_BINS + 1)
        held = int(self._held[near].sum())
        ceiling_dbfs = LOWEST_DB + at / BINS_A_DECIBEL
        return Clipped(int(self._runs[near].sum()), held / self._samples, ceiling_dbfs)


def _flat_tops(sound: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the level and the length of each flat top of one channel."""
    loud = np.abs(sound)
    peak = float(loud.max()) if sound.size else 0.0
    if peak < QUIETEST:
        return np.zeros(0), np.zeros(0, np.int64)
    steps = np.diff(sound)
    flat = np.flatnonzero((steps[1:] == 0) & (steps[:-1] == 0))
    flat = flat[loud[flat] >= peak / 2]  # sample `flat` is the first of three that are equal
    if not flat.size:
        return np.zeros(0), np.zeros(0, np.int64)
    first = flat[np.diff(flat, prepend=-2) > 1]
    last = flat[np.diff(flat, append=len(sound) + 2) > 1] + RUN - 1
    whole = (first > 0) & (last < len(sound) - 1)  # what a block cuts is the neighbour's to count
    first, last = first[whole], last[whole]
    level, length = loud[first].astype(np.float64), last - first + 1
    side = np.sign(sound[first])
    falls = np.stack([level - side * sound[first - 1], level - side * sound[last + 1]])
    both = falls.min(axis=0) > 0
    step = _quantizer_step(loud, peak / 2)
    natural = STEEPER * step * np.square(1 + 2 / (length - 1))
    kept = both & (falls.mean(axis=0) >= natural)
    return level[kept], length[kept]


def _quantizer_step(loud: NDArray[np.float32], least: float) -> float:
    """Return the smallest step between neighbours that are this loud; 0 where there are none."""
    sizes = np.abs(np.diff(loud))[(loud[1:] >= least) & (loud[:-1] >= least)]
    sizes = sizes[sizes > 0]
    return float(sizes.min()) if sizes.size else 0.0
