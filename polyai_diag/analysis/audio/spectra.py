"""Spectra of a sound by its level, block by block: of the speech, of the pauses. Pure.

Which levels are speech is known only at the end; so the spectra are summed by the level of their
20 ms, and what belongs together is added up then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import rfft
from scipy.signal.windows import hann

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASS_DB = 1.5
LOWEST_DB = -120.0
CLASSES = 96

CLIFF_DB = 20.0
BELOW = (0.86, 0.97)  # of a frequency: where its band still is
ABOVE = (1.09, 1.22)  # where it no longer is
BEYOND = 2.0  # up to where nothing comes back
LOWEST_CLIFF_HZ = 250.0
EDGE_DB = 12.0
FAINT_DB = 75.0  # under the strongest: this is nothing
TINY = 1e-15


class Spectra:
    """Takes frames of shape (channels, frames, samples) and sums their spectra by level."""

    def __init__(self, size: int) -> None:
        self._window = np.asarray(hann(size, sym=False), np.float32)
        self._scale = 2 / (size * float(np.square(self._window, dtype=np.float64).sum()))
        self._sums = np.zeros((CLASSES, size // 2 + 1))
        self._counts = np.zeros(CLASSES, np.int64)

    def take(self, frames: NDArray[np.float32]) -> None:
        """Add the next frames; the power of the channels is averaged."""
        spectrum = rfft(frames * self._window, axis=2)
        power = (np.square(spectrum.real) + np.square(spectrum.imag)).mean(axis=0) * self._scale
        levels = 10 * np.log10(power.sum(axis=1) + TINY)
        classes = np.clip((levels - LOWEST_DB) / CLASS_DB, 0, CLASSES - 1).astype(np.int64)
        np.add.at(self._sums, classes, power)
        np.add.at(self._counts, classes, 1)

    def over(self, level_dbfs: float) -> NDArray[np.float64]:
        """Return the mean power in each bin of the frames at this level and over."""
        first = int(np.clip((level_dbfs - LOWEST_DB) / CLASS_DB, 0, CLASSES - 1))
        mean: NDArray[np.float64] = self._sums[first:].sum(axis=0)
        return mean / max(1, int(self._counts[first:].sum()))

    def quietest(self, share: float, at_least: int) -> tuple[NDArray[np.float64], int]:
        """Return the mean power of the quietest frames that make up this share, and their number.

        Digital silence does not count.
        """
        counts = self._counts.copy()
        counts[0] = 0
        wanted = max(at_least, share * int(counts.sum()))
        last = int(np.searchsorted(np.cumsum(counts), wanted)) + 1
        number = int(counts[:last].sum())
        return self._sums[1:last].sum(axis=0) / max(1, number), number


def bandwidth_hz(power: NDArray[np.float64], width_hz: float) -> float | None:
    """Return where a spectrum ends: at a cliff, or else where it fades away.

    `width_hz` is the distance of its bins. Speech falls off by 6 to 12 dB an octave and goes on in
    its hiss; a band limit takes 20 dB and more within a third of an octave, and nothing comes back.
    None for a spectrum of nothing, or of a constant.
    """
    if len(power) < 8 or power[2:].max() <= TINY:
        return None
    decibels = 10 * np.log10(np.maximum(power, power[2:].max() * 10 ** (-FAINT_DB / 10 - 1)))
    strongest = float(decibels[2:].max())
    for at in range(max(3, round(LOWEST_CLIFF_HZ / width_hz)), len(power)):
        edge = _cliff(decibels, at)
        if edge is not None:
            return edge * width_hz
    faded = np.flatnonzero(decibels >= strongest - FAINT_DB)
    return float(faded[-1]) * width_hz


def _cliff(decibels: NDArray[np.float64], at: int) -> float | None:
    """Return the bin where the band ends, if it ends by a cliff about there."""
    below = decibels[round(BELOW[0] * at) : max(round(BELOW[1] * at), round(BELOW[0] * at) + 1)]
    above = decibels[round(ABOVE[0] * at) : round(ABOVE[1] * at) + 1]
    beyond = decibels[round(ABOVE[0] * at) : round(BEYOND * at)]
    if len(above) < 2 or _mean(below) - max(_mean(above), _mean(beyond)) < CLIFF_DB:
        return None
    near = decibels[at : round(ABOVE[1] * at) + 1]
    return (
        at + int(np.flatnonzero(near >= _mean(below) - EDGE_DB)[-1]) - 1.0
        if (near >= _mean(below) - EDGE_DB).any()
        else float(at)
    )


def _mean(decibels: NDArray[np.float64]) -> float:
    return float(decibels.mean())
