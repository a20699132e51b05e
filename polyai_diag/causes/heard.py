"""Sounds that were measured, and what packets lost on the way there have done to them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from polyai_diag.analysis.audio import limits
from polyai_diag.analysis.loose import number, rows, table
from polyai_diag.causes.call_data import interval_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.causes.engine import Facts, Seen

PACKET_MS = 20.0

BY_CHANCE = 5.0
"""So many times its root more than expected: packets are lost some at a time, and a little of what
follows each is spoiled."""


class Sound(NamedTuple):
    """What one observation measured of a sound, and whose sound that was."""

    seen: Seen
    data: dict[str, Any]
    whose: str = ""

    def number(self, key: str, within: str | None = None) -> float | None:
        """Return a number of the step's data; None where it holds anything else."""
        found = self.data if within is None else table(self.data.get(within))
        return number(found.get(key))

    def rows(self, key: str) -> list[dict[str, Any]]:
        """Return the rows of a list in the step's data."""
        return rows(self.data.get(key), limit=None)


def looped(facts: Facts) -> Iterator[Sound]:
    """Yield what came back of a sound that was sent."""
    for seen in facts.succeeded("audio_loopback"):
        yield Sound(seen, facts.step(seen.step).data)


def heard(facts: Facts) -> Iterator[Sound]:
    """Yield what was measured of a sound by itself."""
    for seen in facts.succeeded("audio_listen"):
        yield Sound(seen, facts.step(seen.step).data, "The agent's voice")
    for seen in facts.succeeded("audio_recording"):
        yield Sound(seen, seen.observation.notes, "The recording")
    for seen in facts.succeeded("microphone_listen"):
        yield Sound(seen, seen.observation.notes, "The microphone")


def faded(sound: Sound) -> tuple[float, float]:
    """Return how many seconds came back weak, though not silent, and the least gain in dB."""
    weak = [row for row in sound.rows("weak") if not row.get("stopped")]
    gains_db = [number(row.get("gain_db")) or 0.0 for row in weak]
    return sum(map(_seconds, weak)), min(gains_db, default=0.0)


def paused(sound: Sound) -> list[str]:
    """Say for how long nothing came back, and when; what was sent went on."""
    weak = [row for row in sound.rows("weak") if row.get("stopped")]
    return [f"{_seconds(row):.1f} s from {number(row.get('at_s')) or 0:.1f} s on" for row in weak]


def _seconds(row: dict[str, Any]) -> float:
    return max(0.0, (number(row.get("until_s")) or 0.0) - (number(row.get("at_s")) or 0.0))


def reported(sound: Sound, key: str) -> float:
    """Return a count of the gateway's report on what it was sent."""
    return max(0.0, number(table(sound.data.get("gateway_reports")).get(key)) or 0.0)


def is_reported(sound: Sound) -> bool:
    """Whether the gateway has reported on what it was sent at all."""
    return reported(sound, "packets_counted") > 0


def lost_there(sound: Sound) -> float:
    """Return how many packets were lost on the way there, of all that were sent."""
    counted = reported(sound, "packets_counted")
    sent = sound.number("packets_sent") or 0.0
    return reported(sound, "packets_lost") * max(1.0, sent / counted) if counted else 0.0


def made_up_for_loss(sound: Sound, cuts: list[dict[str, Any]]) -> bool:
    """Whether packets lost on the way there account for the cuts: how they fall is chance."""
    sent = sound.number("packets_sent") or 0.0
    lost = lost_there(sound)
    if not lost or sent <= 0:
        return False
    compared = max(0.0, sound.number("compared_s") or 0.0) * 1000 / PACKET_MS
    expected = compared * min(1.0, lost / sent)
    missing = sum(number(cut.get("ms")) or 0.0 for cut in cuts) / PACKET_MS
    return missing <= expected + BY_CHANCE * math.sqrt(expected)


def narrow_band(sound: Sound) -> str:
    """Say where the band ends, if before what Opus carries; lost packets may have carried its end.

    Then both sides of it are known, and the upper one must be low.
    """
    edge_hz = sound.number("bandwidth_hz")
    low_hz, high_hz = interval_of(sound.data, "bandwidth_between_hz") or (edge_hz, edge_hz)
    if low_hz is None or high_hz is None or high_hz >= limits.WIDE_BAND_HZ:
        return ""
    like = "a telephone's" if high_hz < limits.NARROW_BAND_HZ else "wide band (G.722)"
    if low_hz == high_hz:
        return f"The band ends at {high_hz / 1000:.1f} kHz, as {like} does; 20 kHz were sent"
    return (
        f"The band ends between {low_hz / 1000:.1f} and {high_hz / 1000:.1f} kHz; 20 kHz were sent "
        "(packets lost carried its end)"
    )
