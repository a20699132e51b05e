"""A loop as it really sounds: Opus there, Opus back, and packets lost on the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from polyai_diag.analysis.audio.carriers import NOTHING, Carriers, silk_khz
from polyai_diag.media.opus import FRAME_SAMPLES, LOOK_AHEAD_SAMPLES, Decoder, encode, sent_silk_khz

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LOOK_AHEAD_MS = 2 * LOOK_AHEAD_SAMPLES / 48


@dataclass(frozen=True)
class Mode:
    """One way to run the codec; `hybrid` where SILK carries the low band at times."""

    name: str
    bit_rate: int
    application: str
    channels: int = 2
    fec_percent: int = 0
    hybrid: bool = False


MODES = (
    Mode("96 kb/s stereo voip", 96_000, "voip"),
    Mode("32 kb/s mono with FEC", 32_000, "voip", 1, 10, hybrid=True),
    Mode("64 kb/s stereo audio", 64_000, "audio"),
    Mode("32 kb/s mono voip", 32_000, "voip", 1, hybrid=True),
)

SWITCHING = Mode("48 kb/s stereo voip", 48_000, "voip", hybrid=True)  # from SILK to CELT and back


class Arrived(NamedTuple):
    """What arrives, shape (samples, 2), which samples lost packets carried, what carried each."""

    sound: NDArray[np.float32]
    lost: NDArray[np.bool_]
    carriers: Carriers


def there_and_back(
    sound: NDArray[np.float32],
    mode: Mode,
    *,
    loss: float = 0.0,
    seed: int = 0,
    between: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda sound: sound,
) -> Arrived:
    """Encode and decode twice; packets are lost on the way back."""
    there = coded(sound, mode)
    back = coded(between(there.sound), mode, loss=loss, seed=seed)
    return back._replace(carriers=Carriers(there.carriers.sent, back.carriers.received))


def coded(sound: NDArray[np.float32], mode: Mode, *, loss: float = 0.0, seed: int = 0) -> Arrived:
    """Encode and decode once; a lost packet leaves a gap, as `media.packets.place` does."""
    if mode.channels == 1:
        sound = sound.mean(axis=1, keepdims=True)
    payloads = encode(
        sound, bit_rate=mode.bit_rate, application=mode.application, fec_percent=mode.fec_percent
    )
    gone = np.random.default_rng(seed).random(len(payloads)) < loss
    decoder = Decoder()
    silence = np.zeros((FRAME_SAMPLES, 2), np.float32)
    blocks = [
        silence if is_gone else decoder.decode(payload)
        for payload, is_gone in zip(payloads, gone, strict=True)
    ]
    each = np.where(gone, NOTHING, [silk_khz(payload) for payload in payloads]).astype(np.int8)
    carriers = Carriers(sent_silk_khz(payloads), np.repeat(each, FRAME_SAMPLES))
    return Arrived(np.concatenate(blocks), np.repeat(gone, FRAME_SAMPLES), carriers)
