"""What the gateway does to the sound it sends: each packet is decoded, altered, encoded again.

Each fault is a stage that takes blocks of sound, shape (samples, 2), ±1.0, and remembers
what it needs from one to the next. Without a fault the packets stay as they are.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from scipy.signal import ellip, sosfilt

from polyai_diag.media.opus import FRAME_SAMPLES, SAMPLE_RATE_HZ, Decoder, Encoder
from polyai_diag.media.tracks import opus_packet
from polyai_diag.sandbox.path import is_on
from polyai_diag.sandbox.settings import SoundFaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av import Packet
    from numpy.typing import NDArray

    Sound = NDArray[np.float64]
    Stage = Callable[[Sound], Sound]

CUT_EVERY_MS = 370
_HUM_HZ = 50.0
_HARMONICS = ((1, 1.0), (2, 0.5), (3, 0.4), (5, 0.2))  # which, and how strong beside the first
_REACH = 24  # samples to each side that the resampler's kernel covers


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
        self._stages = list(_stages(faults))
        self._speed = faults.speed
        self._pace = _Speed(faults.speed) if faults.speed != 1 else None
        self._waiting = np.zeros((0, 2))
        self._expected: int | None = None  # the timestamp that follows without a gap
        self._sent = self._passed = 0

    def carry(self, payload: bytes, timestamp: int) -> list[tuple[bytes, int]]:
        """Take one packet and its timestamp, return those that are ready: a gap stays a gap."""
        sound = self._decoder.decode(payload).astype(np.float64)
        if self._expected is None:
            self._expected = self._sent = timestamp
        if timestamp < self._expected:  # too late: what follows has been sent
            return []
        self._sent += round((timestamp - self._expected) / self._speed)
        self._expected = timestamp + len(sound)
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
            yield self._encoder.encode(frame.astype(np.float32)), self._sent
            self._sent += FRAME_SAMPLES


def _encoder(faults: SoundFaults) -> Encoder:
    return Encoder(
        channels=1 if faults.mono else 2,
        bit_rate=faults.bit_rate,
        application=faults.application,
        fec_percent=faults.fec_percent,
    )


def _stages(faults: SoundFaults) -> Iterator[Stage]:
    """Yield the stages in the order of a sound's way: room, microphone, amplifier, line."""
    if faults.echo:
        yield _Echo(*faults.echo)
    if faults.dead_channel is not None:
        yield _dead(faults.dead_channel)
    if faults.swaps_channels:
        yield lambda sound: sound[:, ::-1]
    if faults.hum_dbfs is not None:
        yield _Hum(faults.hum_dbfs)
    if faults.gain_db:
        yield lambda sound: np.clip(sound * 10 ** (faults.gain_db / 20), -1, 1)
    if bend := faults.saturates_at:
        yield lambda sound: bend * np.tanh(sound / bend)
    if faults.lowpass_hz:
        yield _Lowpass(faults.lowpass_hz)
    if faults.cut_ms:
        yield _Cuts(faults.cut_ms)


def _dead(channel: int) -> Stage:
    return lambda sound: sound * (np.arange(2) != channel)


class _Echo:
    def __init__(self, delay_ms: float, level_db: float) -> None:
        self._past = np.zeros((round(delay_ms * SAMPLE_RATE_HZ / 1000), 2))
        self._gain = 10 ** (level_db / 20)

    def __call__(self, sound: Sound) -> Sound:
        line = np.concatenate([self._past, sound])
        late, self._past = line[: len(sound)], line[len(sound) :]
        return sound + self._gain * late


class _Hum:
    def __init__(self, level_dbfs: float) -> None:
        self._peak = np.sqrt(2) * 10 ** (level_dbfs / 20)
        self._passed = 0

    def __call__(self, sound: Sound) -> Sound:
        t = (self._passed + np.arange(len(sound))) / SAMPLE_RATE_HZ
        self._passed += len(sound)
        hum = sum(part * np.sin(2 * np.pi * _HUM_HZ * order * t) for order, part in _HARMONICS)
        return np.asarray(sound + self._peak * np.asarray(hum)[:, None])


class _Lowpass:
    def __init__(self, edge_hz: float) -> None:
        self._filter = ellip(8, 0.5, 70, edge_hz, fs=SAMPLE_RATE_HZ, output="sos")
        self._state = np.zeros((len(self._filter), 2, 2))

    def __call__(self, sound: Sound) -> Sound:
        passed, self._state = sosfilt(self._filter, sound, axis=0, zi=self._state)
        return np.asarray(passed)


class _Cuts:
    def __init__(self, cut_ms: float) -> None:
        self._cut, self._every = (
            round(ms * SAMPLE_RATE_HZ / 1000) for ms in (cut_ms, CUT_EVERY_MS)
        )
        self._passed = 0

    def __call__(self, sound: Sound) -> Sound:
        place = (self._passed + np.arange(len(sound))) % self._every
        self._passed += len(sound)
        return sound * (place >= self._cut)[:, None]


class _Speed:
    """Reads the sound faster than it was written, by a windowed sinc; what would alias is cut."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._cutoff = min(1.0, 1 / speed)
        self._held = np.zeros((2 * _REACH, 2))
        self._position = float(_REACH)  # of the next sample to read, in what is held

    def __call__(self, sound: Sound) -> Sound:
        self._held = np.concatenate([self._held, sound])
        last = len(self._held) - _REACH - 1
        count = max(0, int((last - self._position) / self._speed) + 1)
        positions = self._position + self._speed * np.arange(count)
        start = positions.astype(int) - _REACH + 1
        reach = start[:, None] + np.arange(2 * _REACH)
        weights = self._kernel(np.asarray(positions[:, None] - reach, np.float64))
        read = (weights[:, None] @ self._held[reach])[:, 0]
        self._position += self._speed * count
        done = int(self._position) - _REACH
        self._held, self._position = self._held[done:], self._position - done
        return np.asarray(read)

    def _kernel(self, distance: Sound) -> Sound:
        window = np.cos(np.pi * distance / (2 * _REACH)) ** 2
        return np.asarray(self._cutoff * np.sinc(self._cutoff * distance) * window)
