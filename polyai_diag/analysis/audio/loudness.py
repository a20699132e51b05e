"""Loudness by ITU-R BS.1770-4, block by block: memory grows by 80 bytes a second. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import sosfilt

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_S = 0.1  # gating blocks of 400 ms overlap by 75 % (BS.1770-4 annex 1, §2)
STEPS_A_BLOCK = 4
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
OFFSET_DB = -0.691  # a sine of 997 Hz at full scale on one channel is -3.01 LUFS
_SURROUND_GAIN = 1.41
_GAINS = {5: (1, 1, 1, _SURROUND_GAIN, _SURROUND_GAIN), 6: (1, 1, 1, 0, 1.41, 1.41)}

# The analogue filters behind the standard's coefficients at 48 kHz (Brecht De Man, 2014).
_TABLE_RATE_HZ = 48_000
_SHELF_HZ, _SHELF_DB, _SHELF_Q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
_SHELF_SLOPE = 0.4996667741545416
_HIGH_PASS_HZ, _HIGH_PASS_Q = 38.13547087602444, 0.5003270373238773


class Loudness:
    """Takes blocks of shape (channels, samples) and keeps the K-weighted power of each 100 ms."""

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._rate_hz = sample_rate_hz
        self._sections = k_weighting(sample_rate_hz)
        self._state = np.zeros((len(self._sections), channels, 2))
        self._gains = np.array(_GAINS.get(channels, (1,) * channels), np.float64)
        self._steps: list[NDArray[np.float64]] = []
        self._open = 0.0  # the energy of the step that the last block ended in
        self._taken = 0

    def take(self, block: NDArray[np.float32]) -> None:
        """Weigh the next block."""
        if not block.size:
            return
        weighted, self._state = sosfilt(self._sections, block, axis=1, zi=self._state)
        energy = np.einsum("c,cs->s", self._gains, np.square(weighted, out=weighted))
        ends = self._ends(self._taken, self._taken + len(energy))
        sums = np.add.reduceat(energy, np.concatenate([[0], ends[ends < len(energy)]]))
        sums[0] += self._open
        if len(ends) and ends[-1] == len(energy):
            self._open = 0.0
        else:
            self._open, sums = float(sums[-1]), sums[:-1]
        self._steps.append(sums)
        self._taken += len(energy)

    @property
    def lufs(self) -> float | None:
        """The integrated loudness; None for less than 400 ms, or nothing over the gates."""
        steps = np.concatenate(self._steps) if self._steps else np.zeros(0)
        if len(steps) < STEPS_A_BLOCK:
            return None
        sums = np.convolve(steps, np.ones(STEPS_A_BLOCK), "valid")
        power = sums / (STEPS_A_BLOCK * STEP_S * self._rate_hz)
        power = power[power > _power(ABSOLUTE_GATE_LUFS)]
        if not power.size:
            return None
        heard = power[power > power.mean() * 10 ** (RELATIVE_GATE_LU / 10)]
        return OFFSET_DB + 10 * float(np.log10(heard.mean()))

    def _ends(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return where steps end between two samples, counted from the first of them."""
        step = STEP_S * self._rate_hz
        numbers = np.arange(int(start / step), int(stop / step) + 2)
        ends = np.round(numbers * step).astype(np.int64) - start
        return ends[(ends > 0) & (ends <= stop - start)]


def loudness_lufs(sound: NDArray[np.float32], sample_rate_hz: int) -> float | None:
    """Return the loudness of a sound of shape (samples, channels); None where none is heard."""
    meter = Loudness(sample_rate_hz, sound.shape[1])
    meter.take(np.ascontiguousarray(sound.T))
    return meter.lufs


def k_weighting(sample_rate_hz: int) -> NDArray[np.float64]:
    """Return the second-order sections of the K-weighting (BS.1770-4 annex 1, §1).

    At 48 kHz they are the standard's table, at other rates the same curve: speech sampled at 8 kHz
    comes out within 0.05 LU of the table's filter.
    """
    return np.array([_shelf(sample_rate_hz), _high_pass(sample_rate_hz)])


def _shelf(rate_hz: int) -> list[float]:
    turn = math.tan(math.pi * _SHELF_HZ / rate_hz)
    high = 10 ** (_SHELF_DB / 20)
    band = high**_SHELF_SLOPE
    over = [high + band * turn / _SHELF_Q + turn**2, 2 * (turn**2 - high)]
    over.append(high - band * turn / _SHELF_Q + turn**2)
    under = [1 + turn / _SHELF_Q + turn**2, 2 * (turn**2 - 1), 1 - turn / _SHELF_Q + turn**2]
    return [c / under[0] for c in (*over, *under)]


def _high_pass(rate_hz: int) -> list[float]:
    turn = math.tan(math.pi * _HIGH_PASS_HZ / rate_hz)
    whole = 1 + turn / _HIGH_PASS_Q + turn**2
    # The table's numerator is 1, -2, 1, which lifts everything by 0.04 dB at its rate alone.
    table = math.tan(math.pi * _HIGH_PASS_HZ / _TABLE_RATE_HZ)
    gain = (1 + table / _HIGH_PASS_Q + table**2) / whole
    under = [2 * (turn**2 - 1) / whole, (1 - turn / _HIGH_PASS_Q + turn**2) / whole]
    return [gain, -2 * gain, gain, 1.0, *under]


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - OFFSET_DB) / 10))
