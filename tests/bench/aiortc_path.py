"""The same packets through aiortc's own jitter buffer and decoder: what it makes of 3 % lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from aiortc.codecs import get_decoder
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket
from av import AudioFrame

from polyai_diag.analysis.audio.loopback import analyze_loopback
from polyai_diag.analysis.audio.signal import probe_signal
from polyai_diag.media.aiortc_taps import RtpArrival
from polyai_diag.media.opus import FRAME_SAMPLES, encode
from polyai_diag.media.packets import place
from tests.bench.artefacts import tailed
from tests.bench.figure import Figure
from tests.bench.opus_path import LOOK_AHEAD_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LOSS = 0.03
SEEDS = range(5)
CAPACITY, PREFETCH = 16, 4  # RTCRtpReceiver's, for audio


def aiortc_frames(packets: Sequence[RtpPacket]) -> list[NDArray[np.float32]]:
    """Return the frames that a track of aiortc's hands out, in their order."""
    buffer = JitterBuffer(capacity=CAPACITY, prefetch=PREFETCH)
    decoder = get_decoder(RTCRtpCodecParameters("audio/opus", clockRate=48000, channels=2))
    frames = []
    for packet in packets:
        _, complete = buffer.add(packet)
        if isinstance(complete, JitterFrame):
            frames += [_as_float(frame) for frame in decoder.decode(complete)]
    return frames


def _as_float(frame: object) -> NDArray[np.float32]:
    assert isinstance(frame, AudioFrame)
    return np.asarray(frame.to_ndarray().reshape(-1, 2), np.float32) / np.float32(32768)


def delay_errors_ms(seed: int) -> tuple[float, float, float]:
    """Return the error of the delay by our path and by theirs, and the share of good packets that
    theirs drops.
    """
    signal = probe_signal()
    payloads = encode(tailed(signal.pcm))
    arrived = np.flatnonzero(np.random.default_rng(seed).random(len(payloads)) >= LOSS)
    arrived[0] = 0
    packets = []
    for number in arrived.tolist():
        packet = RtpPacket(96, 0, number, FRAME_SAMPLES * number, 1)
        packet._data = payloads[number]  # type: ignore[attr-defined]
        packets.append(packet)
    frames = aiortc_frames(packets)
    ours = place([
        RtpArrival(0.02 * n, n, FRAME_SAMPLES * n, 96, 1, payloads[n]) for n in arrived.tolist()
    ]).sound  # fmt: skip
    errors = [
        abs((analyze_loopback(signal, sound).offset_samples or 48e6) / 48 - LOOK_AHEAD_MS / 2)
        for sound in (ours, np.concatenate(frames))
    ]
    return errors[0], errors[1], 1 - len(frames) / len(arrived)


def figures() -> list[Figure]:
    """Measure them all."""
    found = [delay_errors_ms(seed) for seed in SEEDS]
    ours, theirs, dropped = (max(column) for column in zip(*found, strict=True))
    how = (
        f"aiortc's own path: off by {theirs:.0f} ms, {100 * dropped:.0f} % of good packets dropped"
    )
    return [
        Figure("error of the delay at 3 % loss, our decoding", ours, 0.1, "ms", how),
        Figure(
            "runs in which aiortc's own decoding is right", sum(t < 0.1 for _, t, _ in found), 0, ""
        ),
    ]
