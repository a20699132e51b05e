"""Artefacts of known size, to be put on a sound; each by another way than the one that measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import next_fast_len
from scipy.signal import butter, ellip, iirpeak, resample, sosfilt, sosfreqz, tf2sos

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Sound = NDArray[np.float32]

RATE_HZ = 48_000
TAIL = 36_000  # what a call still plays when the sound has ended


def tailed(sound: Sound) -> Sound:
    return np.pad(sound, ((0, TAIL), (0, 0)))


def delayed(sound: Sound, delay_ms: float) -> Sound:
    """Delay by any fraction of a sample, exactly, as a linear phase."""
    samples = delay_ms * RATE_HZ / 1000
    length = next_fast_len(len(sound) + int(samples) + 4800, real=True)
    spectrum = np.fft.rfft(np.pad(sound, ((0, length - len(sound)), (0, 0))), axis=0)
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(length) * samples)
    return np.fft.irfft(spectrum * turn[:, None], length, axis=0).astype(np.float32)


def stretched(sound: Sound, ratio: float) -> tuple[Sound, float]:
    """Play faster by about this ratio; return the sound and the exact ratio of pitches.

    Whole samples out of whole samples: the transform itself is the interpolation. Of the lengths
    that it is quick at, with silence behind the sound, the pair is taken that suits best.
    """
    lengths = np.array(_quick_lengths(int(len(sound) / max(1, ratio)), len(sound) + 2 * RATE_HZ))
    longer = lengths[lengths >= len(sound)]
    off = np.abs(longer[:, None] / lengths[None, :] / ratio - 1)
    first, second = np.unravel_index(int(np.argmin(off)), off.shape)
    whole, length = int(longer[first]), int(lengths[second])
    padded = np.pad(sound, ((0, whole - len(sound)), (0, 0)))
    return resample(padded, length, axis=0).astype(np.float32), whole / length


def _quick_lengths(least: int, most: int) -> list[int]:
    lengths = [next_fast_len(least)]
    while lengths[-1] < most:
        lengths.append(next_fast_len(lengths[-1] + 1))
    return [length for length in lengths if length % 2 == 0]


def decibels(value: float) -> float:
    return float(10 ** (value / 20))


def with_harmonics(sound: Sound, part: slice, levels_db: dict[int, float]) -> Sound:
    """Add harmonics of 997 Hz, each so many decibels against the tone of -20 dBFS."""
    made = sound.copy()
    t = np.arange(part.stop - part.start) / RATE_HZ
    for number, level_db in levels_db.items():
        line = 0.1 * np.sqrt(2) * decibels(level_db) * np.sin(2 * np.pi * number * 997 * t)
        made[part] += line[:, None].astype(np.float32)
    return made


def third_octave_noise(
    rng: np.random.Generator, samples: int, levels_dbfs: dict[float, float]
) -> NDArray[np.float32]:
    """Return noise whose every third octave holds exactly this level, over its whole length."""
    spectrum = np.zeros(samples // 2 + 1, complex)
    frequency_hz = np.fft.rfftfreq(samples, 1 / RATE_HZ)
    for centre_hz, level_dbfs in levels_dbfs.items():
        lines = (frequency_hz >= centre_hz * 10**-0.05) & (frequency_hz < centre_hz * 10**0.05)
        each = decibels(level_dbfs) / np.sqrt(2 * lines.sum()) * samples
        spectrum[lines] = each * np.exp(2j * np.pi * rng.random(int(lines.sum())))
    return np.fft.irfft(spectrum, samples).astype(np.float32)


def rms_dbfs(sound: Sound) -> float:
    """Return the level of a sound, shape (samples, channels)."""
    return float(10 * np.log10(np.mean(np.square(sound, dtype=np.float64))))


def third_octaves_dbfs(sound: Sound, centres_hz: list[float]) -> dict[float, float]:
    """Return the level in each third octave, from one plain spectrum of the whole (Parseval)."""
    power = np.square(np.abs(np.fft.rfft(sound, axis=0))).mean(axis=1) * 2 / len(sound) ** 2
    frequency_hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    return {
        c: float(10 * np.log10(power[np.abs(np.log10(frequency_hz / c + 1e-9)) < 0.05].sum()))
        for c in centres_hz
    }


def hum(samples: int, mains_hz: float, levels_dbfs: dict[int, float]) -> NDArray[np.float32]:
    t = np.arange(samples) / RATE_HZ
    lines = [
        np.sqrt(2) * decibels(level) * np.sin(2 * np.pi * number * mains_hz * t + number)
        for number, level in levels_dbfs.items()
    ]
    return np.asarray(np.sum(lines, axis=0), np.float32)


def with_echo(sound: Sound, delay_ms: float, level_db: float) -> Sound:
    late = delayed(sound, delay_ms)[: len(sound)]
    return np.asarray(sound + np.float32(decibels(level_db)) * late, np.float32)


def with_dropouts(
    sound: Sound, dropouts: list[tuple[int, int, str]], rng: np.random.Generator
) -> Sound:
    """Cut sound out: (start, samples, kind), with what a careless player puts in its place."""
    made = sound.copy()
    for start, samples, kind in dropouts:
        here = slice(start, start + samples)
        if kind == "silence":
            made[here] = 0
        elif kind == "repeat":
            frame = sound[start - 960 : start]
            made[here] = np.tile(frame, (-(-samples // 960), 1))[:samples]
        else:
            made[here] = rng.permutation(sound[here])
    return made


def equalised(sound: Sound, rng: np.random.Generator) -> tuple[Sound, NDArray[np.float64]]:
    """Bend the spectrum gently; return the filter as well, for its truth."""
    sections = []
    for _ in range(2):
        centre_hz, quality = float(rng.uniform(400, 5000)), float(rng.uniform(0.7, 1.2))
        gain = decibels(float(rng.choice([-6, -4, 4, 6])))
        b, a = iirpeak(centre_hz, quality, fs=RATE_HZ)
        sections.append(tf2sos(a + (gain - 1) * b, a))
    sos = np.concatenate(sections)
    return (sosfilt(sos, sound, axis=0) * 0.7).astype(np.float32), sos


def band_limited(sound: Sound, edge_hz: float, kind: str) -> tuple[Sound, float]:
    """Cut the band off; return where the filter is 12 dB down."""
    make = butter(10, edge_hz, fs=RATE_HZ, output="sos") if kind == "butter" else None
    sos = ellip(7, 0.2, 50, edge_hz, fs=RATE_HZ, output="sos") if make is None else make
    frequency_hz, response = sosfreqz(sos, 1 << 16, fs=RATE_HZ)
    under = np.flatnonzero(np.abs(response) < decibels(-12))
    return sosfilt(sos, sound, axis=0).astype(np.float32), float(frequency_hz[under[0]])


def clipped_tone_thd_db(over: float) -> float:
    """Return the distortion of a sine that peaks at `over` times full scale, by its Fourier sum."""
    phase = (np.arange(4096) + 0.5) * 2 * np.pi / 4096
    wave = np.clip(over * np.sin(phase), -1, 1)
    first = 2 * np.mean(wave * np.sin(phase))
    rest = np.mean(wave**2) - first**2 / 2
    return float(10 * np.log10(rest / (first**2 / 2)))
