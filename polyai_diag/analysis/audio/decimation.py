"""The sound up to 7 kHz, in a third of the samples: for all who look no higher. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import firwin, resample_poly

from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOW_STEP = 3
LOW_RATE_HZ = SAMPLE_RATE_HZ // LOW_STEP


def decimated(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sound at `LOW_RATE_HZ`, one sample where there were `LOW_STEP`."""
    taps = firwin(61, 7400, fs=SAMPLE_RATE_HZ).astype(np.float32)
    return np.asarray(resample_poly(sound, 1, LOW_STEP, window=taps), np.float32)
