"""The faults that a sound shows by itself, from the notes of its observation. Pure.

Reads what a saved report holds, and takes anything else there for not measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyai_diag.analysis.audio import limits_unreferenced as limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SHOWN = 3


def faults(notes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the id of each cause that the notes prove, and the proof in words.

    In silence nothing else is judged.
    """
    level_dbfs = _number(notes, "active_level_dbfs")
    if notes.get("silent") is True:
        heard = "digital silence" if level_dbfs is None else f"a steady {level_dbfs:.0f} dBFS"
        yield "silent-audio", f"No speech in it: {heard}"
        return
    if level_dbfs is not None and level_dbfs < limits.TOO_QUIET_DBFS:
        yield "audio-too-quiet", f"Speech at {level_dbfs:.0f} dBFS; usual is -26"
    yield from _clipped(notes)
    edge_hz, rate_hz = _number(notes, "bandwidth_hz"), _number(notes, "sample_rate_hz")
    able = rate_hz is not None and rate_hz > limits.RATE_ABLE_HZ
    if able and edge_hz is not None and edge_hz < limits.NARROWBAND_HZ:
        yield (
            "audio-narrowband",
            f"The band ends at {edge_hz / 1000:.1f} kHz, as a telephone's does",
        )
    yield from _dropouts(notes)
    yield from _hum(notes, level_dbfs)
    yield from _channels(notes)


def _clipped(notes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    runs, share = _number(notes, "clipped_runs") or 0, _number(notes, "clipped_share") or 0
    crowding = _number(notes, "crowding") or 0
    if runs >= limits.CLIPPED_RUNS and share >= limits.CLIPPED_SHARE:
        at_dbfs = _number(notes, "clipped_at_dbfs")
        where = "" if at_dbfs is None else f" at {at_dbfs:.1f} dBFS"
        yield "audio-clipped", f"{runs:.0f} flat tops{where}"
    elif crowding >= limits.CROWDING:
        words = f"The samples crowd under one level ({crowding:.1f} times the density beneath)"
        yield "audio-clipped", f"{words}: clipped, and then coded"


def _dropouts(notes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    rows = notes.get("dropouts")
    gaps = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list | tuple) else []
    count = max(len(gaps), int(_number(notes, "dropout_count") or 0))
    if count < limits.DROPOUTS:
        return
    shown = [
        f"{ms:.0f} ms at {at_s:.1f} s"
        for gap in gaps[:_SHOWN]
        if (ms := _number(gap, "ms")) is not None and (at_s := _number(gap, "at_s")) is not None
    ]
    yield "audio-dropouts", f"Speech is cut {count} times: {', '.join(shown)}"


def _hum(notes: Mapping[str, Any], level_dbfs: float | None) -> Iterator[tuple[str, str]]:
    hum = notes.get("hum")
    found = hum if isinstance(hum, dict) else {}
    mains_hz, hum_dbfs = _number(found, "mains_hz"), _number(found, "level_dbfs")
    if mains_hz is None or hum_dbfs is None:
        return
    near = level_dbfs is not None and hum_dbfs > level_dbfs - limits.HUM_BELOW_SPEECH_DB
    if hum_dbfs > limits.HUM_DBFS or near:
        yield "audio-hum", f"Hum of {mains_hz:.0f} Hz and harmonics at {hum_dbfs:.0f} dBFS"


def _channels(notes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    match notes.get("channels"):
        case "left dead" | "right dead" as dead:
            yield "audio-channel-fault", f"The {str(dead).split()[0]} channel is dead"
        case "opposite phase":
            words = "The channels are in opposite phase: they cancel out in a mono sum"
            yield "audio-channel-fault", words
        case "unequal":
            apart = abs(_number(notes, "channel_difference_db") or 0)
            yield "audio-channel-fault", f"One sound in both channels, {apart:.0f} dB apart"


def _number(notes: Mapping[str, Any], key: str) -> float | None:
    value = notes.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 else None
