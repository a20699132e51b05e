"""An agent that greets, listens, and answers when the caller has finished speaking.

Its voice is made by arithmetic: harmonics of a gliding pitch under formants, in bursts of words,
each of which begins with a hiss.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import butter, sosfilt

from polyai_diag.media.opus import SAMPLE_RATE_HZ, encode, silence_packet
from polyai_diag.media.tracks import FRAME_S, PacketTrack

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack
    from numpy.typing import NDArray

SPEECH_DBFS = -23.0
"""Level of a phrase: RMS from its first to its last burst, 0 dBFS being an RMS of full scale."""

_LEAD_IN_S = 0.2  # the caller's DTLS may be ready a little after ours
_FORMANTS_HZ = (500, 1500, 2500)
_SPEECH_FROM_DBFS = -50.0
_SPEECH_S = 0.1
_PAUSE_S = 0.5
_WORDS_PER_S = 2.5
_HISS_HZ = (3000, 12_000)
_HISS = 0.25  # against the vowels, RMS


class Agent:
    """One agent in one call: `track` is what it says."""

    def __init__(self, *, silent: bool = False) -> None:
        self.track = PacketTrack(silence_packet())
        self._silent = silent
        _reply()  # made now, lest the call wait for it
        self._say(_greeting())

    async def listen(self, caller: MediaStreamTrack) -> None:
        """Answer when the caller ends a turn; deaf while it speaks itself.

        Raises MediaStreamError when the track ends.
        """
        speaking_s = pause_s = 0.0
        while True:
            frame = await caller.recv()
            if self.track.playing:
                speaking_s = 0.0
                continue
            if _level_dbfs(frame.to_ndarray()) > _SPEECH_FROM_DBFS:  # type: ignore[union-attr]
                speaking_s, pause_s = speaking_s + FRAME_S, 0.0
            else:
                pause_s += FRAME_S
            if pause_s >= _PAUSE_S:
                if speaking_s >= _SPEECH_S:
                    self._say(_reply())
                speaking_s = 0.0

    def _say(self, phrase: tuple[bytes, ...]) -> None:
        self.track.play([silence_packet()] * len(phrase) if self._silent else phrase)


def voice(duration_s: float, pitch_hz: float) -> NDArray[np.float32]:
    """Return speech-shaped sound at SPEECH_DBFS: shape (samples, 2), full scale ±1.0, 48 kHz."""
    time_s = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    pitch = pitch_hz * (1 + 0.15 * np.sin(2 * np.pi * 0.6 * time_s))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE_HZ
    sound = np.zeros_like(time_s)
    for harmonic in range(1, int(4000 / pitch_hz)):
        sound += _formant_gain(harmonic * pitch_hz) / harmonic * np.sin(harmonic * phase)
    word = 2 * np.pi * _WORDS_PER_S * time_s
    sound *= np.maximum(0, np.sin(word) + 0.6) / np.sqrt(np.mean(sound**2))
    sound += _HISS * _hiss(len(sound)) * np.maximum(0, np.sin(word + 1.6))
    sound *= 10 ** (SPEECH_DBFS / 20) / np.sqrt(np.mean(sound**2))
    return np.stack([sound, sound], axis=1).astype(np.float32)


def _formant_gain(frequency_hz: float) -> float:
    return 0.1 + sum(1 / (1 + ((frequency_hz - formant) / 150) ** 2) for formant in _FORMANTS_HZ)


def _hiss(samples: int) -> NDArray[np.float64]:
    """Return noise of the band in which consonants lie, at an RMS of 1."""
    noise = np.random.default_rng(samples).standard_normal(samples)
    band = butter(4, _HISS_HZ, "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    hiss = sosfilt(band, noise)
    return np.asarray(hiss / np.sqrt(np.mean(hiss**2)))


@functools.cache
def _greeting() -> tuple[bytes, ...]:
    lead_in = np.zeros((round(_LEAD_IN_S * SAMPLE_RATE_HZ), 2), np.float32)
    return tuple(encode(np.concatenate([lead_in, voice(2.6, pitch_hz=120)])))


@functools.cache
def _reply() -> tuple[bytes, ...]:
    return tuple(encode(voice(2.0, pitch_hz=140)))


def _level_dbfs(samples: NDArray[np.int16]) -> float:
    power = float(np.mean(np.square(samples.astype(np.float64) / 32768)))
    return 10 * np.log10(power) if power > 0 else -np.inf
