"""A recording retold as the record of a run, so that the same rules judge it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag import __version__
from polyai_diag.analysis.observed import observation, step_results
from polyai_diag.model import CallIds, Record

if TYPE_CHECKING:
    from datetime import datetime

    from polyai_diag.analysis.audio.levels import AudioFacts


def recorded(name: str, facts: AudioFacts, judged_at: datetime) -> Record:
    """Return the record of a recording of that name: one observation of the step `audio`."""
    heard = observation("audio_recording", name, None, facts.notes())
    return Record(
        tool=f"polyai-diag {__version__}",
        started=judged_at.isoformat(timespec="milliseconds"),
        duration_ms=0.0,
        steps=step_results({"audio": [heard]}),
        call=CallIds(call_sid=""),
        target={},
        environment={},
    )
