"""Spectra of a sound by its level, block by block: of the speech, of the pauses. Pure.

Which levels are speech is known only at the end; so the spectra are summed by the level of their
20 ms, and what belongs together is added up then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.fft import rfft
from scipy.signal.windows import hann

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASS_DB = 1.5
LOWEST_DB = -120.0
CLASSES = 96

CLIFF_DB = 20.0
LOW_CLIFF_DB = 50.0  # under LOW_HZ: a vowel's first formant stands out by less
LOW_HZ = 2_500.0
LOWEST_HZ = 250.0
BELOW = (0.86, 0.97)  # of a frequency: where its band still is
ABOVE = (1.09, 1.22)  # where it no longer is
EDGE_DB = 12.0
FAINT_DB = 75.0  # under the strongest: this is nothing
LOBE = 2  # bins to either side that the window smears a line to
TONE_REST = 0.01
TINY = 1e-15


def power_of(spectrum: NDArray[np.complexfloating[Any, Any]]) -> NDArray[Any]:
    """Return the square of each bin's magnitude, without the root that `abs` would take first."""
    return np.asarray(np.square(spectrum.real) + np.square(spectrum.imag))


class Spectra:
    """Takes frames of shape (channels, frames, samples) and sums their spectra by level."""

    def __init__(self, size: int) -> None:
        self._window = np.asarray(hann(size, sym=False), np.float32)
        self._scale = np.float32(2 / (size * np.square(self._window, dtype=np.float64).sum()))
        self._sums = np.zeros((CLASSES, size // 2 + 1))
        self._counts = np.zeros(CLASSES, np.int64)

    def take(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add the next frames, and return their spectra; the power of the channels is averaged."""
        spectrum = rfft(frames * self._window, axis=2)
        power: NDArray[np.float32] = power_of(spectrum).mean(axis=0) * self._scale
        levels = 10 * np.log10(power.sum(axis=1) + TINY)
        classes = np.clip((levels - LOWEST_DB) / CLASS_DB, 0, CLASSES - 1).astype(np.int64)
        # No product of matrices: a BLAS wakes every core for one, and they spend as much waiting.
        order = np.argsort(classes, kind="stable")
        present, firsts = np.unique(classes[order], return_index=True)
        self._sums[present] += np.add.reduceat(power[order], firsts, axis=0)
        self._counts += np.bincount(classes, minlength=CLASSES)
        return power

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


def tones(power: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say of each spectrum, (frames, bins), whether one or two lines make up nearly all of it."""
    rest = power.copy()
    for _ in range(2):
        at = np.argmax(rest, axis=1)
        lobe = np.clip(at[:, None] + np.arange(-LOBE, LOBE + 1), 0, power.shape[1] - 1)
        np.put_along_axis(rest, lobe, 0, axis=1)
    left: NDArray[np.bool_] = rest.sum(axis=1) < TONE_REST * power.sum(axis=1)
    return left


def bandwidth_hz(power: NDArray[np.float64], width_hz: float) -> float | None:
    """Return where a spectrum ends: at a cliff, or else where it fades away.

    `width_hz` is the distance of its bins. Speech falls off by 6 to 12 dB an octave and goes on in
    its hiss; a band limit takes 20 dB and more within a third of an octave, and nothing comes back.
    None for a spectrum of nothing, or of a constant.
    """
    strongest = float(power[2:].max(initial=0.0))
    if strongest <= TINY:
        return None
    least = strongest * 10 ** (-FAINT_DB / 10)
    decibels = 10 * np.log10(np.maximum(power, least / 10))
    for at in range(max(8, round(LOWEST_HZ / width_hz)), round(len(power) / ABOVE[1])):
        depth_db = LOW_CLIFF_DB if at * width_hz < LOW_HZ else CLIFF_DB
        edge = _cliff(decibels, at, depth_db)
        if edge is not None:
            return edge * width_hz
    return float(np.flatnonzero(power >= least)[-1]) * width_hz


def _cliff(decibels: NDArray[np.float64], at: int, depth_db: float) -> int | None:
    """Return the bin where the band ends, if it ends by a cliff about there."""
    first, wide = int(BELOW[0] * at), round(ABOVE[1] * at) - round(ABOVE[0] * at) + 1
    band = decibels[first : int(BELOW[1] * at) + 1]
    above = decibels[round(ABOVE[0] * at) :]
    returning = np.convolve(above, np.ones(wide) / wide, "valid").max()
    if float(band.mean()) - returning < depth_db:
        return None
    level = 10 * np.log10(np.power(10.0, band / 10).mean())
    last = np.flatnonzero(decibels[first : at + wide + 1] >= level - EDGE_DB)[-1]
    return first + int(last) - 1  # the window smears it by a bin
