"""The channels of a sound: which of them carry sound, and whether they belong together. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from polyai_diag.analysis.audio import limits_unreferenced as limits
from polyai_diag.analysis.audio.levels import decibels

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEAD_DBFS = -60.0
DEAD_BELOW_DB = 35.0  # crosstalk in a cable is softer, another speaker is not
SAME = 0.95
OPPOSITE = -0.8

_EITHER = ("left", "right")


def sides(covariance: NDArray[np.float64]) -> str:
    """Say how the channels stand to each other.

    "mono"; of two channels "silent", "left dead", "right dead", "identical", "opposite phase",
    "unequal" (one sound, at different levels) or "stereo"; of more their number.
    """
    if len(covariance) != 2:
        return "mono" if len(covariance) == 1 else f"{len(covariance)} channels"
    levels = [decibels(float(power)) for power in np.diag(covariance)]
    if max(levels) < DEAD_DBFS:
        return "silent"
    if min(levels) < min(DEAD_DBFS, max(levels) - DEAD_BELOW_DB):
        return f"{_EITHER[int(np.argmin(levels))]} dead"
    alike = float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
    if alike <= OPPOSITE:
        return "opposite phase"
    if alike < SAME:
        return "stereo"
    apart = abs(levels[0] - levels[1])
    return "unequal" if apart >= limits.CHANNEL_DIFFERENCE_DB else "identical"


def difference_db(covariance: NDArray[np.float64]) -> float | None:
    """Return how much louder the left of two channels is; None for any other number."""
    if len(covariance) != 2:
        return None
    left, right = (decibels(float(power)) for power in np.diag(covariance))
    return left - right
