"""A sound as pictures show it: its level over time, its spectrogram. Bounded. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ
from polyai_diag.analysis.audio.spectra import power_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_POINTS = 400
LEAST_WINDOW_S = 0.02
FLOOR_DBFS = -120.0

COLUMNS, BANDS = 200, 72
BAND_HZ = (50.0, 22_000.0)
WINDOW = 4096  # 85 ms: 12 Hz apart, so that hum and speech harmonics are told apart
TOP_DBFS = 0.0
STEP_DB = 0.5  # of a spectrogram's levels, as it is kept


@dataclass(frozen=True)
class Spectrogram:
    """Levels by band, the lowest first: a row a band, two hexadecimal digits a column.

    A digit pair `n` stands for −n/2 dBFS; the first column begins at `begins_s`, each lasts
    `every_s`.
    """

    every_s: float
    begins_s: float
    lowest_hz: float
    highest_hz: float
    rows: tuple[str, ...]


def levels_over_time(sound: NDArray[np.float32]) -> tuple[float, list[float]]:
    """Return a window's length in seconds, and the RMS of each, over all channels, in dBFS."""
    window = max(round(LEAST_WINDOW_S * SAMPLE_RATE_HZ), -(-len(sound) // MOST_POINTS))
    whole = sound[: len(sound) // window * window]
    power = np.square(whole, dtype=np.float64).mean(axis=1).reshape(-1, window).mean(axis=1)
    levels = 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DBFS / 10)))
    return window / SAMPLE_RATE_HZ, [round(float(level), 1) for level in levels]


def spectrogram(sound: NDArray[np.float32]) -> Spectrogram | None:
    """Return the levels of logarithmic bands over time; None for less than a window of sound."""
    if len(sound) < WINDOW:
        return None
    hop = max(WINDOW // 8, -(-(len(sound) - WINDOW) // (COLUMNS - 1)))
    mono = sound.mean(axis=1, dtype=np.float64)
    starts = np.arange(0, len(mono) - WINDOW + 1, hop)
    shape = np.hanning(WINDOW)
    scale = 2 / (np.square(shape).sum() * WINDOW)
    edges = np.geomspace(*BAND_HZ, BANDS + 1)
    bins = np.asarray(np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE_HZ), np.float64)
    weights = _weights(edges, bins)
    columns = [
        weights @ power_of(np.fft.rfft(mono[s : s + WINDOW] * shape)) * scale for s in starts
    ]
    levels = 10 * np.log10(np.maximum(np.array(columns).T, 1e-13))
    steps = np.clip(np.rint((TOP_DBFS - levels) / STEP_DB), 0, 255).astype(np.uint8)
    rows = tuple(row.tobytes().hex() for row in steps)
    begins = max(0, WINDOW - hop) / 2  # a column stands for the middle of its window
    return Spectrogram(hop / SAMPLE_RATE_HZ, begins / SAMPLE_RATE_HZ, *BAND_HZ, rows)


def _weights(edges: NDArray[np.float64], bins: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each bin's share in each band: one narrower than a bin takes its part of it."""
    half = (bins[1] - bins[0]) / 2
    low, high = edges[:-1, None], edges[1:, None]
    overlap = np.minimum(high, bins + half) - np.maximum(low, bins - half)
    return np.asarray(np.clip(overlap, 0, None) / (2 * half))
