"""What the gateway does to the sound it sends: each packet is decoded, altered, encoded again.

Without a fault the packets stay as they are.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from polyai_diag.media.opus import FRAME_SAMPLES, SAMPLE_RATE_HZ, Decoder, Encoder
from polyai_diag.media.tracks import opus_packet
from polyai_diag.sandbox.path import is_on
from polyai_diag.sandbox.settings import SoundFaults
from polyai_diag.sandbox.sound_stages import pace, stages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av import Packet
    from numpy.typing import NDArray

    Sound = NDArray[np.float64]


def altered(track: MediaStreamTrack, faults: SoundFaults) -> MediaStreamTrack:
    """Return the track that sends what `track` does, with these faults in its sound."""
    return track if faults == SoundFaults() else _AlteredTrack(track, faults)


class _AlteredTrack(MediaStreamTrack):
    kind = "audio"

    def __init__(self, track: MediaStreamTrack, faults: SoundFaults) -> None:
        super().__init__()
        self._track = track
        self._way = SoundWay(faults)
        self._due: deque[tuple[bytes, int]] = deque()

    async def recv(self) -> Packet[Any]:
        """Return the next packet to send; a track that runs fast has fewer of them."""
        while not self._due:
            if self.readyState != "live":
                raise MediaStreamError
            packet: Any = await self._track.recv()
            self._due.extend(self._way.carry(bytes(packet), packet.pts))
        return opus_packet(*self._due.popleft())

    def stop(self) -> None:
        """End both tracks."""
        self._track.stop()
        super().stop()


class SoundWay:
    """From Opus to Opus, through every stage that the faults ask for."""

    def __init__(self, faults: SoundFaults) -> None:
        self._faults = faults
        self._decoder, self._encoder = Decoder(), _encoder(faults)
        self._stages = list(stages(faults))
        self._speed = faults.speed
        self._pace = pace(faults.speed) if faults.speed != 1 else None
        self._waiting = np.zeros((0, 2))
        self._last = np.zeros((FRAME_SAMPLES, 2))  # a packet's sound, to make up the next one's
        self._expected: int | None = None  # the timestamp that follows without a gap
        self._sent = self._passed = 0

    def carry(self, payload: bytes, timestamp: int) -> list[tuple[bytes, int]]:
        """Take one packet and its timestamp, return those that are ready: a gap stays a gap."""
        sound = self._decoder.decode(payload).astype(np.float64)
        if self._expected is None:
            self._expected = self._sent = timestamp
        if timestamp < self._expected:  # too late: what follows has been sent
            return []
        missing = timestamp - self._expected
        self._expected = timestamp + len(sound)
        if self._faults.conceals_loss and missing < SAMPLE_RATE_HZ:
            made_up = np.resize(self._last, (missing, 2)) / 2
            self._last = sound
            sound = np.concatenate([made_up, sound])
        else:
            self._sent += round(missing / self._speed)
        sound = self._altered(sound)
        if self._pace is not None:
            sound = self._pace(sound)
        self._waiting = np.concatenate([self._waiting, sound])
        return list(self._frames())

    def _altered(self, sound: Sound) -> Sound:
        """Send it through every stage, and keep the outcome while the fault is there."""
        passed_s = self._passed / SAMPLE_RATE_HZ
        self._passed += len(sound)
        through = sound
        for stage in self._stages:
            through = stage(through)
        faults = self._faults
        return through if is_on(passed_s, faults.begins_s, faults.comes_and_goes_s) else sound

    def _frames(self) -> Iterator[tuple[bytes, int]]:
        while len(self._waiting) >= FRAME_SAMPLES:
            frame, self._waiting = np.split(self._waiting, [FRAME_SAMPLES])
            if self._faults.mono:
                frame = frame.mean(axis=1, keepdims=True)
            payload = self._encoder.encode(frame.astype(np.float32))
            every = self._faults.leaves_out_every
            if not every or (self._sent // FRAME_SAMPLES) % every:
                yield payload, self._sent
            self._sent += FRAME_SAMPLES


def _encoder(faults: SoundFaults) -> Encoder:
    return Encoder(
        channels=1 if faults.mono else 2,
        bit_rate=faults.bit_rate,
        application=faults.application,
        fec_percent=faults.fec_percent,
    )
