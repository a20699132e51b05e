"""A speech-like sound by arithmetic: a glottal pulse train through moving formants. Pure.

No word of any language, and nobody's voice: enough for a codec, an automatic gain control, a noise
suppressor or a voice activity detector to take it for speech.
"""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLE_RATE_HZ = 48_000
ACTIVE_DBFS = -26.0  # the level at which speech is tested (ITU-T G.191, "-26 dBov")
ACTIVE_MARGIN_DB = 15.9  # what lies further below the loudest is a pause (ITU-T P.56 §5)
PROMPT_S = 2.0
SYLLABLES_PER_S = 4.5
PITCH_HZ = 125.0

_VOWELS_HZ = (  # the first three formants: a, i, u, e, o
    (730.0, 1090.0, 2440.0),
    (270.0, 2290.0, 3010.0),
    (300.0, 870.0, 2240.0),
    (530.0, 1840.0, 2480.0),
    (570.0, 840.0, 2410.0),
)
_HIGHER_HZ = (3500.0, 4500.0)  # the fourth and fifth stand still
_BANDWIDTHS_HZ = (80.0, 100.0, 140.0, 250.0, 300.0)
_HISS = (0.0, 0.10, 0.0, 0.06)  # every other syllable begins with a consonant's noise
_BLOCK = 480  # 10 ms: the mouth moves no faster
_WINDOW = 960


def prompt_signal() -> NDArray[np.float32]:
    """Return 2 s of speech-like sound to say to an agent: shape (samples, 2), 48 kHz.

    Its active level is that of a person at a usual distance from a microphone.
    """
    mono = speech(PROMPT_S)
    return np.stack([mono, mono], axis=1)


def speech(seconds: float, *, active_dbfs: float = ACTIVE_DBFS) -> NDArray[np.float32]:
    """Return speech-like sound, mono, 48 kHz, full scale ±1.0, at this active level (RMS)."""
    samples = round(seconds * SAMPLE_RATE_HZ)
    syllable = np.arange(samples) / SAMPLE_RATE_HZ * SYLLABLES_PER_S
    sound = _voiced(samples, syllable) + _consonants(samples, syllable)
    return np.asarray(sound * 10 ** ((active_dbfs - _active_dbfs(sound)) / 20), np.float32)


def _voiced(samples: int, syllable: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the vowels: pulses of a falling, wavering pitch, shaped by the formants."""
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    pitch_hz = PITCH_HZ * (1.1 - 0.2 * (time_s % 1.0) + 0.06 * np.sin(2 * np.pi * 3 * time_s))
    cycles = np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
    pulses = np.diff(np.floor(cycles), prepend=0.0)
    # The glottis' fall of 12 dB an octave, of which the lips give back 6.
    glottal = lfilter([1.0, -1.0], np.convolve([1.0, -0.995], [1.0, -0.94]), pulses)
    loud = np.clip(np.sin(np.pi * (syllable % 1.0)) * 1.4 - 0.25, 0.0, 1.0)
    return _formants(glottal * loud, syllable)


def _formants(source: NDArray[np.float64], syllable: NDArray[np.float64]) -> NDArray[np.float64]:
    """Filter block by block: from one vowel to the next along a straight line."""
    vowels = np.array(list(islice(cycle(_VOWELS_HZ), int(syllable[-1]) + 2)))
    at = np.arange(len(vowels)) + 0.5
    moves = syllable[::_BLOCK]
    tracks = [np.interp(moves, at, vowels[:, formant]) for formant in range(3)]
    tracks += [np.full(len(moves), higher_hz) for higher_hz in _HIGHER_HZ]
    sound = np.zeros_like(source)
    states = [np.zeros(2) for _ in tracks]
    for number, start in enumerate(range(0, len(source), _BLOCK)):
        block = source[start : start + _BLOCK]
        for formant, track in enumerate(tracks):
            radius = np.exp(-np.pi * _BANDWIDTHS_HZ[formant] / SAMPLE_RATE_HZ)
            turn = 2 * np.pi * track[number] / SAMPLE_RATE_HZ
            poles = [1.0, -2 * radius * np.cos(turn), radius**2]
            block, states[formant] = lfilter([sum(poles)], poles, block, zi=states[formant])
        sound[start : start + _BLOCK] = block
    return sound / max(float(np.abs(sound).max()), 1e-12)


def _consonants(samples: int, syllable: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the noise that some syllables begin with: above 3 kHz, 50 ms."""
    noise = np.random.default_rng(4).normal(0, 1, samples)
    hiss = lfilter([1.0, -2.0, 1.0], [1.0, -1.2, 0.6], noise)
    size = np.array(_HISS)[syllable.astype(int) % len(_HISS)]
    begins = np.clip(1 - np.abs(syllable % 1.0 - 0.12) / 0.12, 0.0, 1.0)
    return np.asarray(hiss * size * begins)


def _active_dbfs(sound: NDArray[np.float64]) -> float:
    """Return the level of the windows that are no pause."""
    squares = np.square(sound[: len(sound) // _WINDOW * _WINDOW]).reshape(-1, _WINDOW).mean(axis=1)
    active = squares[squares > squares.max() * 10 ** (-ACTIVE_MARGIN_DB / 10)]
    return 10 * float(np.log10(active.mean()))
