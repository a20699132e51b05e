"""Speech-like sound with pauses, a talker and a text for every seed: vowels, hiss, breath, room."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

if TYPE_CHECKING:
    from numpy.typing import NDArray

VOWELS_HZ = [(730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480)]
PAUSE_S = 0.7


def talk(
    seconds: float,
    seed: int = 0,
    *,
    rate_hz: int = 48_000,
    active_dbfs: float = -26.0,
    noise_dbfs: float = -72.0,
) -> NDArray[np.float64]:
    """Return mono speech-like sound at this level between its pauses, in white room noise."""
    sound = _spoken(seconds, seed, rate_hz) * 10 ** (active_dbfs / 20)
    random = np.random.default_rng(seed)
    noise: NDArray[np.float64] = random.normal(0, 10 ** (noise_dbfs / 20), len(sound))
    return sound + noise


@cache
def _spoken(seconds: float, seed: int, rate_hz: int) -> NDArray[np.float64]:
    """Return the speech alone, with an RMS of 1 where it is spoken."""
    random = np.random.default_rng(seed)
    pitch_hz = random.uniform(85, 240)
    sound = np.zeros(round(seconds * rate_hz))
    at, left = round(0.3 * rate_hz), int(random.integers(4, 9))
    while at < len(sound):
        syllable = _syllable(random, pitch_hz, rate_hz)[: len(sound) - at]
        sound[at : at + len(syllable)] += syllable
        at += round(len(syllable) * 0.95)
        left -= 1
        if not left:
            at += round(random.uniform(1, 2) * PAUSE_S * rate_hz)
            left = int(random.integers(4, 9))
    spoken = np.square(sound)[np.abs(sound) > 1e-9].mean()
    whole: NDArray[np.float64] = sound / np.sqrt(spoken)
    return whole


def _syllable(random: np.random.Generator, pitch_hz: float, rate_hz: int) -> NDArray[np.float64]:
    length = round(random.uniform(0.12, 0.28) * rate_hz)
    time_s = np.arange(length) / rate_hz
    glide = pitch_hz * random.uniform(0.9, 1.15) * (1 + random.uniform(-0.6, 0.3) * time_s)
    pulses = np.diff(np.floor(np.cumsum(glide) / rate_hz), prepend=0.0)
    voice = lfilter([1.0, -1.0], [1.0, -1.94, 0.9409], pulses)
    voice += 0.002 * random.normal(0, 1, length)  # breath
    for formant_hz in VOWELS_HZ[int(random.integers(len(VOWELS_HZ)))]:
        if formant_hz < 0.45 * rate_hz:
            radius = np.exp(-np.pi * 90 / rate_hz)
            poles = [1, -2 * radius * np.cos(2 * np.pi * formant_hz / rate_hz), radius**2]
            voice = lfilter([sum(poles)], poles, voice)
    rises, falls = round(0.03 * rate_hz), round(0.06 * rate_hz)
    envelope = np.ones(length)
    envelope[:rises] = np.hanning(2 * rises)[:rises]
    envelope[-falls:] = np.hanning(2 * falls)[falls:]
    loud = random.uniform(0.35, 1.0)  # stressed and unstressed
    sound = loud * envelope * voice / max(1e-9, float(np.abs(voice).max()))
    if random.random() < 0.4:
        hiss = min(round(0.08 * rate_hz), length)
        high_hz = min(random.uniform(2500, 5000), 0.4 * rate_hz)
        high = butter(2, high_hz, "high", fs=rate_hz, output="sos")
        noise = sosfilt(high, random.normal(0, 0.12, hiss))
        sound[:hiss] += noise * np.hanning(hiss)
    return np.asarray(sound)


def healthy_seed(number: int) -> dict[str, object]:
    """Return the number-th of many ways to record somebody in order."""
    levels = (-16.0, -20.0, -26.0, -32.0, -38.0)
    noises = (-90.0, -72.0, -60.0, -55.0)
    rates = (48_000, 44_100, 32_000, 22_050, 16_000)
    return {
        "seed": number,
        "active_dbfs": levels[number % 5],
        "noise_dbfs": min(noises[number % 4], levels[number % 5] - 20),
        "rate_hz": rates[number // 5 % 5],
    }
