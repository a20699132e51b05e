"""The E-model: what a listener would say of a call, estimated from its delay and loss. Pure.

ITU-T G.107 (narrow band), G.107.1 (wide band) and G.107.2 (full band), with every input that is
not measured here at its default. It rates a network plan, not this call's sound: an estimate.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from polyai_diag.model import Json

DELAY_FREE_MS = 100.0  # under it delay does not impair (G.107 §7.4)
LOOK_AHEAD_MS = 6.5  # of Opus (RFC 6716 §2)
BURSTY = 2.0  # from this burst ratio on the Bpl found under bursts holds
NARROW_TO_HZ, WIDE_TO_HZ = 4_500.0, 8_500.0


class Band(StrEnum):
    """The scale of a rating; ratings of two scales are never compared, their MOS are."""

    NARROW = "narrow"
    WIDE = "wide"
    FULL = "full"


@dataclass(frozen=True)
class _Scale:
    best: float  # R with nothing impaired
    most_loss: float  # C: what loss alone can take
    delay: float  # what the delay term is multiplied by
    mos: float  # what R is divided by before the MOS formula, made for narrow band


_SCALES = {
    Band.NARROW: _Scale(93.2, 95.0, 1.0, 1.0),
    Band.WIDE: _Scale(129.0, 95.0, 1.0, 1.29),
    Band.FULL: _Scale(148.0, 132.0, 1.48, 1.48),
}


@dataclass(frozen=True)
class Codec:
    """How a codec impairs: Ie, and Bpl, its robustness to random and to bursty loss."""

    ie: float
    bpl: float
    bpl_bursts: float
    source: str


OPUS = Codec(
    10.67, 9.79, 8.04, "a published study of super-wide-band Opus, VBR 40 kb/s; no ITU value"
)
"""On the full-band scale."""

OPUS_WITHIN_BAND = Codec(0.0, 9.79, 8.04, "no published value: its robustness in full band, Ie 0")
"""Where the band itself is narrower: what Opus adds is small, and nobody has published it."""


@dataclass(frozen=True)
class Estimate:
    """The rating R on its band's scale, the MOS that follows from it, and what went in."""

    r: float
    mos: float
    band: Band
    inputs: Mapping[str, Json]

    @property
    def data(self) -> dict[str, Json]:
        """What a report keeps: rounded, and labelled as an estimate."""
        return {
            "label": "estimate (E-model, ITU-T G.107, G.107.1, G.107.2)",
            "mos": round(self.mos, 2),
            "r": round(self.r, 1),
            "band": self.band.value,
            **self.inputs,
        }


def estimate(
    *,
    one_way_ms: float,
    loss_percent: float,
    burst_ratio: float = 1.0,
    band: Band = Band.FULL,
    codec: Codec | None = None,
) -> Estimate:
    """Estimate the quality of speech.

    `one_way_ms` is from mouth to ear (`mouth_to_ear_ms`); `burst_ratio` the mean length of the
    bursts of loss over that of random loss (`burst_ratio_of`). Raises ValueError for a delay or a
    loss that cannot be.
    """
    if not (0 <= one_way_ms < math.inf and 0 <= loss_percent <= 100 and burst_ratio >= 0):
        raise ValueError(f"no such call: {one_way_ms} ms, {loss_percent} % lost, {burst_ratio}")
    codec = codec or (OPUS if band is Band.FULL else OPUS_WITHIN_BAND)
    scale, bursts = _SCALES[band], max(1.0, burst_ratio)
    bpl = codec.bpl_bursts if bursts >= BURSTY else codec.bpl
    lost = loss_percent / (loss_percent / bursts + bpl)
    equipment = codec.ie + (scale.most_loss - codec.ie) * lost
    r = scale.best - scale.delay * delay_impairment(one_way_ms) - equipment
    inputs = {
        "one_way_ms": round(one_way_ms, 1),
        "loss_percent": round(loss_percent, 3),
        "burst_ratio": round(bursts, 2),
        "codec": {**asdict(codec), "bpl_used": bpl},
    }
    return Estimate(r, mos_of(r / scale.mos), band, MappingProxyType(inputs))


def band_of(bandwidth_hz: float) -> Band:
    """Return the scale for a sound whose band ends there; super-wide band is rated as full."""
    if bandwidth_hz < NARROW_TO_HZ:
        return Band.NARROW
    return Band.WIDE if bandwidth_hz < WIDE_TO_HZ else Band.FULL


def delay_impairment(one_way_ms: float) -> float:
    """Return Idd of a delay from mouth to ear (G.107 §7.4)."""
    if one_way_ms <= DELAY_FREE_MS:
        return 0.0
    x = math.log2(one_way_ms / DELAY_FREE_MS)
    impaired: float = 25 * ((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2)
    return impaired


def mos_of(r: float) -> float:
    """Return the MOS of a narrow-band rating (G.107 annex B).

    The cubic dips under 1, the worst that there is, for ratings under 6.5: they stay at 1.
    """
    if r >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6) if r > 0 else 1.0


def mouth_to_ear_ms(
    round_trip_ms: float, *, packet_ms: float = 20.0, jitter_buffer_ms: float = 40.0
) -> float:
    """Return what half a round trip becomes with packet time, look-ahead and jitter buffer."""
    return round_trip_ms / 2 + packet_ms + LOOK_AHEAD_MS + jitter_buffer_ms


def burst_ratio_of(mean_burst: float, loss_percent: float) -> float:
    """Return the burst ratio (G.107 §7.5): random loss comes in runs of 1 / (1 - loss)."""
    return max(1.0, mean_burst * (1 - loss_percent / 100))
