"""Levels, silence, clipping and bandwidth of a sound, without a reference. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import welch

from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLOOR_DBFS = -120.0
ACTIVE_DBFS = -50.0  # a 20 ms window above this counts as sound
FULL_SCALE = 0.999
OVER_FULL_SCALE = 10.0
CLIP_RUN = 3  # samples at full scale in a row
WINDOW = 960


@dataclass(frozen=True)
class AudioFacts:
    """What a sound tells by itself; levels in dBFS (RMS, 0 = full-scale square wave)."""

    seconds: float
    level_dbfs: float
    active_level_dbfs: float | None  # over the windows that hold sound; None where none does
    active_share: float
    peak_dbfs: float
    clipped_runs: int
    bandwidth_hz: float | None
    channels_dbfs: tuple[float, ...]

    @property
    def silent(self) -> bool:
        """Whether no 20 ms of it hold sound."""
        return self.active_level_dbfs is None


def audio_facts(sound: NDArray[np.float32], sample_rate_hz: int = SAMPLE_RATE_HZ) -> AudioFacts:
    """Measure a sound of shape (samples, channels), full scale ±1.0.

    Levels are over all channels: a mono sum would lose what stands in opposite phase.
    """
    # A float recording may hold anything.
    sound = np.clip(np.nan_to_num(sound), -OVER_FULL_SCALE, OVER_FULL_SCALE)
    windows = _windows(sound, sample_rate_hz)
    active = windows[windows > 10 ** (ACTIVE_DBFS / 10)]
    return AudioFacts(
        seconds=len(sound) / sample_rate_hz,
        level_dbfs=level_dbfs(sound),
        active_level_dbfs=_decibels(float(active.mean())) if active.size else None,
        active_share=active.size / windows.size if windows.size else 0.0,
        peak_dbfs=_decibels(float(np.abs(sound).max()) ** 2) if sound.size else FLOOR_DBFS,
        clipped_runs=clipped_runs(sound),
        bandwidth_hz=_bandwidth_hz(sound, sample_rate_hz) if active.size else None,
        channels_dbfs=tuple(level_dbfs(sound[:, c]) for c in range(sound.shape[1])),
    )


def level_dbfs(sound: NDArray[np.float32]) -> float:
    """Return the RMS level; -120 for nothing at all."""
    if not sound.size:
        return FLOOR_DBFS
    return _decibels(float(np.mean(np.square(sound, dtype=np.float64))))


def clipped_runs(sound: NDArray[np.float32]) -> int:
    """Count runs of three or more samples at full scale."""
    runs = 0
    for side in (*sound.T, *-sound.T):
        full = np.concatenate([[0], (side >= FULL_SCALE).astype(np.int8), [0]])
        edges = np.flatnonzero(np.diff(full))
        runs += int(np.sum((edges[1::2] - edges[::2]) >= CLIP_RUN))
    return runs


def _windows(sound: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float64]:
    """Return the mean square of each 20 ms."""
    size = max(1, WINDOW * sample_rate_hz // SAMPLE_RATE_HZ)
    power = np.square(sound, dtype=np.float64).mean(axis=1) if sound.size else np.zeros(0)
    whole = power[: len(power) // size * size].reshape(-1, size)
    squares: NDArray[np.float64] = whole.mean(axis=1)
    return squares


def _bandwidth_hz(sound: NDArray[np.float32], sample_rate_hz: int) -> float | None:
    """Return where 99.9 % of the power ends; speech falls off steeply, a band limit abruptly."""
    if len(sound) < 4096:
        return None
    frequency_hz, power = welch(sound, sample_rate_hz, nperseg=4096, axis=0)
    share = np.cumsum(power.sum(axis=1))
    if share[-1] <= 1e-12:  # nothing but a constant
        return None
    return float(frequency_hz[int(np.searchsorted(share, 0.999 * share[-1]))])


def _decibels(mean_square: float) -> float:
    return max(FLOOR_DBFS, 10 * float(np.log10(max(mean_square, 1e-12))))
