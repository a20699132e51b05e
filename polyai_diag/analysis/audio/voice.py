"""Sound and pauses told apart by the power of their 20 ms windows. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from polyai_diag.analysis.audio import limits_unreferenced as limits
from polyai_diag.analysis.audio.levels import decibels

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLOOR_DBFS = -75.0  # what is softer on the whole is a converter's own noise
LEAST_FOR_STEADY = 50  # windows: one second
PAUSE_WINDOWS = 5  # 100 ms on end are a pause
QUIETEST_PERCENT = 5
ABOVE_QUIETEST_DB = 3.0


def active_power(windows: NDArray[np.float32]) -> tuple[float, float]:
    """Return the mean power of the windows that hold sound, and their share; 0, 0 for silence.

    Of the windows, loudest first, those count that are no more than the margin of ITU-T P.56 under
    the mean of all that are as loud: so a recording's own level decides, and pauses do not count.
    """
    if not windows.size:
        return 0.0, 0.0
    loudest_first = np.sort(windows.astype(np.float64))[::-1]
    means = np.cumsum(loudest_first) / np.arange(1, len(windows) + 1)
    below = np.flatnonzero(loudest_first < means * 10 ** (-limits.ACTIVE_MARGIN_DB / 10))
    count = int(below[0]) if below.size else len(windows)
    power = float(means[count - 1])
    if decibels(power) < FLOOR_DBFS:
        return 0.0, 0.0
    return power, count / len(windows)


def is_steady(windows: NDArray[np.float32]) -> bool:
    """Whether the sound keeps one level all the time, as noise, hum and tones do."""
    if len(windows) < LEAST_FOR_STEADY:
        return False
    low, high = np.percentile(windows, (QUIETEST_PERCENT, 100 - QUIETEST_PERCENT))
    return bool(low > 0 and high < low * 10 ** (limits.STEADY_DB / 10))


def pause_noise(windows: NDArray[np.float32], speech: float, why: dict[str, str]) -> float | None:
    """Return the level in the pauses, dBFS; None, and the reason in `why`, where there is none.

    A steady sound is all pause.
    """
    if not speech:
        return None
    if is_steady(windows):
        return decibels(speech)
    quietest = float(np.percentile(windows, QUIETEST_PERCENT))
    pauses = windows <= quietest * 10 ** (ABOVE_QUIETEST_DB / 10)
    on_end = np.convolve(pauses, np.ones(PAUSE_WINDOWS), "valid")
    far_under = quietest < speech * 10 ** (-limits.PAUSE_DB / 10)
    if not far_under or not on_end.size or on_end.max() < PAUSE_WINDOWS:
        why["noise"] = "no pause to hear it in"
        return None
    return decibels(float(windows[pauses].mean(dtype=np.float64)))
