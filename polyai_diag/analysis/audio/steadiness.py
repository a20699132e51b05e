"""How loud what was sent comes back, moment by moment: where it fades, and where it stops. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import firwin, resample_poly

from polyai_diag.analysis.audio.decimation import LOW_RATE_HZ, LOW_STEP, decimated
from polyai_diag.analysis.audio.masking import runs
from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ, SWEEP_HZ, swept_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from polyai_diag.analysis.audio.masking import Heard
    from polyai_diag.analysis.audio.signal import ProbeSignal
    from polyai_diag.analysis.audio.timing import Timing

STEP = 2  # of the sound at 16 kHz
BAND_HZ = (300.0, 3000.0)  # what a telephone passes as well
BLOCK = 2400  # 50 ms
SOUNDS_DBFS = -40.0  # of what was sent: quieter blocks are its pauses
WEAK_DB = -20.0  # ours; a limiter that bends the probe's loud parts takes less
STOPPED_DB = -45.0
WEAK_BLOCKS = 6  # in a row, 0.3 s: shorter ones are cuts
STEADY_DB = 6.0


@dataclass(frozen=True)
class Weak:
    """A stretch that came back far weaker than it was sent; seconds of what was sent."""

    at_s: float
    until_s: float
    gain_db: float
    stopped: bool  # as good as nothing came back
    to_end: bool  # and nothing of what was sent later is any better


class Gains:
    """The gain of each block of what was sent that could be heard and was not lost."""

    def __init__(self, signal: ProbeSignal, heard: Heard, timing: Timing) -> None:
        self._chirps = timing.sent
        starts = np.array([s for s in range(0, len(signal.pcm), BLOCK) if _known(s, timing)], int)
        places = starts + np.array([round(timing.offset_at(s)) for s in starts], int)
        inside = (places >= 0) & (places + BLOCK <= len(heard.sound))
        starts, places = starts[inside], places[inside]
        sent = _powers(_sent(signal), starts)
        whole = _sums(heard.good.astype(np.float64), places, BLOCK) == BLOCK
        sides = _within(starts, signal.left.start, signal.right.stop)
        known = whole & ~sides & ~_outside_band(starts, signal) & (sent > 10 ** (SOUNDS_DBFS / 10))
        received = _powers(_in_band(heard.low), places)[known]
        self._at = starts[known]
        self._db = 10 * np.log10(np.maximum(received, 1e-12) / sent[known])
        self._is_noise = _within(self._at, signal.noise.start, signal.noise.stop)

    def weak(self) -> tuple[Weak, ...]:
        """Return the stretches of 0.3 s and more that came back weak; noise may be suppressed."""
        at, gains = self._at[~self._is_noise], self._db[~self._is_noise]
        found = []
        for first, last in runs(gains < WEAK_DB):
            if last - first < WEAK_BLOCKS:
                continue
            gain_db = float(np.median(gains[first:last]))
            begins_s, ends_s = at[first] / SAMPLE_RATE_HZ, (at[last - 1] + BLOCK) / SAMPLE_RATE_HZ
            stretch = Weak(
                round(float(begins_s), 2),
                round(float(ends_s), 2),
                round(gain_db, 1),
                stopped=gain_db < STOPPED_DB,
                to_end=last == len(gains),
            )
            found.append(stretch)
        return tuple(found)

    def steady(self, part: slice) -> bool:
        """Whether the level stays the same from the chirp before a part to the one behind it."""
        earlier = self._chirps[self._chirps <= part.start]
        later = self._chirps[self._chirps >= part.stop]
        begins = earlier[-1] if len(earlier) else part.start
        ends = later[0] + 5 * BLOCK if len(later) else part.stop
        inside = (self._at >= begins) & (self._at < ends)
        gains = self._db[inside]
        before, behind = gains[self._at[inside] < part.start], gains[self._at[inside] >= part.stop]
        if len(gains) < WEAK_BLOCKS:
            return True
        low, high = np.percentile(gains, [25, 75])
        if high - low > STEADY_DB:
            return False
        if not len(before) or not len(behind):
            return True
        return abs(float(np.median(before) - np.median(behind))) < STEADY_DB


def _within(starts: NDArray[np.int_], first: float, last: float) -> NDArray[np.bool_]:
    """Return which blocks lie in a stretch, with a part of them at least."""
    return np.asarray((starts + BLOCK > first) & (starts < last))


def _outside_band(starts: NDArray[np.int_], signal: ProbeSignal) -> NDArray[np.bool_]:
    """Return the blocks in which the sweep is too low or too high for every path to pass it."""
    part = signal.sweep
    low, high = (
        part.start + (part.stop - part.start) * swept_share(f, SWEEP_HZ)
        for f in (1.5 * BAND_HZ[0], BAND_HZ[1])
    )
    return _within(starts, part.start, low) | _within(starts, high, part.stop)


def _known(start: int, timing: Timing) -> bool:
    """Whether it is known where a block came back: no jump of the delay lies around it."""
    return timing.steady(slice(start, start + BLOCK))


@lru_cache(maxsize=4)
def _sent(signal: ProbeSignal) -> NDArray[np.float32]:
    """Return what is sent, in the band: the same for every sound that comes back of it."""
    left, right = signal.pcm.T
    return _in_band(decimated((left + right) / 2))


def _in_band(low: NDArray[np.float32]) -> NDArray[np.float32]:
    taps = firwin(81, BAND_HZ, pass_zero=False, fs=LOW_RATE_HZ).astype(np.float32)
    return np.asarray(resample_poly(low, 1, STEP, window=taps))


def _powers(band: NDArray[np.float32], places: NDArray[np.int_]) -> NDArray[np.float64]:
    """Return the mean square of the blocks that begin there, in what the band holds."""
    step = LOW_STEP * STEP
    size = BLOCK // step
    starts = np.minimum(places // step, max(0, len(band) - size))
    return _sums(np.square(band, dtype=np.float64), starts, size) / size


def _sums(values: NDArray[np.float64], starts: NDArray[np.int_], size: int) -> NDArray[np.float64]:
    summed = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray(summed[starts + size] - summed[starts])
