"""What can be done to a sound, stage by stage.

Each takes blocks of sound, shape (samples, 2), ±1.0, and remembers what it needs from one to the
next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import butter, ellip, sosfilt

from polyai_diag.media.opus import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from polyai_diag.sandbox.settings import SoundFaults

    Sound = NDArray[np.float64]
    Stage = Callable[[Sound], Sound]

_REACH = 24  # samples to each side that the resampler's kernel covers
_MU = 255
_TELEPHONE_HZ = (300.0, 3400.0)
_TELEPHONE_THIN = SAMPLE_RATE_HZ // 8000


def stages(faults: SoundFaults) -> Iterator[Stage]:
    """Yield the stages in the order of a sound's way: room, microphone, amplifier, line."""
    yield from _in_the_room(faults)
    if faults.gain_db or faults.clips_at < 1:
        most, gain = faults.clips_at, 10 ** (faults.gain_db / 20)
        yield lambda sound: np.clip(sound * gain, -most, most)
    yield from _bending(faults)
    if faults.idle_noise_dbfs is not None:
        yield _Noise(faults.idle_noise_dbfs)
    if faults.lowpass_hz:
        yield _Lowpass(faults.lowpass_hz)
    if faults.g711:
        yield _Telephone()
    if faults.cut_ms:
        yield _Cuts(faults.cut_ms, faults.cut_every_ms, repeats=faults.repeats_cut)


def pace(speed: float) -> Stage:
    """Return the stage that reads the sound so much faster; its blocks are of any length."""
    return _Speed(speed)


def _in_the_room(faults: SoundFaults) -> Iterator[Stage]:
    """Yield what happens before it is amplified."""
    if faults.echo:
        yield _Echo(*faults.echo)
    if faults.dead_channel is not None:
        yield _weighed(*(float(side != faults.dead_channel) for side in (0, 1)))
    if faults.channel_gains != (1, 1):
        yield _weighed(*faults.channel_gains)
    if faults.swaps_channels:
        yield lambda sound: sound[:, ::-1]
    if faults.hum_dbfs is not None:
        yield _Hum(faults.hum_dbfs, faults.hum_hz, faults.hum_harmonics)
    if faults.noise_dbfs is not None:
        yield _Noise(faults.noise_dbfs)


def _bending(faults: SoundFaults) -> Iterator[Stage]:
    """Yield what distorts."""
    if bend := faults.saturates_at:
        yield lambda sound: bend * np.tanh(sound / bend)
    if dead := faults.dead_zone:
        yield lambda sound: np.sign(sound) * np.maximum(np.abs(sound) - dead, 0)
    if faults.bits:
        steps = 2 ** (faults.bits - 1)
        yield lambda sound: np.rint(sound * steps) / steps


def _weighed(left: float, right: float) -> Stage:
    return lambda sound: sound * np.array([left, right])


class _Echo:
    def __init__(self, delay_ms: float, level_db: float) -> None:
        self._past = np.zeros((round(delay_ms * SAMPLE_RATE_HZ / 1000), 2))
        self._gain = 10 ** (level_db / 20)

    def __call__(self, sound: Sound) -> Sound:
        line = np.concatenate([self._past, sound])
        late, self._past = line[: len(sound)], line[len(sound) :]
        return sound + self._gain * late


class _Hum:
    def __init__(
        self, level_dbfs: float, mains_hz: float, harmonics: tuple[tuple[int, float], ...]
    ) -> None:
        self._peak = np.sqrt(2) * 10 ** (level_dbfs / 20)
        self._mains_hz, self._harmonics = mains_hz, harmonics
        self._passed = 0

    def __call__(self, sound: Sound) -> Sound:
        t = (self._passed + np.arange(len(sound))) / SAMPLE_RATE_HZ
        self._passed += len(sound)
        turns = 2 * np.pi * self._mains_hz * t
        hum = sum(part * np.sin(order * turns) for order, part in self._harmonics)
        return np.asarray(sound + self._peak * np.asarray(hum)[:, None])


class _Noise:
    def __init__(self, level_dbfs: float) -> None:
        self._level = 10 ** (level_dbfs / 20)
        self._draw = np.random.default_rng(7)

    def __call__(self, sound: Sound) -> Sound:
        return sound + self._level * self._draw.standard_normal((len(sound), 1))


class _Telephone:
    """A band of its own, every sixth sample, 256 steps; and back."""

    def __init__(self) -> None:
        self._ways = _Lowpass(_TELEPHONE_HZ[1]), _Lowpass(_TELEPHONE_HZ[1])
        self._low_cut = butter(3, _TELEPHONE_HZ[0], "highpass", fs=SAMPLE_RATE_HZ, output="sos")
        self._state = np.zeros((len(self._low_cut), 2, 2))
        self._passed = 0

    def __call__(self, sound: Sound) -> Sound:
        there, back = self._ways
        sound, self._state = sosfilt(self._low_cut, there(sound), axis=0, zi=self._state)
        taken = (self._passed + np.arange(len(sound))) % _TELEPHONE_THIN == 0
        self._passed += len(sound)
        coded = np.sign(sound) * np.log1p(_MU * np.minimum(np.abs(sound), 1)) / np.log1p(_MU)
        coded = np.rint(coded * 127) / 127
        decoded = np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(_MU)) / _MU
        return back(decoded * taken[:, None] * _TELEPHONE_THIN)


class _Lowpass:
    def __init__(self, edge_hz: float) -> None:
        self._filter = ellip(8, 0.5, 70, edge_hz, fs=SAMPLE_RATE_HZ, output="sos")
        self._state = np.zeros((len(self._filter), 2, 2))

    def __call__(self, sound: Sound) -> Sound:
        passed, self._state = sosfilt(self._filter, sound, axis=0, zi=self._state)
        return np.asarray(passed)


class _Cuts:
    def __init__(self, cut_ms: float, every_ms: float, *, repeats: bool) -> None:
        self._cut, self._every = (round(ms * SAMPLE_RATE_HZ / 1000) for ms in (cut_ms, every_ms))
        self._past = np.zeros((self._cut if repeats else 0, 2))
        self._passed = 0

    def __call__(self, sound: Sound) -> Sound:
        place = (self._passed + np.arange(len(sound))) % self._every
        self._passed += len(sound)
        line = np.concatenate([self._past, sound])
        self._past = line[len(sound) :]
        instead = line[: len(sound)] if len(self._past) else np.zeros_like(sound)
        return np.where((place < self._cut)[:, None], instead, sound)


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
