"""A loop as it really sounds: Opus there, Opus back, and packets lost on the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from polyai_diag.media.opus import FRAME_SAMPLES, LOOK_AHEAD_SAMPLES, Decoder, encode

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


def there_and_back(
    sound: NDArray[np.float32],
    mode: Mode,
    *,
    loss: float = 0.0,
    seed: int = 0,
    between: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda sound: sound,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return what arrives, (samples, 2), and which of its samples lost packets carried."""
    there, _ = coded(sound, mode)
    return coded(between(there), mode, loss=loss, seed=seed)


def coded(
    sound: NDArray[np.float32], mode: Mode, *, loss: float = 0.0, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
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
    return np.concatenate(blocks), np.repeat(gone, FRAME_SAMPLES)
