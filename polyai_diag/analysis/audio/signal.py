"""The probe signal: silence, chirps, a tone, sweeps, noise and speech. Pure.

All of it stays well under full scale: Opus makes a sweep overshoot by up to 8 dB. No maximum length
sequence and no dense multitone: neither survives the codec.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import butter, sosfilt
from scipy.signal.windows import tukey

from polyai_diag.analysis.audio.speech import speech

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SAMPLE_RATE_HZ = 48_000
TONE_HZ = 997.0
TONE_DBFS = -20.0  # RMS; full scale is an RMS of 1.0
CHIRP_HZ = (200.0, 7000.0)
CHIRP_S = 0.25
SWEEP_HZ = (20.0, 22_000.0)
SWEEP_EDGES_S = (0.1, 0.01)  # faded in over two periods of 20 Hz, faded out above 20 kHz
PEAK_DBFS = -14.0
NOISE_DBFS = -23.0
SPEECH_DBFS = -29.0
HIGHEST_PEAK_DBFS = -12.0


@dataclass(frozen=True, eq=False)  # one is the same as itself: what is reckoned of it is kept
class ProbeSignal:
    """The sound to send, shape (samples, 2), and where its parts stand, in samples."""

    pcm: NDArray[np.float32]
    chirp: NDArray[np.float32]
    chirp_starts: tuple[int, ...]
    echo_starts: frozenset[int]  # the chirps behind which no noise hides an echo
    echo_within: int  # samples from a chirp's start to the next sound
    silence: slice
    tone: slice
    sweep: slice
    sweep_tail: int  # samples of silence behind the sweep: its late reflections
    noise: slice
    left: slice  # a sweep in the left channel alone
    right: slice
    speech: slice

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.pcm) / SAMPLE_RATE_HZ


@dataclass(frozen=True)
class _Form:
    """How long each part of a form lasts, in seconds."""

    silence: float
    chirps: tuple[int, int, int, int]  # first, after the tone, after the sweep, last
    apart: float  # from one chirp's start to the next
    tone: float
    sweep: float
    tail: float
    noise: float
    side: float
    speech: float


QUICK = _Form(0.8, (2, 1, 1, 2), 0.3, 1.0, 1.6, 0.15, 1.2, 0.3, 0.7)
THOROUGH = _Form(4.0, (4, 1, 1, 4), 0.5, 3.0, 6.0, 0.25, 4.0, 0.75, 3.0)


def probe_signal(*, thorough: bool = False) -> ProbeSignal:
    """Build the probe signal: under 8 s, or about 27 s with more of each part."""
    form = THOROUGH if thorough else QUICK
    score = _Score(form.apart)
    silence = score.rest(form.silence)
    score.chirps(form.chirps[0])
    tone = score.play(_tone(form.tone))
    score.chirps(form.chirps[1])
    sweep = score.play(sweep_at(np.arange(_samples(form.sweep)) / SAMPLE_RATE_HZ, form.sweep))
    score.rest(form.tail)
    score.chirps(form.chirps[2])
    noise = score.play(_noise(form.noise))
    score.rest(0.05)
    left = score.play(_chirp(form.side), (1, 0))
    right = score.play(_chirp(form.side), (0, 1))
    score.rest(0.05)
    talk = score.play(speech(form.speech, active_dbfs=SPEECH_DBFS))
    score.rest(0.05)
    score.chirps(form.chirps[3])
    return ProbeSignal(
        pcm=score.pcm(),
        chirp=_chirp(CHIRP_S),
        chirp_starts=tuple(score.chirp_starts),
        echo_starts=frozenset(score.chirp_starts) - {noise.start - _samples(form.apart)},
        echo_within=_samples(form.apart),
        silence=silence,
        tone=tone,
        sweep=sweep,
        sweep_tail=_samples(form.tail),
        noise=noise,
        left=left,
        right=right,
        speech=talk,
    )


class _Score:
    """Writes part after part, and where each stands."""

    def __init__(self, apart_s: float) -> None:
        self._apart = _samples(apart_s)
        self._parts: list[NDArray[np.float32]] = []
        self._at = 0
        self.chirp_starts: list[int] = []

    def play(self, mono: NDArray[np.float32], sides: Sequence[int] = (1, 1)) -> slice:
        self._parts.append(np.outer(mono, np.asarray(sides, np.float32)))
        self._at += len(mono)
        return slice(self._at - len(mono), self._at)

    def rest(self, seconds: float) -> slice:
        return self.play(np.zeros(_samples(seconds), np.float32))

    def chirps(self, number: int) -> None:
        chirp = _chirp(CHIRP_S)
        for _ in range(number):
            self.chirp_starts.append(self._at)
            self.play(np.pad(chirp, (0, self._apart - len(chirp))))

    def pcm(self) -> NDArray[np.float32]:
        return np.concatenate(self._parts)


def swept(
    t: NDArray[np.float64], band_hz: tuple[float, float], seconds: float
) -> NDArray[np.float64]:
    """Return the exponential sweep of full scale at these times (Farina, AES 108, 2000)."""
    growth = np.log(band_hz[1] / band_hz[0]) / seconds
    return np.asarray(np.sin(2 * np.pi * band_hz[0] / growth * np.expm1(t * growth)))


def swept_share(frequency_hz: float, band_hz: tuple[float, float]) -> float:
    """Return which share of its time an exponential sweep needs up to this frequency."""
    return float(np.log(frequency_hz / band_hz[0]) / np.log(band_hz[1] / band_hz[0]))


def _chirp(seconds: float) -> NDArray[np.float32]:
    t = np.arange(_samples(seconds)) / SAMPLE_RATE_HZ
    return _scaled(swept(t, CHIRP_HZ, seconds) * tukey(len(t), 0.2))


def sweep_at(t: NDArray[np.float64], seconds: float) -> NDArray[np.float32]:
    """Return the sweep S3 at these times after its start, silent before it and behind it."""
    fades = np.minimum(t / SWEEP_EDGES_S[0], (seconds - t) / SWEEP_EDGES_S[1])
    sweep = swept(np.clip(t, 0, seconds), SWEEP_HZ, seconds)
    edges = fades < 1
    sweep[edges] *= np.sin(np.pi / 2 * np.maximum(fades[edges], 0))
    return _scaled(sweep)


def _tone(seconds: float) -> NDArray[np.float32]:
    t = np.arange(_samples(seconds)) / SAMPLE_RATE_HZ
    amplitude = 10 ** (TONE_DBFS / 20) * np.sqrt(2)
    faded = amplitude * np.sin(2 * np.pi * TONE_HZ * t) * tukey(len(t), 0.02)
    return np.asarray(faded, np.float32)


def _noise(seconds: float) -> NDArray[np.float32]:
    """Return noise with the long-term spectrum of speech: even to 500 Hz, then 6 dB an octave."""
    white = np.random.default_rng(7).normal(0, 1, _samples(seconds))
    shaped = sosfilt(butter(2, 100, "highpass", fs=SAMPLE_RATE_HZ, output="sos"), white)
    shaped = sosfilt(butter(1, 500, fs=SAMPLE_RATE_HZ, output="sos"), shaped)
    shaped = sosfilt(butter(2, 7000, fs=SAMPLE_RATE_HZ, output="sos"), shaped)
    level = 10 ** (NOISE_DBFS / 20)
    # Noise peaks 12 dB and more above its level; its few highest peaks are bent, not cut.
    limit = 10 ** (HIGHEST_PEAK_DBFS / 20) * 0.99
    shaped *= level / np.sqrt(np.mean(np.square(shaped)))
    return np.asarray(limit * np.tanh(shaped / limit) * tukey(len(shaped), 0.01), np.float32)


def _scaled(sound: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(sound * 10 ** (PEAK_DBFS / 20), np.float32)


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ)
