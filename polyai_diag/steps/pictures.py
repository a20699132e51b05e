"""What a report draws of the sound, put down in bounded form."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from polyai_diag.analysis.audio.pictures import levels_over_time, spectrogram
from polyai_diag.analysis.streams import main_stream
from polyai_diag.analysis.timeline import timeline

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from polyai_diag.analysis.audio.loopback import LoopbackFacts
    from polyai_diag.analysis.audio.signal import ProbeSignal
    from polyai_diag.media.aiortc_taps import RtpArrival
    from polyai_diag.model import Json
    from polyai_diag.probes.trace import Trace

DIGITS = 5


def keep_looped(
    trace: Trace,
    signal: ProbeSignal,
    received: NDArray[np.float32],
    facts: LoopbackFacts,
    *,
    floor: LoopbackFacts | None = None,
    arrivals: Iterable[RtpArrival] = (),
) -> None:
    """Keep the spectrum beside what Opus alone leaves, levels, spectrogram and packets."""
    if facts.frequency_hz:
        trace.data["spectrum"] = {
            "frequency_hz": list(facts.frequency_hz),
            "sent_dbfs": list(facts.sent_dbfs),
            "received_dbfs": _known(facts),
            **({"opus_dbfs": list(floor.received_dbfs)} if floor else {}),
        }
    moved = _moved(received, round(facts.offset_samples or 0), len(signal.pcm))
    every_s, sent_dbfs = levels_over_time(signal.pcm)
    _, received_dbfs = levels_over_time(moved)
    trace.data["levels"] = {
        "every_s": every_s, "sent_dbfs": sent_dbfs, "received_dbfs": received_dbfs,
    }  # fmt: skip
    keep_heard(trace, moved, arrivals)


def keep_heard(trace: Trace, received: NDArray[np.float32], arrivals: Iterable[RtpArrival]) -> None:
    """Keep what can be drawn without knowing what was sent."""
    every_s, received_dbfs = levels_over_time(received)
    trace.data.setdefault("levels", {"every_s": every_s, "received_dbfs": received_dbfs})
    if found := spectrogram(received):
        trace.data["spectrogram"] = as_json(found)
    main = main_stream(list(arrivals))
    if over_time := timeline((a.arrival_s, a.timestamp, a.sequence_number) for a in main):
        trace.data["timeline"] = as_json(over_time)


def _known(facts: LoopbackFacts) -> list[float | None]:
    """Return the levels received; None where lost packets carried the sweep."""
    deviation = facts.response.deviation_db if facts.response else ()
    if len(deviation) != len(facts.received_dbfs):
        return list(facts.received_dbfs)
    pairs = zip(facts.received_dbfs, deviation, strict=True)
    return [None if gone is None else level for level, gone in pairs]


def _moved(sound: NDArray[np.float32], by: int, samples: int) -> NDArray[np.float32]:
    """Return the sound on the timeline of what was sent, as long as that."""
    moved = np.pad(sound[max(0, by) :], ((max(0, -by), 0), (0, 0)))[:samples]
    return np.pad(moved, ((0, samples - len(moved)), (0, 0)))


def as_json(value: Any) -> Json:
    """Return facts as JSON holds them: numbers to five digits, what is no number as None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    number = float(value)
    return float(f"{number:.{DIGITS}g}") if math.isfinite(number) else None
