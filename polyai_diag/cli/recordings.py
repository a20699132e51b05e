"""What `polyai-diag analyze` says of a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.report.text import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.analysis.audio.facts import AudioFacts

_MOST_DROPOUTS = 5
_SHOWN = {"hum": "hum", "noise": "noise", "bandwidth": "band", "crowding": "clipping by a codec"}


def recording_lines(name: str, facts: AudioFacts) -> Iterator[str]:
    """Yield the lines that show what was measured, and what could not be."""
    kind = f"{facts.sample_rate_hz} Hz, {facts.channels}"
    yield f"{name}: {quantity(facts.seconds, 's', 1)} of sound, {kind}"
    if facts.incomplete:
        yield f"  not whole       {facts.incomplete}"
    if facts.invalid_samples:
        yield f"  no numbers      {facts.invalid_samples} samples, taken for silence"
    share = f"{facts.active_share:.0%} of the time"
    yield f"  active level    {_dbfs(facts.active_level_dbfs)} ({share})"
    yield f"  loudness        {quantity(facts.loudness_lufs, 'LUFS', 1)}"
    yield f"  silence         {facts.silence_share:.0%} of the time"
    yield f"  peak            {_dbfs(facts.peak_dbfs)}, {_clipping(facts)}"
    yield f"  band            up to {quantity(facts.bandwidth_hz, 'Hz')}"
    yield f"  pauses          noise {_dbfs(facts.noise_dbfs)}, {_hum(facts)}"
    yield f"  dropouts        {_dropouts(facts)}"
    if len(facts.channels_dbfs) > 1:
        yield f"  channels        {', '.join(map(_dbfs, facts.channels_dbfs))}"
    if abs(facts.dc) >= 0.001:
        yield f"  offset          {facts.dc:.1%} of full scale"
    reasons = [f"{words} ({facts.not_measured[k]})" for k, words in _SHOWN.items()
               if k in facts.not_measured]  # fmt: skip
    if reasons:
        yield f"  Not measured: {', '.join(reasons)}."
    yield "  Measured without a reference: delay, loss and echo cannot be told from it."


def _clipping(facts: AudioFacts) -> str:
    if not facts.clipped_runs:
        return "no flat tops"
    return f"{facts.clipped_runs:,} flat tops at {_dbfs(facts.clipped_at_dbfs)}"


def _hum(facts: AudioFacts) -> str:
    if facts.hum is None:
        return "hum not measured" if "hum" in facts.not_measured else "no hum"
    return f"hum of {quantity(facts.hum.mains_hz, 'Hz')} at {_dbfs(facts.hum.level_dbfs)}"


def _dropouts(facts: AudioFacts) -> str:
    first = [f"{g.ms:.0f} ms at {g.at_s:.2f} s" for g in facts.dropouts[:_MOST_DROPOUTS]]
    more = len(facts.dropouts) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "") if first else "none"


def _dbfs(level: float | None) -> str:
    return quantity(level, "dBFS", 1)
