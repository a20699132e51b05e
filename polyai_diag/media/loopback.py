"""Play the probe signal into a call and take back what arrives."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyai_diag.media.opus import FRAME_SAMPLES, SAMPLE_RATE_HZ, encode
from polyai_diag.media.packets import PacketLog, place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from polyai_diag.media.tracks import PacketTrack

TAIL_S = 0.5  # what is still on its way when the last packet has left


@dataclass(frozen=True)
class Loop:
    """What came back, shape (samples, 2), and both timelines' zeros (`time.monotonic()` s)."""

    received: NDArray[np.float32]
    received_start_s: float
    sent_start_s: float

    def delay_ms(self, offset_samples: float) -> float:
        """Return the delay from handing a sound to the network until it has come back.

        `offset_samples` is how much later the sound stands on the received timeline. The two
        codec passes' look-ahead is part of it, a jitter buffer is not.
        """
        shift_s = offset_samples / SAMPLE_RATE_HZ
        return (self.received_start_s + shift_s - self.sent_start_s) * 1000


async def loop_back(track: PacketTrack, packets: PacketLog, pcm: NDArray[np.float32]) -> Loop:
    """Encode and play a sound, and gather what arrives until shortly after its end."""
    payloads = await asyncio.to_thread(encode, pcm)
    already = len(packets.arrivals)
    track.play(payloads)
    await track.played()
    await asyncio.sleep(TAIL_S)
    arrivals = packets.arrivals[already:]
    received, received_start_s = await asyncio.to_thread(place, arrivals)
    frame_s = FRAME_SAMPLES / SAMPLE_RATE_HZ
    sent_start_s = min(at_s - number * frame_s for number, at_s in enumerate(track.sent_s))
    return Loop(received, received_start_s, sent_start_s)
