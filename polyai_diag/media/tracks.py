"""Tracks that send Opus packets which we have encoded ourselves."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import Packet

from polyai_diag.media.opus import FRAME_SAMPLES, SAMPLE_RATE_HZ, TIME_BASE

if TYPE_CHECKING:
    from collections.abc import Sequence

FRAME_S = FRAME_SAMPLES / SAMPLE_RATE_HZ


def opus_packet(payload: bytes, timestamp: int) -> Packet[Any]:
    """Wrap an Opus payload so that aiortc sends it as it is, at this RTP timestamp."""
    packet = Packet(payload)
    packet.pts = packet.dts = timestamp
    packet.time_base = TIME_BASE
    return packet


class PacketTrack(MediaStreamTrack):
    """Plays packets of 20 ms in real time, and `filler` before `play()` and after the last one.

    `sent_s[n]` is when packet n of what is played was handed over, by `time.monotonic()`;
    `first_timestamp` is the media time of packet 0, in samples.
    """

    kind = "audio"

    def __init__(self, filler: bytes) -> None:
        super().__init__()
        self._filler = filler
        self._queue: list[bytes] = []
        self._number = 0
        self._start_s: float | None = None
        self._done = asyncio.Event()
        self.sent_s: list[float] = []
        self.first_timestamp: int | None = None

    def play(self, payloads: Sequence[bytes]) -> None:
        """Play these packets next; forget what was played before."""
        self._queue = list(reversed(payloads))
        self._done.clear()
        self.sent_s = []
        self.first_timestamp = None

    @property
    def playing(self) -> bool:
        """Whether packets of `play()` are left."""
        return bool(self._queue)

    async def played(self) -> None:
        """Wait until the last packet has been handed over."""
        await self._done.wait()

    async def recv(self) -> Packet[Any]:
        """Return the next packet when its time has come."""
        if self.readyState != "live":
            raise MediaStreamError
        now = time.monotonic()
        if self._start_s is None:
            self._start_s = now
        await asyncio.sleep(max(0.0, self._start_s + self._number * FRAME_S - now))
        timestamp = self._number * FRAME_SAMPLES
        self._number += 1
        return opus_packet(self._next_payload(timestamp), timestamp)

    def _next_payload(self, timestamp: int) -> bytes:
        if not self._queue:
            return self._filler
        if self.first_timestamp is None:
            self.first_timestamp = timestamp
        self.sent_s.append(time.monotonic())
        payload = self._queue.pop()
        if not self._queue:
            self._done.set()
        return payload
