"""Dropouts heard without knowing what was sent: speech cut off and taken up again, frames repeated.

A pause fades out; what a network takes away ends and begins within a few milliseconds. Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SHORTEST_S = 0.010
LONGEST_S = 1.0
"""What is longer is a pause, or a call on hold, however abrupt its ends."""

EDGE_S = 0.010  # one period of a low voice
BESIDE_S = 0.020  # the speech beyond that
ACTIVE_DB = 12.0  # speech beside a gap: no further under the active level
EDGE_DB = 5.0  # what fades out has lost more at its edge
SHARP_DB = 10.0  # and the last half of the edge is no quieter than between two pulses of a voice
QUIET_DB = 20.0  # a gap that a codec has filled is this far under the active level
SILENT_DB = 35.0  # and for the most part this far
STEP_DB = 22.0  # between the speech and the next 5 ms: a plosive closes more slowly
LAGS_S = (0.010, 0.020, 0.030, 0.040, 0.060)
"""Frames that are repeated: the packet times of speech codecs (RFC 3551 §4.2, RFC 6716 §2.1.4)."""

REPEATED_MOST = 4  # times over: what repeats for longer is a tone
STRIDE = 16
TINY = 1e-12


@dataclass(frozen=True)
class Dropout:
    """Sound that is missing: when, how long, and what stands there.

    `kind` is "silence" or "repeat"; "abrupt" where the sound that was sent is known, and it is
    another.
    """

    at_s: float
    ms: float
    kind: str


class Gaps:
    """Takes blocks of shape (channels, samples) and keeps what may be a dropout."""

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._rate_hz = sample_rate_hz
        self._shortest = max(2, round(SHORTEST_S * sample_rate_hz))
        self._lags = [round(lag * sample_rate_hz) for lag in LAGS_S]
        self._taken = 0
        self._changed = np.zeros(channels, np.int64)  # where each channel last changed its value
        self._before = np.zeros((channels, 0), np.float32)
        self.constant: list[list[NDArray[np.int64]]] = [[] for _ in range(channels)]
        self.repeats: list[list[tuple[int, int]]] = [[] for _ in range(channels)]

    def take(self, block: NDArray[np.float32]) -> None:
        """Search the next block."""
        kept = self._before.shape[1]
        joined = np.concatenate([self._before, block], axis=1)
        for number, channel in enumerate(joined):
            self._find_constant(number, channel[max(0, kept - 1) :], self._taken - min(kept, 1))
            self._find_repeats(number, channel, self._taken - kept, kept)
        self._taken += block.shape[1]
        context = 2 * REPEATED_MOST * max(self._lags)
        self._before = joined[:, -context:].copy()

    def _find_constant(self, number: int, sound: NDArray[np.float32], start: int) -> None:
        """Keep the runs of one value that end here, as (first sample, length)."""
        changes = np.flatnonzero(sound[1:] != sound[:-1]) + (start + 1)
        if not changes.size:
            return
        lengths = np.diff(changes, prepend=self._changed[number])
        long = np.flatnonzero(lengths >= self._shortest)
        if long.size:
            firsts = changes[long] - lengths[long]
            self.constant[number].append(np.stack([firsts, lengths[long]], axis=1))
        self._changed[number] = changes[-1]

    def _find_repeats(self, number: int, sound: NDArray[np.float32], start: int, kept: int) -> None:
        """Keep what equals the sound one frame earlier, sample by sample, as (first, length)."""
        for lag in self._lags:
            for first, length in _equal_runs(sound, lag, self._shortest):
                last = first + length
                ends_here = last < len(sound) and last > kept
                if not ends_here or length < lag - STRIDE or length > REPEATED_MOST * lag:
                    continue
                if first > lag and np.ptp(sound[first:last]) > 0:
                    self.repeats[number].append((start + first, length))


def _equal_runs(sound: NDArray[np.float32], lag: int, shortest: int) -> Iterator[tuple[int, int]]:
    """Yield runs that equal the sound `lag` samples earlier: looked for coarsely, then measured."""
    if len(sound) <= lag + shortest:
        return
    coarse = sound[lag::STRIDE] == sound[:-lag:STRIDE]
    edges = np.concatenate([[-1], np.flatnonzero(~coarse), [len(coarse)]])
    for at in np.flatnonzero(np.diff(edges) * STRIDE >= shortest):
        begin = max(lag, lag + int(edges[at]) * STRIDE)
        end = min(len(sound), lag + int(edges[at + 1]) * STRIDE + 1)
        unequal = np.flatnonzero(sound[begin:end] != sound[begin - lag : end - lag])
        marks = np.concatenate([[-1], unequal, [end - begin]])
        widest = int(np.argmax(np.diff(marks)))
        yield begin + int(marks[widest]) + 1, int(marks[widest + 1] - marks[widest] - 1)


def dropouts(
    gaps: Gaps, cells: NDArray[np.float32], cell_s: float, active_power: float, rate_hz: int
) -> tuple[Dropout, ...]:
    """Return the dropouts in order; `cells` is the power of short windows, (channels, windows)."""
    found: list[Dropout] = []
    for number, power in enumerate(cells):
        runs = gaps.constant[number]
        exact = np.concatenate(runs) / rate_hz if runs else np.zeros((0, 2))
        spans = [(a, b) for a, b in exact if _is_cut(power, a, a + b, cell_s, active_power)]
        spans += list(_filled(power, cell_s, active_power, spans))
        found += [Dropout(a, 1000 * b, "silence") for a, b in spans]
        for first, length in gaps.repeats[number]:
            cells_of_it = slice(
                int(first / rate_hz / cell_s), int((first + length) / rate_hz / cell_s)
            )
            if power[cells_of_it].mean() > active_power * 10 ** (-ACTIVE_DB / 10):
                found.append(Dropout(first / rate_hz, 1000 * length / rate_hz, "repeat"))
    return tuple(_merged(found))


def _filled(
    power: NDArray[np.float32], cell_s: float, active_power: float, known: list[tuple[float, float]]
) -> Iterator[tuple[float, float]]:
    """Yield gaps that hold a codec's or a recorder's faint noise in place of nothing."""
    low = power < active_power * 10 ** (-QUIET_DB / 10)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], low, [False]]))).reshape(-1, 2)
    lengths = edges[:, 1] - edges[:, 0]
    bearable = (lengths * cell_s >= SHORTEST_S) & (lengths * cell_s <= LONGEST_S)
    taken = {int(at / cell_s) + near for at, _ in known for near in (-2, -1, 0, 1, 2)}
    silent = active_power * 10 ** (-SILENT_DB / 10)
    for first, last in edges[bearable].tolist():
        at_s, end_s = first * cell_s, last * cell_s
        if first in taken or np.median(power[first:last]) > silent:
            continue
        step = min(_step_db(power, first, -1), _step_db(power, last - 1, 1))
        if step >= STEP_DB and _is_cut(power, at_s, end_s, cell_s, active_power):
            yield at_s, end_s - at_s


def _step_db(power: NDArray[np.float32], inside: int, away: int) -> float:
    """Return by how much the windows beyond the end of a gap are louder than its last two."""
    beyond = [inside + away * k for k in range(1, 5) if 0 <= inside + away * k < len(power)]
    within = float(power[[inside, inside - away]].mean())
    return 10 * math.log10(float(power[beyond].max(initial=TINY)) / max(within, TINY))


def _is_cut(
    power: NDArray[np.float32], begin_s: float, end_s: float, cell_s: float, active_power: float
) -> bool:
    """Whether speech stands in full on both sides of a gap of bearable length."""
    if end_s - begin_s > LONGEST_S:
        return False
    beside = round((EDGE_S + BESIDE_S) / cell_s)
    first, last = int(begin_s / cell_s), -int(-end_s // cell_s)
    before, after = power[max(0, first - beside) : first], power[last : last + beside]
    edge = round(EDGE_S / cell_s)
    return all(_is_abrupt(away, edge, active_power) for away in (before[::-1], after))


def _is_abrupt(away: NDArray[np.float32], edge: int, active_power: float) -> bool:
    """Whether speech is as loud right at the edge as beyond it; the windows lead away from it."""
    if len(away) <= edge:
        return False
    near, beyond = float(away[:edge].mean()), float(away[edge:].mean())
    loud = min(near, beyond) > active_power * 10 ** (-ACTIVE_DB / 10)
    sharp = float(away[: edge // 2].max()) > near * 10 ** (-SHARP_DB / 10)
    return loud and sharp and near > beyond * 10 ** (-EDGE_DB / 10)


def _merged(found: list[Dropout]) -> Iterator[Dropout]:
    """Yield each once: what both channels or two lags tell is one."""
    end_s = -1.0
    for gap in sorted(found, key=lambda d: (d.at_s, -d.ms)):
        if gap.at_s >= end_s:
            yield gap
            end_s = gap.at_s + gap.ms / 1000
