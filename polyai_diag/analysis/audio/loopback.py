"""The probe signal out and back: what came of it, each measure in a room of its own. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from polyai_diag.analysis.audio.channels import NOT_MEASURED, channel_class
from polyai_diag.analysis.audio.dropouts import find_dropouts
from polyai_diag.analysis.audio.echo import Echo, find_echo
from polyai_diag.analysis.audio.levels import FULL_SCALE, clipped_runs, level_dbfs
from polyai_diag.analysis.audio.masking import LIKE_S, Heard, one_channel, settled, trusted
from polyai_diag.analysis.audio.noise import NoiseBands, Quiet
from polyai_diag.analysis.audio.rate import tone_ratio, undone
from polyai_diag.analysis.audio.response import Response, SweepResponse, band_centres
from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ
from polyai_diag.analysis.audio.spectra import power_of
from polyai_diag.analysis.audio.steadiness import Gains, Weak
from polyai_diag.analysis.audio.timing import DelayJump, Timing, find_chirps
from polyai_diag.analysis.audio.tone import PIECE_LEAST, Tone, measure_tone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from polyai_diag.analysis.audio.carriers import Carriers
    from polyai_diag.analysis.audio.gaps import Dropout
    from polyai_diag.analysis.audio.mains import Hum
    from polyai_diag.analysis.audio.signal import ProbeSignal

EDGE_S = 0.05
RATE_OFF_LEAST = 0.002  # no clock drifts so far: another sample rate
TOO_LITTLE = "too little of what it needs arrived"
NOT_FOUND = "the probe's chirps did not come back"
FADED = "the level changed while it sounded"
JUMPED = "the delay jumped while it sounded"
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
    typical_thd_n_db: float | None = None  # of pieces of 0.2 s, the median
    sinad_db: float | None = None
    snr_db: float | None = None
    speech_gain_db: float | None = None
    response: Response | None = None
    channels: str = NOT_MEASURED
    dropouts: tuple[Dropout, ...] = ()
    weak: tuple[Weak, ...] = ()
    compared_s: float = 0.0  # how much of the noise was looked through for them
    masked_share: float = 0.0
    echo: Echo | None = None
    rate_ratio: float | None = None
    bandwidth_between_hz: tuple[float, float] | None = None  # where packets carried its end away
    not_measured: Mapping[str, str] = field(default_factory=dict)


def analyze_loopback(
    signal: ProbeSignal,
    received: NDArray[np.float32],
    lost: NDArray[np.bool_] | None = None,
    carriers: Carriers | None = None,
) -> LoopbackFacts:
    """Find the probe signal in what was received, shape (samples, channels), and compare.

    `lost` marks the samples that lost packets carried: they, and what the decoder made of the
    frames right after them, are not measured. `carriers` is which of Opus' codecs carried what:
    without it a change from one to the other passes for up to 12 ppm of drift.
    """
    heard = Heard(one_channel(received), trusted(lost, len(received)))
    timing = find_chirps(signal, heard, carriers)
    ratio = tone_ratio(heard) if len(timing.sent) < 2 else None
    if ratio is None or abs(ratio - 1) < RATE_OFF_LEAST:
        return _Loopback(signal, received, lost, heard, timing).facts()
    received, lost = undone(received, lost, ratio)
    heard = Heard(one_channel(received), trusted(lost, len(received)))
    at_its_pace = _Loopback(signal, received, lost, heard, find_chirps(signal, heard))
    return at_its_pace.facts(rate_ratio=ratio)


class _Loopback:
    """One received sound under the instruments."""

    def __init__(
        self,
        signal: ProbeSignal,
        received: NDArray[np.float32],
        lost: NDArray[np.bool_] | None,
        heard: Heard,
        timing: Timing,
    ) -> None:
        self._signal, self._received, self._lost = signal, received, lost
        self._timing = timing
        self._heard = self._settled(heard)
        self._sent_tone = _tone_sent(signal)
        self._gains = Gains(signal, self._heard, timing) if len(timing.sent) else None

    def _settled(self, heard: Heard) -> Heard:
        """Return the same sound, trusted only where the decoder is itself again."""
        if self._lost is None or not self._lost.any() or not len(self._timing.sent):
            return heard
        start = -round(float(np.median(self._timing.offsets)))
        louder = np.maximum(*np.abs(self._signal.pcm.T))  # of two channels that differ
        sent, _ = Heard(louder, np.ones(len(louder), bool)).part(
            slice(start, start + len(heard.sound))
        )
        return Heard(heard.sound, settled(heard.good, heard.sound, sent))

    def facts(self, rate_ratio: float | None = None) -> LoopbackFacts:
        """Return all that can be told; with the ratio of a rate that had to be undone first."""
        found: dict[str, object] = {
            "clipped_runs": self._clipped_runs(),
            "sent_level_dbfs": self._sent_tone.level_dbfs,
            "level_dbfs": level_dbfs(self._heard.sound),
            "masked_share": self._masked_share(),
        }
        if not len(self._timing.sent):
            reasons = dict.fromkeys((*_MEASURES, *_NONE_MAY_BE_FOUND), NOT_FOUND)
            return _facts(self._signal, self._timing, found, reasons)
        quiet = self._quiet()
        found |= self._of_time() | self._of_silence(quiet) | self._of_the_rest()
        found |= self._of_tone(quiet.level_dbfs())
        found |= self._of_sweep(found.get("gain_db"))  # type: ignore[arg-type]
        found["hum"], hum_told = quiet.hum(found["response"])  # type: ignore[arg-type]
        found["echo"], echo_told = find_echo(self._signal, self._heard, self._timing)
        told = {"hum": hum_told, "echo": echo_told}
        reasons = {name: TOO_LITTLE for name, known in told.items() if not known}
        if unsteady := self._unsteady(self._signal.sweep):
            reasons |= dict.fromkeys(_OF_SWEEP, unsteady)
        if rate_ratio is not None:
            found |= {"rate_ratio": rate_ratio, **dict.fromkeys(_OF_CLOCKS)}
            reasons |= dict.fromkeys(_OF_CLOCKS, WRONG_RATE)
        return _facts(self._signal, self._timing, found, reasons)

    def _clipped_runs(self) -> int:
        loud = np.flatnonzero(np.abs(self._received.ravel()) >= FULL_SCALE)
        if not len(loud):
            return 0
        first, last = loud[[0, -1]] // self._received.shape[1]
        span = slice(first, last + 1)
        return clipped_runs(self._received[span] * self._heard.good[span, None])

    def _of_time(self) -> dict[str, object]:
        timing = self._timing
        return {
            "offset_samples": float(np.median(timing.offsets)),
            "delay_jumps": timing.jumps,
            "drift_ppm": timing.drift_ppm,
            "drift_uncertainty_ppm": timing.drift_uncertainty_ppm,
        }

    def _of_tone(self, noise_dbfs: float | None) -> dict[str, object]:
        span = _inner(self._timing.shifted(self._signal.tone))
        stretches = self._heard.stretches(span, PIECE_LEAST)
        tone = measure_tone([self._heard.sound[stretch] for stretch in stretches])
        if tone is None:
            return {}
        gain_db = tone.level_dbfs - self._sent_tone.level_dbfs
        return {
            "gain_db": gain_db,
            "level_dbfs": tone.level_dbfs,
            "thd_n_db": tone.thd_n_db,
            "typical_thd_n_db": tone.typical_thd_n_db,
            "sinad_db": tone.sinad_db,
            "rate_ratio": tone.frequency_hz / self._sent_tone.frequency_hz,
            "speech_gain_db": self._speech_gain_db(),
            "snr_db": None if noise_dbfs is None else tone.level_dbfs - noise_dbfs,
        }

    def _of_silence(self, quiet: Quiet) -> dict[str, object]:
        return {
            "noise_dbfs": quiet.level_dbfs(),
            "noise_bands": quiet.bands(),
            "dc": quiet.constant(),
        }

    def _quiet(self) -> Quiet:
        span = _inner(self._timing.shifted(self._signal.silence))
        pieces = tuple(self._received[s] for s in self._heard.stretches(span, PIECE_LEAST))
        return Quiet(pieces, span.stop - span.start)

    def _of_sweep(self, gain_db: float | None) -> dict[str, object]:
        part = self._signal.sweep
        sent = self._signal.pcm[part, 0]
        received, good = self._heard.part(self._timing.shifted(part))
        sweep = SweepResponse(self._signal, self._heard, self._timing)
        steady = not self._unsteady(part)
        end_hz = sweep.band_end_hz() if steady else None
        heard = end_hz is not None and end_hz[0] == end_hz[1]
        return {
            "response": sweep.response(gain_db) if steady else None,
            "bandwidth_hz": end_hz[0] if end_hz and heard else None,
            "bandwidth_between_hz": None if heard else end_hz,
            "frequency_hz": tuple(round(float(f), 1) for f in band_centres()),
            "sent_dbfs": _bands(sent * good),
            "received_dbfs": _bands(received * good),
        }

    def _unsteady(self, part: slice) -> str:
        """Say why a part cannot be compared with what was sent; nothing where it can."""
        if not self._timing.steady(part):
            return JUMPED
        return "" if self._gains is None or self._gains.steady(part) else FADED

    def _of_the_rest(self) -> dict[str, object]:
        good = trusted(self._lost, len(self._received), LIKE_S)
        like = self._settled(Heard(self._heard.sound, good))
        sides = [self._side(part) for part in (self._signal.left, self._signal.right)]
        return {
            "channels": channel_class(*sides),
            "dropouts": find_dropouts(self._signal, like, self._timing),
            "compared_s": self._compared_s(like),
            "weak": () if self._gains is None else self._gains.weak(),
        }

    def _compared_s(self, like: Heard) -> float:
        _, good = like.part(self._timing.shifted(self._signal.noise))
        return round(float(good.sum()) / SAMPLE_RATE_HZ, 2)

    def _side(self, part: slice) -> NDArray[np.float32]:
        """Return what arrived of one channel's sweep; nothing where half of it was lost."""
        span = _inner(self._timing.shifted(part))
        stretches = self._heard.stretches(span, 1)
        arrived = [self._received[stretch] for stretch in stretches]
        whole = sum(map(len, arrived)) >= (span.stop - span.start) / 2
        return np.concatenate(arrived) if whole else self._received[:0]

    def _speech_gain_db(self) -> float | None:
        """Return how much louder speech came back: what a tone's gain is not, an AGC does."""
        part = self._signal.speech
        received, good = self._heard.part(self._timing.shifted(part))
        sent = self._signal.pcm[part, 0]
        if not good.any():
            return None
        return level_dbfs(received[good]) - level_dbfs(sent[good])

    def _masked_share(self) -> float:
        if self._lost is None or not len(self._lost):
            return 0.0
        return float(np.mean(~self._heard.good))


_OF_SWEEP = ("response", "bandwidth_hz")
_OF_CLOCKS = ("drift_ppm", "drift_uncertainty_ppm")
_MEASURES = (
    "offset_samples", "gain_db", "noise_dbfs", "noise_bands", "thd_n_db", "typical_thd_n_db",
    "sinad_db", "snr_db", "speech_gain_db", "bandwidth_hz", "response", "drift_ppm",
    "drift_uncertainty_ppm", "dc", "rate_ratio",
)  # fmt: skip
_NONE_MAY_BE_FOUND = ("delay_jumps", "dropouts", "channels", "hum", "echo")  # which is an answer


def _facts(
    signal: ProbeSignal, timing: Timing, found: dict[str, object], reasons: dict[str, str]
) -> LoopbackFacts:
    """Gather what was found, with a reason for what was not."""
    known = dict.fromkeys(_MEASURES) | found
    missing = {name: TOO_LITTLE for name in (*_MEASURES, "dropouts") if known.get(name) is None}
    if known.get("channels") == NOT_MEASURED:
        missing["channels"] = TOO_LITTLE
    if known.get("dropouts") is None:
        known["dropouts"] = ()
    return LoopbackFacts(
        chirps_sent=len(signal.chirp_starts),
        chirps_found=len(timing.sent),
        not_measured=missing | reasons,
        **known,  # type: ignore[arg-type]
    )


@lru_cache(maxsize=4)
def _tone_sent(signal: ProbeSignal) -> Tone:
    tone = measure_tone([signal.pcm[_inner(signal.tone), 0]])
    assert tone is not None  # noqa: S101 - our own signal holds its tone
    return tone


def _inner(span: slice) -> slice:
    edge = round(EDGE_S * SAMPLE_RATE_HZ)
    return slice(span.start + edge, span.stop - edge)


def _bands(sound: NDArray[np.float32]) -> tuple[float, ...]:
    """Return the level in each sixth of an octave, in dBFS."""
    power = power_of(np.fft.rfft(sound)) * 2 / len(sound) ** 2
    sums = np.concatenate([[0.0], np.cumsum(power)])
    half = 2 ** (1 / 12)
    edges_hz = np.outer([1 / half, half], band_centres())
    first, last = np.ceil(edges_hz * len(sound) / SAMPLE_RATE_HZ).astype(int)
    levels = 10 * np.log10(np.maximum(sums[last] - sums[first], 1e-12))
    return tuple(round(float(level), 2) for level in levels)
