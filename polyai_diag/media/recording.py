"""Recordings: read what a customer sent, write what a call sounded like."""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING

import av
import numpy as np

from polyai_diag.media.opus import SAMPLE_RATE_HZ
from polyai_diag.model import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAX_SECONDS = 900


class RecordingError(InputError):
    """The file is no sound that can be read; the text is one line."""


def read_recording(path: str | Path) -> tuple[NDArray[np.float32], int]:
    """Return a recording's sound, shape (samples, channels), ±1.0, and its rate in Hz.

    Reads 15 minutes at most. Raises RecordingError.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise RecordingError(f"{path}: no sound in it")
            stream = container.streams.audio[0]
            resampler = av.AudioResampler(format="fltp", rate=stream.rate)
            blocks, left = [], MAX_SECONDS * stream.rate
            for frame in container.decode(stream):
                blocks += [
                    np.asarray(f.to_ndarray().T, np.float32) for f in resampler.resample(frame)
                ]
                left -= frame.samples
                if left <= 0:
                    break
            if not blocks:
                raise RecordingError(f"{path}: no sound in it")
            return np.concatenate(blocks), stream.rate
    except (av.error.FFmpegError, OSError) as exc:
        raise RecordingError(f"{path}: cannot be read as sound ({exc.strerror})") from None


def write_wav(path: Path, sound: NDArray[np.float32]) -> None:
    """Write a sound of shape (samples, 2), ±1.0, 48 kHz, as 16-bit WAV. Raises OSError."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(np.clip(np.rint(sound * 32767), -32768, 32767).astype("<i2").tobytes())
