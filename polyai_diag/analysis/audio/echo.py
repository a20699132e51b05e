"""A second arrival of the sound, found behind the chirps and the sweep. Pure.

A codec's own unrest lies around the direct sound, the wider the slower the sweep: short chirps, one
laid over the other, show a weak late echo, and the long sweep an early one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import resample

from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ, sweep_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from polyai_diag.analysis.audio.masking import Heard
    from polyai_diag.analysis.audio.signal import ProbeSignal
    from polyai_diag.analysis.audio.timing import Timing

BAND_HZ = (300.0, 6500.0)  # where codecs keep the waveform; a hard edge would ring
EARLIEST_S = 0.008  # before it lies the direct sound's own skirt
CHIRPS_FROM_S = 0.04  # sooner a chirp still sounds, in another band, and takes the codec's bits
EARLY_LEAST_DB = -40.0  # that a codec's unrest around a chirp, of -65, moves by no more than 0.5
NEXT_S = 0.13  # so long before the next sound begins the search ends
AHEAD = 480
BESIDE = 144  # 3 ms
LOBE = 24  # 0.5 ms: an arrival's own width
STANDS_OUT_DB = 16.0  # over the median of the 6 ms around it; noise alone stays under 13
LEAST_DB = -56.0  # weaker ones are the codec's, and nobody hears them
UPSAMPLING = 8
NEAR = 3  # samples
RECURS_SHARE = 0.4


@dataclass(frozen=True)
class Echo:
    """A second arrival: how much later than the direct sound, and how much weaker."""

    delay_ms: float
    level_db: float


def find_echo(signal: ProbeSignal, heard: Heard, timing: Timing) -> tuple[Echo | None, bool]:
    """Return the echo that stands out most, if one does, and whether any sound could tell.

    Only what arrived whole tells, with all that an echo of it would need. Without the sweep, a
    weak early one is seen and not measured: the chirps blur it.
    """
    furthest = signal.echo_within - round(NEXT_S * SAMPLE_RATE_HZ)
    chirps = [
        (signal.chirp, start + offset)
        for start, offset in zip(timing.sent, timing.offsets, strict=True)
        if int(start) in signal.echo_starts
    ]
    part = signal.sweep
    at = part.start + timing.offset_at(part.start)
    sweep = _paced_sweep(part.stop - part.start, timing.drift_ppm or 0.0)
    sweeps = [(sweep, at)] if timing.steady(part) else []
    kinds = [_arrivals(heard, chirps, furthest), _arrivals(heard, sweeps, furthest)]
    first = [0 if kinds[1] is None else round(CHIRPS_FROM_S * SAMPLE_RATE_HZ), 0]
    told = [(a, tells) for a, tells in zip(kinds, first, strict=True) if a is not None]
    found = _strongest(told) if told else None
    if found is None or not _recurs(
        found, heard, (chirps, first[0]), (sweeps, 0), furthest=furthest
    ):
        return None, bool(told)
    if kinds[1] is None and _blurred(found):
        return None, False
    return found, True


def _blurred(echo: Echo) -> bool:
    return echo.delay_ms < 1000 * CHIRPS_FROM_S and echo.level_db < EARLY_LEAST_DB


def _recurs(
    echo: Echo,
    heard: Heard,
    *kinds: tuple[list[tuple[NDArray[np.float32], float]], int],
    furthest: int,
) -> bool:
    """Whether more than one sound has it: a piece that stands there twice is no echo."""
    at = round(echo.delay_ms * SAMPLE_RATE_HZ / 1000)
    near = slice(at - NEAR, at + NEAR + 1)
    each = [
        np.abs(arrivals[near]).max()
        for sounds, tells in kinds
        for sound in sounds
        if at >= tells and (arrivals := _arrivals(heard, [sound], furthest)) is not None
    ]
    least = RECURS_SHARE * 10 ** (echo.level_db / 20)
    return sum(bool(height > least) for height in each) >= min(len(each), max(2, len(each) // 3))


def _paced_sweep(samples: int, drift_ppm: float) -> NDArray[np.float32]:
    t = np.arange(samples) / SAMPLE_RATE_HZ
    return sweep_at(t / (1 + drift_ppm * 1e-6), samples / SAMPLE_RATE_HZ)


def _arrivals(
    heard: Heard, sounds: list[tuple[NDArray[np.float32], float]], furthest: int
) -> NDArray[np.float64] | None:
    """Return the impulse response, the direct sound at 0 being 1, laid over for all sounds alike.

    `sounds` are what was sent and where it begins in what was received.
    """
    together: NDArray[np.complex128] | None = None
    for sent, begins in sounds:
        length = AHEAD + len(sent) + furthest + BESIDE
        first = int(np.floor(begins)) - AHEAD
        sound, good = heard.part(slice(first, first + length))
        if good.all():
            size = next_fast_len(length, real=True)
            band = _band(size)
            turns = np.arange(band.start, band.stop) * ((begins - first) / size)
            aligned = np.exp(2j * np.pi * turns)
            cross = rfft(sound, size)[band] * np.conj(rfft(sent, size)[band]) * aligned
            together = cross if together is None else together + cross
    if together is None:
        return None
    frequency_hz = np.arange(band.start, band.stop) * SAMPLE_RATE_HZ / size
    spectrum = np.zeros(size // 2 + 1, np.complex128)
    spectrum[band] = together * _taper(frequency_hz) * frequency_hz
    arrivals = irfft(spectrum, size)[: furthest + BESIDE]
    return np.asarray(arrivals / max(abs(float(arrivals[0])), 1e-12))


def _strongest(kinds: list[tuple[NDArray[np.float64], int]]) -> Echo | None:
    """Return the arrival that stands highest over what lies around it.

    Each kind counts from where it tells, by the inverse square of its own unrest there.
    """
    sharp, mean = np.zeros(len(kinds[0][0])), np.zeros(len(kinds[0][0]))
    for arrivals, tells in kinds:
        weight = 1 / np.square(np.maximum(_around(np.abs(arrivals)), 1e-7))
        weight[:tells] = 0
        sharp += weight
        mean += arrivals * weight
    mean /= sharp
    over = np.abs(mean) * np.sqrt(sharp)
    over[: round(EARLIEST_S * SAMPLE_RATE_HZ)] = 0
    over[-BESIDE:] = 0
    top = int(np.argmax(over))
    if over[top] < 10 ** (STANDS_OUT_DB / 20):
        return None
    exact, height = _peak(mean[top - LOBE : top + LOBE + 1])
    level_db = 20 * float(np.log10(height))
    if level_db < LEAST_DB:
        return None
    return Echo(1000 * (top - LOBE + exact) / SAMPLE_RATE_HZ, level_db)


def _peak(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the place and height of a peak between samples."""
    fine = np.abs(resample(values, len(values) * UPSAMPLING))
    middle = slice(LOBE * UPSAMPLING // 2, -LOBE * UPSAMPLING // 2)
    top = middle.start + int(np.argmax(fine[middle]))
    return top / UPSAMPLING, float(fine[top])


def _around(strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of 3 ms on either side, what an arrival itself covers left out."""
    step = LOBE // 2
    padded = np.pad(strength, BESIDE, mode="reflect")
    shifts = [s for s in range(-BESIDE, BESIDE + 1, step) if abs(s) >= LOBE]
    beside = np.stack([padded[BESIDE + s : BESIDE + s + len(strength)] for s in shifts])
    return np.asarray(np.median(beside, axis=0))


def _band(size: int) -> slice:
    """Return the bins of a spectrum that the taper leaves."""
    low, high = (hz * size / SAMPLE_RATE_HZ for hz in BAND_HZ)
    return slice(int(low), int(high) + 2)


def _taper(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the band, half an octave of it on either side rising softly."""
    octaves = np.log2(np.maximum(frequency_hz, 1.0))
    low, high = np.log2(BAND_HZ)
    rise = np.clip(2 * np.minimum(octaves - low, high - octaves), 0, 1)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * rise))
