"""Mains hum: 50 or 60 Hz and its harmonics in the pauses of a sound, block by block. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from polyai_diag.analysis.audio.levels import decibels
from polyai_diag.analysis.audio.spectra import Spectra

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAINS_HZ = (50.0, 60.0)
HARMONICS = 10
SEGMENT_S = 0.3  # both mains fall on a bin of their own
LOW_RATE_HZ = 2_000
QUIET_SHARE = 0.05
QUIET_SEGMENTS = 3
LINE_BINS = 2  # either side: the main lobe of the window
BESIDE_BINS = (4, 8)
CONTRAST_DB = 10.0
VOICE_DB = 3.0
ALONE_DB = 20.0  # the contrast of a fundamental that stands for itself


@dataclass(frozen=True)
class Hum:
    """The mains frequency and the level of all its harmonics together, dBFS."""

    mains_hz: float
    level_dbfs: float


class Mains:
    """Takes blocks of shape (channels, samples), thins them out and sums spectra."""

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._thin = max(1, sample_rate_hz // LOW_RATE_HZ)
        self._low_hz = sample_rate_hz / self._thin
        self._size = 2 * round(SEGMENT_S * self._low_hz / 2)
        self._left = np.zeros((channels, 0), np.float32)
        self._low = np.zeros((channels, 0), np.float32)
        self._spectra = Spectra(self._size)

    def take(self, block: NDArray[np.float32]) -> None:
        """Add the next block."""
        block = np.concatenate([self._left, block], axis=1)
        whole = block.shape[1] // self._thin * self._thin
        self._left = block[:, whole:].copy()
        thin = block[:, :whole].reshape(len(block), -1, self._thin).mean(axis=2)
        low = np.concatenate([self._low, thin], axis=1)
        half = self._size // 2
        count = max(0, (low.shape[1] - half) // half)
        if count:
            starts = np.arange(count)[:, None] * half + np.arange(self._size)
            self._spectra.take(low[:, starts])
        self._low = low[:, count * half :].copy()

    def hum(self, pauses_dbfs: float) -> tuple[Hum | None, str]:
        """Return the hum in the pauses, None for none; and why it could not be measured.

        `pauses_dbfs` is the level in the pauses: what is louder is no hum, but a low voice.
        """
        power, number = self._spectra.quietest(QUIET_SHARE, QUIET_SEGMENTS)
        if number < QUIET_SEGMENTS or decibels(float(power.sum())) > pauses_dbfs + VOICE_DB:
            return None, "no pause of half a second to hear it in"
        found = [hum for mains in MAINS_HZ if (hum := self._of(mains, power))]
        return max(found, key=lambda h: h.level_dbfs, default=None), ""

    def _of(self, mains_hz: float, power: NDArray[np.float64]) -> Hum | None:
        """Return the hum of this mains frequency."""
        width_hz = self._low_hz / self._size
        total, lines, alone = 0.0, 0, False
        for number in range(1, HARMONICS + 1):
            at = round(number * mains_hz / width_hz)
            if at + BESIDE_BINS[1] >= len(power):
                break
            contrast, line = _line(power, at)
            if contrast < 10 ** (CONTRAST_DB / 10):
                continue
            lines += number * mains_hz % 300 != 0  # those are both mains'
            alone |= number <= 2 and contrast > 10 ** (ALONE_DB / 10)
            thinned = float(np.sinc(number * mains_hz / self._low_hz))  # what the averaging left
            total += line / thinned**2
        if lines < 2 and not alone:
            return None
        return Hum(mains_hz, 10 * float(np.log10(total)))


def _line(power: NDArray[np.float64], at: int) -> tuple[float, float]:
    """Return how far a line stands out of what is beside it, and its power."""
    near, far = BESIDE_BINS
    beside = np.concatenate(
        [power[max(1, at - far) : max(1, at - near + 1)], power[at + near : at + far + 1]]
    )
    noise = float(np.median(beside)) + 1e-20
    lobe = power[max(0, at - LINE_BINS) : at + LINE_BINS + 1]
    peak = float(power[max(0, at - 1) : at + 2].max())
    return peak / noise, max(float(lobe.sum()) - noise * len(lobe), 1e-20)
