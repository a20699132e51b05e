"""Play the probe signal into a call and take back what arrives."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyai_diag.media.opus import SAMPLE_RATE_HZ, encode
from polyai_diag.media.packets import PacketLog, place
from polyai_diag.media.tracks import FRAME_S, PacketTrack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from polyai_diag.media.tracks import PacketTrack

LATE_S = 2.0  # by which a busy machine may hand over the last packet
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


class MediaStopped(Exception):  # noqa: N818 - what the call did, not an error of ours
    """The call takes no more packets: its transport has ended in the middle of the sound."""


async def loop_back(track: PacketTrack, packets: PacketLog, pcm: NDArray[np.float32]) -> Loop:
    """Encode and play a sound, and gather what arrives until shortly after its end.

    Raises MediaStopped.
    """
    payloads = await asyncio.to_thread(encode, pcm)
    already = len(packets.arrivals)
    track.play(payloads)
    try:
        async with asyncio.timeout(len(payloads) * FRAME_S + LATE_S):
            await track.played()
    except TimeoutError:
        raise MediaStopped("the call ended in the middle of the sound") from None
    await asyncio.sleep(TAIL_S)
    arrivals = packets.arrivals[already:]
    received, received_start_s = await asyncio.to_thread(place, arrivals)
    sent_start_s = min(at_s - number * FRAME_S for number, at_s in enumerate(track.sent_s))
    return Loop(received, received_start_s, sent_start_s)
