"""The probe signal out and back: what came of it, each measure in a room of its own. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from polyai_diag.analysis.audio.channels import NOT_MEASURED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from polyai_diag.analysis.audio.dropouts import Dropout
    from polyai_diag.analysis.audio.noise import Hum, NoiseBands
    from polyai_diag.analysis.audio.response import Echo, Response
    from polyai_diag.analysis.audio.timing import DelayJump

EDGE_S = 0.05
RATE_OFF_LEAST = 0.002  # no clock drifts so far: another sample rate
LOST = "lost packets carried it"
NOT_FOUND = "the probe's chirps did not come back"
WRONG_RATE = "the sound comes back at another sample rate"


@dataclass(frozen=True)
class LoopbackFacts:
    """What came back of the probe signal; None where it could not be measured.

    `not_measured` gives the reason for each such field by its name.
    """

    chirps_sent: int
    chirps_found: int
    offset_samples: float | None  # sound received minus sound sent, on their own timelines
    gain_db: float | None
    level_dbfs: float
    sent_level_dbfs: float
    noise_dbfs: float | None
    thd_n_db: float | None
    bandwidth_hz: float | None
    clipped_runs: int
    frequency_hz: tuple[float, ...] = ()
    sent_dbfs: tuple[float, ...] = ()
    received_dbfs: tuple[float, ...] = ()
    delay_jumps: tuple[DelayJump, ...] = ()
    drift_ppm: float | None = None
    drift_uncertainty_ppm: float | None = None
    dc: float | None = None
    noise_bands: NoiseBands | None = None
    hum: Hum | None = None
    sinad_db: float | None = None
    snr_db: float | None = None
    speech_gain_db: float | None = None
    response: Response | None = None
    channels: str = NOT_MEASURED
    dropouts: tuple[Dropout, ...] = ()
    masked_share: float = 0.0
    echo: Echo | None = None
    rate_ratio: float | None = None
    not_measured: Mapping[str, str] = field(default_factory=dict)
