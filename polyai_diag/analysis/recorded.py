"""A recording retold as the record of a run, so that the same rules judge it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.analysis.observed import observation, retold_record

if TYPE_CHECKING:
    from datetime import datetime

    from polyai_diag.analysis.audio.facts import AudioFacts
    from polyai_diag.model import Record


def recorded(name: str, facts: AudioFacts, judged_at: datetime) -> Record:
    """Return the record of a recording of that name: one observation of the step `audio`."""
    heard = observation("audio_recording", name, None, facts.notes())
    return retold_record({"audio": [heard]}, judged_at)
