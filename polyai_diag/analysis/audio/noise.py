"""What is heard where nothing was sent: noise in third octaves, a constant, hum. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import next_fast_len, rfft, rfftfreq
from scipy.signal.windows import tukey

from polyai_diag.analysis.audio.levels import decibels
from polyai_diag.analysis.audio.mains import Hum
from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from polyai_diag.analysis.audio.response import Response

PIECE_LEAST = 9600  # 0.2 s
HUM_PIECE_LEAST = 26_400  # 0.55 s
HUM_GRID = 96_000  # a bin every half a hertz, or finer
MOST_OF_IT = 0.7
BANDS_LEAST = 31_200  # 0.65 s: the lowest bands waver
THIRD_OCTAVES = range(-13, 13)  # around 1 kHz: 50 Hz to 16 kHz (IEC 61260-1, base ten)
MAINS_HZ = (50.0, 60.0)
HARMONICS = 12
HUM_HALF_HZ = 1.5  # mains frequency strays by less than 0.5 Hz, at the third harmonic 1.5
HUM_OVER_NOISE_DB = 10.0
HUM_LEAST_DBFS = -90.0
UNDONE_MOST_DB = 20.0


@dataclass(frozen=True)
class NoiseBands:
    """Levels in third octaves, from 50 Hz to 16 kHz."""

    frequency_hz: tuple[float, ...]
    level_dbfs: tuple[float, ...]


@dataclass(frozen=True)
class Quiet:
    """The stretches in which nothing was sent, each of shape (samples, channels)."""

    pieces: tuple[NDArray[np.float32], ...]
    sent: int  # samples of silence that were sent

    @property
    def shows_hum(self) -> bool:
        """Whether one piece is long enough to tell a harmonic from what lies beside it."""
        return max(map(len, self.pieces), default=0) >= HUM_PIECE_LEAST

    def level_dbfs(self) -> float | None:
        """Return the level of all there is, a constant apart; None where too little arrived."""
        if not self._long():
            return None
        squares = [np.square(p - p.mean(axis=0), dtype=np.float64) for p in self.pieces]
        return decibels(float(np.mean(np.concatenate(squares))))

    def constant(self) -> float | None:
        """Return the mean of the worst channel, as a share of full scale."""
        if not self._long():
            return None
        means = np.concatenate(self.pieces).mean(axis=0, dtype=np.float64)
        return float(means[int(np.argmax(np.abs(means)))])

    def bands(self) -> NoiseBands | None:
        """Return the noise in third octaves; None where much of it was lost: it wavers."""
        if sum(map(len, self.pieces)) < max(MOST_OF_IT * self.sent, BANDS_LEAST):
            return None
        spectra = [(_spectrum(piece, tukey(len(piece), 0.1)), len(piece)) for piece in self.pieces]
        centres = [1000 * 10 ** (number / 10) for number in THIRD_OCTAVES]
        whole = sum(samples for _, samples in spectra)
        levels = [
            decibels(sum(_in_band(*spectrum, c) * samples for spectrum, samples in spectra) / whole)
            for c in centres
        ]
        return NoiseBands(
            tuple(round(c, 1) for c in centres), tuple(round(level, 2) for level in levels)
        )

    def hum(self, response: Response | None) -> Hum | None:
        """Return the mains' hum with what the path took from its low end given back."""
        if not self.shows_hum:
            return None
        piece = max(self.pieces, key=len)  # alone, for its resolution
        spectrum = _spectrum(piece, np.hanning(len(piece)), HUM_GRID)
        found = [_comb(*spectrum, mains_hz, response) for mains_hz in MAINS_HZ]
        level, mains_hz = max(zip(found, MAINS_HZ, strict=True))
        return Hum(mains_hz, decibels(level)) if decibels(level) > HUM_LEAST_DBFS else None

    def _long(self) -> bool:
        return any(len(piece) >= PIECE_LEAST for piece in self.pieces)


def _spectrum(
    piece: NDArray[np.float32], window: NDArray[np.float64], least: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return frequencies and the mean square in each bin."""
    size = next_fast_len(max(least, len(piece)), real=True)
    tapered = (piece - piece.mean(axis=0)) * window[:, None]
    spectrum = np.square(np.abs(rfft(tapered, size, axis=0))).mean(axis=1)
    return rfftfreq(size, 1 / SAMPLE_RATE_HZ), spectrum * 2 / size / np.sum(np.square(window))


def _in_band(
    frequency_hz: NDArray[np.float64], power: NDArray[np.float64], centre_hz: float
) -> float:
    """Return the mean square in a third of an octave."""
    first, last = np.searchsorted(frequency_hz, [centre_hz * 10**-0.05, centre_hz * 10**0.05])
    return float(power[first:last].sum())


def _comb(
    frequency_hz: NDArray[np.float64],
    power: NDArray[np.float64],
    mains_hz: float,
    response: Response | None,
) -> float:
    """Return the mean square of the harmonics that stand out of the noise beside them."""
    total = 0.0
    low = frequency_hz < (HARMONICS + 1) * mains_hz
    frequency_hz, power = frequency_hz[low], power[low]
    for number in range(1, HARMONICS + 1):
        away = np.abs(frequency_hz - number * mains_hz)
        line, beside = away <= HUM_HALF_HZ * 2, (away > 6) & (away <= 15)
        noise = float(np.median(power[beside])) / np.log(2) * int(line.sum())
        carried = float(power[line].sum())
        if carried > noise * 10 ** (HUM_OVER_NOISE_DB / 10):
            total += (carried - noise) * _given_back(number * mains_hz, response)
    return total


def _given_back(frequency_hz: float, response: Response | None) -> float:
    """Return by what to multiply a power for what the path took from it."""
    if response is None:
        return 1.0
    known = [(f, d) for f, d in zip(response.frequency_hz, response.deviation_db, strict=True)
             if d is not None]  # fmt: skip
    if not known:
        return 1.0
    taken = -float(np.interp(np.log(frequency_hz), np.log([f for f, _ in known]),
                             [d for _, d in known]))  # fmt: skip
    return float(10 ** (np.clip(taken, 0, UNDONE_MOST_DB) / 10))
