"""Recordings: read what a customer sent, block by block; write what a call sounded like."""

from __future__ import annotations

import wave
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from polyai_diag.files import whole_file
from polyai_diag.media.opus import SAMPLE_RATE_HZ
from polyai_diag.model import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MAX_SECONDS = 4 * 3600
MAX_CHANNELS = 8
RATES_HZ = (4_000, 384_000)
BLOCK_S = 0.5  # frames of a few ms are joined: fewer, longer blocks cost less
MISSING_S = 0.25  # what a header promises beyond that is missing, and no codec's padding
_MOST_CHUNKS = 100
_UNKNOWN_SIZE = 0x7FFF_0000  # a recorder that never came back to write it left all ones
_DAMAGE = (av.error.FFmpegError, ValueError)  # ValueError: a frame in another form than the first


class RecordingError(InputError):
    """The file is no sound that can be read; the text is one line."""


class Recording:
    """An open recording: iterate it once for blocks of shape (samples, channels), ±1.0.

    After that `incomplete` says what of it could not be read, "" for nothing. A header without any
    sound behind it, more than MAX_CHANNELS or an unheard-of rate raise RecordingError.
    """

    def __init__(self, path: Path, container: av.container.InputContainer) -> None:
        self._path = path
        self._container = container
        if not container.streams.audio:
            raise RecordingError(f"{path}: no sound in it")
        self._stream = container.streams.audio[0]
        self.rate_hz = int(self._stream.rate or 0)
        self.channels = int(self._stream.channels or 0)
        self.incomplete = ""
        low, high = RATES_HZ
        if not low <= self.rate_hz <= high:
            raise RecordingError(f"{path}: {self.rate_hz} Hz; {low} to {high} can be read")
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise RecordingError(f"{path}: {self.channels} channels; 1 to {MAX_CHANNELS} are read")

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """Yield the sound. Raises RecordingError where there is none at all."""
        samples, wanted = 0, MAX_SECONDS * self.rate_hz
        try:
            for block in self._joined():
                samples += len(block)
                yield block[: len(block) - max(0, samples - wanted)]
                if samples >= wanted:
                    self.incomplete = f"only the first {MAX_SECONDS // 3600} hours were read"
                    return
        except _DAMAGE as exc:
            if not samples:
                raise RecordingError(f"{self._path}: {_words(exc)}") from None
            self.incomplete = f"damaged after {samples / self.rate_hz:.1f} s: {_words(exc)}"
            return
        if not samples:
            raise RecordingError(f"{self._path}: no sound in it, only a header")
        self._note_missing(samples / self.rate_hz)

    def _joined(self) -> Iterator[NDArray[np.float32]]:
        parts: list[NDArray[np.generic]] = []
        held = 0
        for frame in self._container.decode(self._stream):
            if (frame.sample_rate, frame.layout.nb_channels) != (self.rate_hz, self.channels):
                yield from _as_sound(parts, self.channels)
                raise ValueError("the sample rate or the channels change")
            sound = frame.to_ndarray()
            parts.append(sound if frame.format.is_planar else sound.reshape(-1, self.channels).T)
            held += frame.samples
            if held >= BLOCK_S * self.rate_hz:
                yield from _as_sound(parts, self.channels)
                parts, held = [], 0
        yield from _as_sound(parts, self.channels)

    def _note_missing(self, seconds: float) -> None:
        stated_s = _wav_seconds(self._path) or (self._container.duration or 0) / av.time_base
        if stated_s > seconds + MISSING_S:
            self.incomplete = f"cut short: {seconds:.1f} s of the {stated_s:.1f} s it was to be"


@contextmanager
def open_recording(path: str | Path) -> Iterator[Recording]:
    """Open a recording: WAV, FLAC, OGG, MP3 and what else FFmpeg reads. Raises RecordingError."""
    file = Path(path)
    size = 0
    try:
        size = file.stat().st_size
        # A playlist in disguise must not make FFmpeg fetch what it names.
        container = av.open(f"file:{file}", options={"protocol_whitelist": "file"})
    except (av.error.FFmpegError, OSError, ValueError) as exc:
        empty = file.is_file() and not size
        said = "the file is empty" if empty else f"cannot be read as sound ({_words(exc)})"
        raise RecordingError(f"{path}: {said}") from None
    with container:
        yield Recording(file, container)


def write_wav(path: Path, sound: NDArray[np.float32]) -> None:
    """Write a sound of shape (samples, 2), ±1.0, 48 kHz, as 16-bit WAV. Raises OSError."""
    with whole_file(path) as raw, wave.open(raw, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(np.clip(np.rint(sound * 32767), -32768, 32767).astype("<i2").tobytes())


def _as_sound(parts: list[NDArray[np.generic]], channels: int) -> Iterator[NDArray[np.float32]]:
    """Yield samples of any format, (channels, samples), as one block at full scale ±1.0."""
    if not parts:
        return
    raw = np.concatenate(parts, axis=1)
    sound: NDArray[np.float32] = raw.astype(np.float32)
    if raw.dtype == np.uint8:
        sound = (sound - np.float32(128)) / np.float32(128)
    elif raw.dtype.kind == "i":
        sound *= np.float32(2.0 ** (1 - 8 * raw.dtype.itemsize))
    yield sound.reshape(channels, -1).T


def _wav_seconds(path: Path) -> float | None:
    """Return how long the header of a WAV file says that it is: FFmpeg goes by the file's size."""
    with path.open("rb") as file:
        if file.read(4) not in (b"RIFF", b"RF64") or file.read(8)[4:] != b"WAVE":
            return None
        bytes_a_second = 0
        for _ in range(_MOST_CHUNKS):
            name, size = file.read(4), int.from_bytes(file.read(4), "little")
            if name == b"data":
                known = 0 < size < _UNKNOWN_SIZE and bytes_a_second
                return size / bytes_a_second if known else None
            body = file.read(min(size, 16)) if name == b"fmt " else b""
            bytes_a_second = int.from_bytes(body[8:12], "little") or bytes_a_second
            file.seek(size + size % 2 - len(body), 1)
    return None


def _words(exc: Exception) -> str:
    return str(getattr(exc, "strerror", None) or exc)
