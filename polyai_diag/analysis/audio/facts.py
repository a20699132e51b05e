"""What a sound tells by itself, as numbers. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from polyai_diag.analysis.audio import limits_unreferenced as limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from polyai_diag.analysis.audio.gaps import Dropout
    from polyai_diag.analysis.audio.mains import Hum
    from polyai_diag.model import Json

MOST_DROPOUTS_NOTED = 50


@dataclass(frozen=True)
class AudioFacts:
    """What a sound tells by itself. None: not measured, and `not_measured` says why.

    Levels are RMS in dBFS (0 = full-scale square wave), over all channels: a mono sum would lose
    what stands in opposite phase.
    """

    seconds: float
    sample_rate_hz: int
    level_dbfs: float
    active_level_dbfs: float | None  # over the windows that hold sound; None where none does
    active_share: float
    silence_share: float  # of 20 ms windows under SILENT_DBFS
    loudness_lufs: float | None  # BS.1770-4, integrated
    peak_dbfs: float
    clipped_runs: int  # flat tops at one ceiling
    clipped_share: float  # of all samples
    clipped_at_dbfs: float | None
    crowding: float | None  # how much denser than the next a decibel near the top is; healthy <= 1
    dc: float  # share of full scale; of the channel that has most
    bandwidth_hz: float | None
    dropouts: tuple[Dropout, ...]
    hum: Hum | None
    noise_dbfs: float | None  # in the pauses
    channels: str  # "mono", "identical", "stereo", "opposite phase", "left dead", …
    channels_dbfs: tuple[float, ...]
    channel_difference_db: float | None  # left over right
    steady: bool  # one level all the time: a tone, a hum, noise; no speech
    invalid_samples: int = 0  # NaN or infinite; taken for silence
    incomplete: str = ""  # what of a file could not be read
    not_measured: Mapping[str, str] = field(default_factory=dict)

    @property
    def silent(self) -> bool:
        """Whether nothing can be heard: digital silence, or an idle input's noise."""
        if self.active_level_dbfs is None or self.active_level_dbfs < limits.SILENT_DBFS:
            return True
        return self.steady and self.active_level_dbfs < limits.STEADY_SILENT_DBFS

    def notes(self) -> dict[str, Json]:
        """Return them flat and rounded, as an observation keeps them."""
        hum = self.hum and {
            "mains_hz": self.hum.mains_hz,
            "level_dbfs": round(self.hum.level_dbfs, 1),
        }
        gaps = self.dropouts[:MOST_DROPOUTS_NOTED]
        return {
            "seconds": round(self.seconds, 3),
            "sample_rate_hz": self.sample_rate_hz,
            "level_dbfs": round(self.level_dbfs, 1),
            "active_level_dbfs": _rounded(self.active_level_dbfs, 1),
            "active_share": round(self.active_share, 4),
            "silence_share": round(self.silence_share, 4),
            "loudness_lufs": _rounded(self.loudness_lufs, 1),
            "peak_dbfs": round(self.peak_dbfs, 1),
            "clipped_runs": self.clipped_runs,
            "clipped_share": round(self.clipped_share, 6),
            "clipped_at_dbfs": _rounded(self.clipped_at_dbfs, 2),
            "crowding": _rounded(self.crowding, 2),
            "dc": round(self.dc, 4),
            "bandwidth_hz": _rounded(self.bandwidth_hz, 0),
            "dropouts": [
                {"at_s": round(g.at_s, 3), "ms": round(g.ms, 1), "kind": g.kind} for g in gaps
            ],
            "dropout_count": len(self.dropouts),
            "hum": hum,
            "noise_dbfs": _rounded(self.noise_dbfs, 1),
            "channels": self.channels,
            "channels_dbfs": [round(level, 1) for level in self.channels_dbfs],
            "channel_difference_db": _rounded(self.channel_difference_db, 1),
            "steady": self.steady,
            "silent": self.silent,
            "invalid_samples": self.invalid_samples,
            "incomplete": self.incomplete,
            "not_measured": dict(self.not_measured),
        }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
