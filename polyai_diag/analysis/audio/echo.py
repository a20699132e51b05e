"""A second arrival of the sound, found behind the chirps. Pure.

A codec's own unrest lies around the direct sound, the wider the slower the sweep: short chirps, one
laid over the other, show a weak echo where the long sweep would bury it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from polyai_diag.analysis.audio.masking import Heard
    from polyai_diag.analysis.audio.signal import ProbeSignal
    from polyai_diag.analysis.audio.timing import Timing

BAND_HZ = (300.0, 6500.0)  # where codecs keep the waveform; a hard edge would ring
EARLIEST_S = 0.008  # before it lies the direct sound's own skirt
NEXT_S = 0.13  # so long before the next sound begins the search ends
AHEAD = 480
BESIDE = 144  # 3 ms
LOBE = 24  # 0.5 ms: an arrival's own width
STANDS_OUT_DB = 16.0  # over the median of the 6 ms around it; noise alone stays under 13
LEAST_DB = -56.0  # weaker ones are the codec's, and nobody hears them
UPSAMPLING = 8


@dataclass(frozen=True)
class Echo:
    """A second arrival: how much later than the direct sound, and how much weaker."""

    delay_ms: float
    level_db: float


def find_echo(signal: ProbeSignal, heard: Heard, timing: Timing) -> tuple[Echo | None, bool]:
    """Return the echo that stands out most, if one does, and whether any chirp could tell.

    Only chirps that arrived whole tell, with all that an echo of theirs would need.
    """
    furthest = signal.echo_within - round(NEXT_S * SAMPLE_RATE_HZ)
    length = AHEAD + len(signal.chirp) + furthest + BESIDE
    size = next_fast_len(length + len(signal.chirp), real=True)
    frequency_hz = rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    chirp = rfft(signal.chirp, size)
    together = np.zeros(len(chirp), complex)
    for start, offset in zip(timing.sent, timing.offsets, strict=True):
        if int(start) in signal.echo_starts:
            first = int(np.floor(start + offset)) - AHEAD
            sound, good = heard.part(slice(first, first + length))
            if good.all():
                late = start + offset - first
                aligned = np.exp(2j * np.pi * frequency_hz / SAMPLE_RATE_HZ * late)
                together += rfft(sound, size) * np.conj(chirp) * aligned
    if not together.any():
        return None, False
    weight = _taper(frequency_hz) * frequency_hz
    arrivals = irfft(together * weight, size * UPSAMPLING)[: furthest * UPSAMPLING]
    return _strongest(arrivals / arrivals[0]), True


def _strongest(arrivals: NDArray[np.float64]) -> Echo | None:
    """Return the arrival that stands highest over what lies around it."""
    strength = np.abs(arrivals)
    per_sample = strength[: len(strength) // UPSAMPLING * UPSAMPLING].reshape(-1, UPSAMPLING)
    coarse = per_sample.max(axis=1)
    over = coarse / np.maximum(_around(coarse), 1e-9)
    over[: round(EARLIEST_S * SAMPLE_RATE_HZ)] = 0
    top = int(np.argmax(over))
    if over[top] < 10 ** (STANDS_OUT_DB / 20):
        return None
    exact = top * UPSAMPLING + int(np.argmax(per_sample[top]))
    level_db = 20 * float(np.log10(strength[exact]))
    if level_db < LEAST_DB:
        return None
    return Echo(1000 * exact / UPSAMPLING / SAMPLE_RATE_HZ, level_db)


def _around(strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of 3 ms on either side, what an arrival itself covers left out."""
    step = LOBE // 2
    padded = np.pad(strength, BESIDE, mode="reflect")
    shifts = [s for s in range(-BESIDE, BESIDE + 1, step) if abs(s) >= LOBE]
    beside = np.stack([padded[BESIDE + s : BESIDE + s + len(strength)] for s in shifts])
    return np.asarray(np.median(beside, axis=0))


def _taper(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the band, half an octave of it on either side rising softly."""
    octaves = np.log2(np.maximum(frequency_hz, 1.0)[:, None] / np.array(BAND_HZ))
    rise = np.clip([2 * octaves[:, 0], -2 * octaves[:, 1]], 0, 1)
    return np.asarray(np.prod(0.5 - 0.5 * np.cos(np.pi * rise), axis=0))
