"""The tone of 997 Hz: its level, its frequency, and what else came with it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.fft import next_fast_len, rfft, rfftfreq
from scipy.signal.windows import blackmanharris

from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ, TONE_HZ
from polyai_diag.analysis.audio.spectra import power_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

AUDIBLE_HZ = (20.0, 20_000.0)
NOTCH_HZ = 20.0
MAIN_LOBE = 5  # bins of the window, on either side
NEAR = 0.01  # the tone is looked for within 1 % of where it should be
LEAST_POWER = 1e-12
PIECE_LEAST = 9600  # 0.2 s: the window's own skirt stays inside the notch


@dataclass(frozen=True)
class Tone:
    """A tone received: levels are RMS, of the tone alone, full scale ±1.0."""

    level_dbfs: float
    frequency_hz: float
    thd_n_db: float  # all else from 20 Hz to 20 kHz, against the tone (AES17 §6.3)
    sinad_db: float  # all of it, the tone included, against all else
    typical_thd_n_db: float  # the median of pieces of 0.2 s: what spoils one of them alone is apart


def measure_tone(pieces: Sequence[NDArray[np.float32]], near_hz: float = TONE_HZ) -> Tone | None:
    """Measure a tone over stretches of it; None where none is 0.2 s long or holds a tone."""
    whole = [piece for piece in pieces if len(piece) >= PIECE_LEAST]
    parts = [_parted(piece, near_hz) for piece in whole]
    weight = sum(map(len, whole))
    carried, rest = (sum(getattr(p, n) * p.samples for p in parts) for n in ("carried", "rest"))
    if not weight or carried / weight < LEAST_POWER:
        return None
    ratio = max(rest / carried, LEAST_POWER)
    return Tone(
        level_dbfs=10 * float(np.log10(carried / weight)),
        frequency_hz=max((part.samples, part.frequency_hz) for part in parts)[1],
        thd_n_db=10 * float(np.log10(ratio)),
        sinad_db=10 * float(np.log10(1 + 1 / ratio)),
        typical_thd_n_db=_typical_thd_n_db(whole, near_hz),
    )


def _typical_thd_n_db(whole: Sequence[NDArray[np.float32]], near_hz: float) -> float:
    short = [p for piece in whole for p in np.array_split(piece, len(piece) // PIECE_LEAST)]
    parts = [_parted(piece, near_hz) for piece in short]
    ratios = [part.rest / max(part.carried, LEAST_POWER) for part in parts]
    return 10 * float(np.log10(max(np.median(ratios), LEAST_POWER)))


class _Parts(NamedTuple):
    """A stretch's mean squares: the tone's, and all else that is audible."""

    carried: float
    rest: float
    frequency_hz: float
    samples: int


def _parted(piece: NDArray[np.float32], near_hz: float) -> _Parts:
    frequency_hz, power = _spectrum(piece)
    at_hz = _peak_hz(frequency_hz, power, near_hz)
    audible = (frequency_hz >= AUDIBLE_HZ[0]) & (frequency_hz <= AUDIBLE_HZ[1])
    notch_hz = max(NOTCH_HZ, MAIN_LOBE * SAMPLE_RATE_HZ / len(piece))
    near = np.abs(frequency_hz - at_hz) < notch_hz
    carried, rest = float(power[near].sum()), float(power[audible & ~near].sum())
    return _Parts(carried, rest, at_hz, len(piece))


def _spectrum(
    piece: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return frequencies and mean squares: their sum is the piece's own, where it is even."""
    window = _window(len(piece))
    size = next_fast_len(len(piece), real=True)
    power = power_of(rfft(piece * window, size)) * 2 / size / np.sum(np.square(window))
    return rfftfreq(size, 1 / SAMPLE_RATE_HZ), power


@lru_cache(maxsize=8)  # a tone is cut into many pieces of a length or two
def _window(samples: int) -> NDArray[np.float64]:
    return np.asarray(blackmanharris(samples))


def _peak_hz(
    frequency_hz: NDArray[np.float64], power: NDArray[np.float64], near_hz: float
) -> float:
    """Return where the spectrum peaks, by the parabola through the decibels around it."""
    first, last = np.searchsorted(frequency_hz, [near_hz * (1 - NEAR), near_hz * (1 + NEAR)])
    top = int(first + np.argmax(power[first:last]))
    left, middle, right = np.log(power[top - 1 : top + 2] + 1e-30)
    bend = left - 2 * middle + right
    return float(
        frequency_hz[top] + (0.5 * (left - right) / bend if bend else 0.0) * frequency_hz[1]
    )
