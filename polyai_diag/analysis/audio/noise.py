"""What is heard where nothing was sent: noise in third octaves, a constant, hum. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import next_fast_len, rfft, rfftfreq
from scipy.signal.windows import tukey

from polyai_diag.analysis.audio.levels import decibels
from polyai_diag.analysis.audio.mains import Hum
from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ
from polyai_diag.analysis.audio.spectra import power_of

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
FUNDAMENTAL_TAKEN_MOST_DB = 9.0  # by two passes of Opus for voice, at 50 Hz
UNHARMED_FROM_HZ = 100.0
DOUBTFUL_MOST = 0.1  # of what is known: 0.4 dB


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

    def level_dbfs(self) -> float | None:
        """Return the level of all there is, a constant apart; None where too little arrived."""
        if not self._long():
            return None
        squares = [np.square(_centred(side), dtype=np.float64) for side in self._sides]
        return decibels(float(np.mean(np.concatenate(squares, axis=1))))

    def constant(self) -> float | None:
        """Return the mean of the worst channel, as a share of full scale."""
        if not self._long():
            return None
        means = np.concatenate(self._sides, axis=1).mean(axis=1, dtype=np.float64)
        return float(means[int(np.argmax(np.abs(means)))])

    def bands(self) -> NoiseBands | None:
        """Return the noise in third octaves; None where much of it was lost: it wavers."""
        if sum(map(len, self.pieces)) < max(MOST_OF_IT * self.sent, BANDS_LEAST):
            return None
        spectra = [(_spectrum(s, tukey(s.shape[1], 0.1)), s.shape[1]) for s in self._sides]
        centres = [1000 * 10 ** (number / 10) for number in THIRD_OCTAVES]
        whole = sum(samples for _, samples in spectra)
        levels = [
            decibels(sum(_in_band(*spectrum, c) * samples for spectrum, samples in spectra) / whole)
            for c in centres
        ]
        return NoiseBands(
            tuple(round(c, 1) for c in centres), tuple(round(level, 2) for level in levels)
        )

    def hum(self, response: Response | None) -> tuple[Hum | None, bool]:
        """Return the mains' hum, what the path took from its low end given back; and whether known.

        It is not where no piece is long enough to tell a harmonic from what lies beside it, nor
        where the response at a fundamental was lost.
        """
        long_enough = [sides for sides in self._sides if sides.shape[1] >= HUM_PIECE_LEAST]
        if not long_enough:
            return None, False
        longest = max(long_enough, key=np.size)  # alone, for its resolution
        spectrum = _spectrum(longest, np.hanning(longest.shape[1]), HUM_GRID)
        found = [(*_comb(*spectrum, mains_hz, response), mains_hz) for mains_hz in MAINS_HZ]
        known, doubtful, mains_hz = max(found, key=lambda comb: comb[0] + comb[1])
        if decibels(known + doubtful) <= HUM_LEAST_DBFS:
            return None, True
        sure = doubtful <= DOUBTFUL_MOST * known
        return (Hum(mains_hz, decibels(known)) if sure else None), sure

    @cached_property
    def _sides(self) -> list[NDArray[np.float32]]:
        """The pieces channel by channel, as transforms like them."""
        return [np.ascontiguousarray(piece.T) for piece in self.pieces]

    def _long(self) -> bool:
        return any(len(piece) >= PIECE_LEAST for piece in self.pieces)


def _centred(sides: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(sides - sides.mean(axis=1, keepdims=True))


def _spectrum(
    sides: NDArray[np.float32], window: NDArray[np.float64], least: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return frequencies and the mean square in each bin, of shape (channels, samples)."""
    size = next_fast_len(max(least, sides.shape[1]), real=True)
    spectrum = power_of(rfft(_centred(sides) * window, size)).mean(axis=0)
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
) -> tuple[float, float]:
    """Return the mean square of the harmonics that stand out of the noise beside them.

    And the most that those had of which it is not known how much the path took.
    """
    known, doubtful = 0.0, 0.0
    low = frequency_hz < (HARMONICS + 1) * mains_hz
    frequency_hz, power = frequency_hz[low], power[low]
    for number in range(1, HARMONICS + 1):
        away = np.abs(frequency_hz - number * mains_hz)
        line, beside = away <= HUM_HALF_HZ * 2, (away > 6) & (away <= 15)
        noise = float(np.median(power[beside])) / np.log(2) * int(line.sum())
        carried = float(power[line].sum())
        if carried <= noise * 10 ** (HUM_OVER_NOISE_DB / 10):
            continue
        taken_db = _taken_db(number * mains_hz, response)
        if taken_db is None:
            doubtful += (carried - noise) * 10 ** (FUNDAMENTAL_TAKEN_MOST_DB / 10)
        else:
            known += (carried - noise) * 10 ** (taken_db / 10)
    return known, doubtful


def _taken_db(frequency_hz: float, response: Response | None) -> float | None:
    """Return how much the path took of a harmonic; None where lost packets hid it.

    A codec's high-pass takes much of a fundamental, and of its harmonics next to nothing.
    """
    bands = [] if response is None else list(
        zip(response.frequency_hz, response.deviation_db, strict=True)
    )  # fmt: skip
    nearest = min(bands, key=lambda band: abs(band[0] - frequency_hz), default=(0.0, None))
    if frequency_hz < UNHARMED_FROM_HZ and nearest[1] is None:
        return None
    known = [(np.log(f), d) for f, d in bands if d is not None]
    if not known:
        return 0.0
    levels_db = np.interp(np.log(frequency_hz), *np.transpose(known))
    return float(np.clip(-levels_db, 0, UNDONE_MOST_DB))
