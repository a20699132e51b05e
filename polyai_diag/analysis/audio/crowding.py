"""Clipping that went through a codec: tops no longer flat, but crowded under one level. Pure.

The louder, the rarer: in speech each decibel towards the top holds fewer samples than the one
below it, whatever compressor or limiter it went through. Where the waveform was cut off, the last
decibel holds all that would have gone beyond; a codec blurs that by a decibel, and no more.
(After Eaton and Naylor, 2013, who find clipping in coded speech by its histogram.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 16_000  # as many samples a second tell as much
LEVELS = 4096
LOUDEST = 2.0  # a codec overshoots full scale
STEP_DB = 0.5
WIDE_STEPS = 2  # one decibel
SEARCHED_STEPS = 16
BELOW_STEPS = 8
TOP_SAMPLES = 10
LEAST_SAMPLES = 200
LEAST_SHARE = 0.004  # of what lies within 20 dB of the top
COARSE = 0.6  # fewer of the levels in use: the quantizer's own steps would look like crowds


class Crowding:
    """Takes frames of shape (channels, frames, samples) and counts their samples by size."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._stride = max(1, sample_rate_hz // RATE_HZ)
        self._counts = np.zeros(LEVELS, np.int64)

    def take(self, frames: NDArray[np.float32], tones: NDArray[np.bool_]) -> None:
        """Count the next frames but those of tones: a sine crowds at its top by nature."""
        sizes = np.abs(frames[:, ~tones, :: self._stride])
        at = np.minimum(sizes * (LEVELS / LOUDEST), LEVELS - 1).astype(np.int16)
        self._counts += np.bincount(at.ravel(), minlength=LEVELS)

    @property
    def ratio(self) -> float | None:
        """How much denser a decibel near the top is than one under it; healthy 1 and less.

        None where there is too little sound, or too coarse a quantizer, to tell.
        """
        over = np.cumsum(self._counts[::-1])[::-1].astype(np.float64)
        top = int(np.searchsorted(-over, -TOP_SAMPLES, "right")) - 1
        if over[0] < TOP_SAMPLES or top < LEVELS // 64:
            return None
        near = self._counts[top // 4 : top]
        if near.sum() < 3 * len(near) or (near > 0).mean() < COARSE:
            return None
        steps = np.arange(SEARCHED_STEPS + BELOW_STEPS + WIDE_STEPS + 1)
        edges = top * 10 ** (-steps * STEP_DB / 20)
        above = np.interp(edges, np.arange(LEVELS), over)
        density = above[WIDE_STEPS:] - above[:-WIDE_STEPS]
        least = max(LEAST_SAMPLES, LEAST_SHARE * over[top // 10])
        ratios = [
            float(density[k] / density[k + 1 : k + 1 + BELOW_STEPS].min())
            for k in range(SEARCHED_STEPS - WIDE_STEPS)
            if density[k] >= least
        ]
        return max(ratios, default=None)
