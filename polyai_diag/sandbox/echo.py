"""The echo: every RTP payload goes back as it came, at its own timestamp.

Nothing is decoded and nothing waits in a jitter buffer, so loss, jitter and delay of the way
there show in what comes back. What was lost stays a gap in the timestamps.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from polyai_diag.media.opus import silence_packet
from polyai_diag.media.tracks import opus_packet

if TYPE_CHECKING:
    from av import Packet

    from polyai_diag.media.aiortc_taps import RtpArrival

_MAX_QUEUED = 64  # more than a second of speech: an echo that is later is of no use


class Echo:
    """One echo in one call: `track` is what it sends."""

    def __init__(self, *, silent: bool = False) -> None:
        self.track = _EchoTrack()
        self._silence = silence_packet() if silent else None

    def on_packet(self, arrival: RtpArrival) -> None:
        """Send this packet back; when too many wait, it is lost."""
        if arrival.payload:
            payload = arrival.payload if self._silence is None else self._silence
            with contextlib.suppress(asyncio.QueueFull):
                self.track.queue.put_nowait((payload, arrival.timestamp))

    async def listen(self, caller: MediaStreamTrack) -> None:
        """Take what aiortc has decoded away, or it piles up. Raises MediaStreamError at the end."""
        while True:
            await caller.recv()


class _EchoTrack(MediaStreamTrack):
    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.queue: asyncio.Queue[tuple[bytes, int]] = asyncio.Queue(_MAX_QUEUED)
        self._origin: int | None = None

    async def recv(self) -> Packet[Any]:
        """Return the next packet to send, its timestamp counted from the first one (mod 2³²)."""
        if self.readyState != "live":
            raise MediaStreamError
        payload, timestamp = await self.queue.get()
        if self._origin is None:
            self._origin = timestamp
        return opus_packet(payload, (timestamp - self._origin) % 2**32)
