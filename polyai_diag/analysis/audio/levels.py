"""Levels in dBFS: RMS, 0 for a square wave at full scale. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from polyai_diag.analysis.audio.masking import runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLOOR_DBFS = -120.0
FULL_SCALE = 0.999
CLIP_RUN = 3  # samples at full scale in a row


def level_dbfs(sound: NDArray[np.float32]) -> float:
    """Return the RMS level; -120 for nothing at all."""
    if not sound.size:
        return FLOOR_DBFS
    return decibels(float(np.mean(np.square(sound, dtype=np.float64))))


def clipped_runs(sound: NDArray[np.float32]) -> int:
    """Count runs of three or more samples at full scale."""
    sides = (*sound.T, *-sound.T)
    return sum(b - a >= CLIP_RUN for side in sides for a, b in runs(side >= FULL_SCALE))


def decibels(mean_square: float) -> float:
    """Return a mean square in dBFS, no lower than the floor."""
    return max(FLOOR_DBFS, 10 * math.log10(max(mean_square, 1e-12)))
