"""Opus by libopus: encode once, send as it is, decode what arrived."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

from polyai_diag.analysis.audio.carriers import silk_khz

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

SAMPLE_RATE_HZ = 48_000
FRAME_SAMPLES = 960  # 20 ms
LOOK_AHEAD_SAMPLES = 312  # libopus' delay at 48 kHz outside restricted-lowdelay (RFC 6716 §2)
TIME_BASE = Fraction(1, SAMPLE_RATE_HZ)


class Encoder:
    """Encodes sound at 48 kHz, 20 ms at a time.

    `fec_percent` is the loss that in-band error correction is to expect.
    """

    def __init__(
        self,
        *,
        channels: int = 2,
        bit_rate: int = 64_000,
        application: str = "audio",
        fec_percent: int = 0,
    ) -> None:
        self._layout = "mono" if channels == 1 else "stereo"
        self._codec = av.CodecContext.create("libopus", "w")
        self._codec.sample_rate = SAMPLE_RATE_HZ
        self._codec.layout = self._layout
        self._codec.format = "s16"
        self._codec.bit_rate = bit_rate
        self._codec.time_base = TIME_BASE
        self._codec.options = {"application": application}
        if fec_percent:
            self._codec.options |= {"fec": "1", "packet_loss": str(fec_percent)}
        self._frames = 0

    def encode(self, pcm: NDArray[np.float32]) -> bytes:
        """Return the packet of one frame, shape (960, channels), full scale ±1.0; more is cut."""
        samples = np.clip(np.rint(pcm * 32767), -32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(
            samples.reshape(1, -1), format="s16", layout=self._layout
        )
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = self._frames * FRAME_SAMPLES
        self._frames += 1
        return b"".join(map(bytes, self._codec.encode(frame)))


def encode(
    pcm: NDArray[np.float32],
    *,
    bit_rate: int = 64_000,
    application: str = "audio",
    fec_percent: int = 0,
) -> list[bytes]:
    """Encode sound to Opus packets of 20 ms.

    `pcm` has shape (samples, channels), one channel or two, full scale ±1.0, 48 kHz; the last frame
    is filled with silence. `fec_percent` is the loss that in-band error correction is to expect.
    """
    channels = pcm.shape[1]
    encoder = Encoder(
        channels=channels, bit_rate=bit_rate, application=application, fec_percent=fec_percent
    )
    frames = -(-len(pcm) // FRAME_SAMPLES)
    padded = np.zeros((frames * FRAME_SAMPLES, channels), np.float32)
    padded[: len(pcm)] = pcm
    return [encoder.encode(frame) for frame in padded.reshape(frames, FRAME_SAMPLES, channels)]


def sent_silk_khz(payloads: Iterable[bytes]) -> NDArray[np.int8]:
    """Return of each sample of the sound encoded at how many kHz SILK carries it, 0 for CELT.

    A packet holds what was heard a look-ahead earlier.
    """
    each = np.array([silk_khz(payload) for payload in payloads], np.int8)
    return np.repeat(each, FRAME_SAMPLES)[LOOK_AHEAD_SAMPLES:]


class Decoder:
    """Decodes Opus packets one by one; a packet that is none gives no sound."""

    def __init__(self) -> None:
        self._codec = av.CodecContext.create("libopus", "r")
        self._codec.sample_rate = SAMPLE_RATE_HZ
        self._codec.layout = "stereo"

    def decode(self, payload: bytes) -> NDArray[np.float32]:
        """Return the sound of one packet, shape (samples, 2), full scale ±1.0."""
        if not payload:  # FFmpeg takes it for the end, and would decode nothing from then on
            return np.zeros((0, 2), np.float32)
        try:
            frames = self._codec.decode(av.Packet(payload))
        except av.error.FFmpegError:
            return np.zeros((0, 2), np.float32)
        blocks = [_as_float(frame) for frame in frames]
        return np.concatenate(blocks) if blocks else np.zeros((0, 2), np.float32)


def silence_packet() -> bytes:
    """Return the Opus packet of 20 ms of digital silence."""
    return encode(np.zeros((FRAME_SAMPLES * 2, 2), np.float32))[-1]


def decode_all(payloads: Iterable[bytes]) -> NDArray[np.float32]:
    """Decode packets that follow each other without a gap."""
    decoder = Decoder()
    return np.concatenate([np.zeros((0, 2), np.float32), *map(decoder.decode, payloads)])


def _as_float(frame: av.AudioFrame) -> NDArray[np.float32]:
    data = frame.to_ndarray()
    if data.dtype == np.int16:
        data = data.astype(np.float32) / 32768
    planar = frame.format.is_planar
    return np.asarray(data.T if planar else data.reshape(-1, 2), np.float32)
