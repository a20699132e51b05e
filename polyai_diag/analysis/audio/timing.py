"""When each chirp comes back: delay, its jumps, and the drift of the clocks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import find_peaks, oaconvolve

from polyai_diag.analysis.audio.decimation import LOW_RATE_HZ, LOW_STEP, decimated
from polyai_diag.analysis.audio.signal import CHIRP_HZ, CHIRP_S, SAMPLE_RATE_HZ, swept_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from polyai_diag.analysis.audio.carriers import Carriers
    from polyai_diag.analysis.audio.masking import Heard
    from polyai_diag.analysis.audio.signal import ProbeSignal

CORRELATION_LEAST = 0.5  # a chirp that resembles less than this is not found
UPSAMPLING = 8
EXACT_HZ = (1000.0, 6500.0)  # a codec's high-pass delays what lies lower by up to 0.2 ms
JUMP_LEAST_MS = 0.5  # a smaller step is not told from the codec's own unrest
STEADY_S = 0.001  # two chirps whose offsets differ by less belong together
DRIFT_MOST = 1e-3
PEAKS_MOST = 3  # for each chirp: a sound full of them takes no longer
PENALTY = 0.7  # what a jump must gain in chirps to be believed
PENALTY_PER_S = 0.3
LATE_PER_S = 0.02  # of two places that suit as well, the one nearer to where it was sent
BASELINE_LEAST_S = 2.0
BASELINE_SHARE = 1 / 3
CONFIDENCE = 1.96
CODEC_STEP_S = 90e-6  # between Opus' modes, twice: where they are not known, as good as drift


@dataclass(frozen=True)
class DelayJump:
    """A step of the delay: when, on the timeline of what was sent, and by how much."""

    at_s: float
    by_ms: float


@dataclass(frozen=True)
class Timing:
    """The chirps found: when each was sent, and by how many samples later it came back."""

    sent: NDArray[np.float64]
    offsets: NDArray[np.float64]
    resemblance: NDArray[np.float64]
    jumps: tuple[DelayJump, ...] = ()
    drift_ppm: float | None = None
    drift_uncertainty_ppm: float | None = None

    def offset_at(self, sample: float) -> float:
        """Return the offset of what was sent at this sample: of the chirp before it, or the next.

        A jump between two chirps may lie on either side of it.
        """
        place = max(0, int(np.searchsorted(self.sent, sample, side="right")) - 1)
        drift = (self.drift_ppm or 0.0) * 1e-6
        return float(self.offsets[place] + drift * (sample - self.sent[place]))

    def shifted(self, part: slice) -> slice:
        """Return where a part of the signal stands in what was received."""
        shift = round(self.offset_at((part.start + part.stop) / 2))
        return slice(part.start + shift, part.stop + shift)

    def steady(self, part: slice) -> bool:
        """Whether no jump fell between the chirps around a part."""
        return not any(
            self._before(part.start) <= jump.at_s * SAMPLE_RATE_HZ <= self._behind(part.stop)
            for jump in self.jumps
        )

    def _before(self, sample: int) -> float:
        earlier = self.sent[self.sent <= sample]
        return float(earlier[-1]) if len(earlier) else -np.inf

    def _behind(self, sample: int) -> float:
        later = self.sent[self.sent >= sample]
        return float(later[0]) if len(later) else np.inf


def find_chirps(signal: ProbeSignal, heard: Heard, carriers: Carriers | None = None) -> Timing:
    """Find each chirp: coarsely in all that was heard, then to a fraction of a sample.

    A signal turned upside down is found as well: it is heard the same. With `carriers` a change of
    Opus' mode is told from drift.
    """
    chirp, low = decimated(signal.chirp), heard.low
    correlation = _correlation(low, chirp)
    if not len(correlation):
        return _timing([])
    if -correlation.min() > correlation.max():
        correlation, low = -correlation, -low
    peaks, _ = find_peaks(correlation, height=CORRELATION_LEAST, distance=len(chirp) // 2)
    starts = np.asarray(signal.chirp_starts)
    peaks = np.sort(peaks[np.argsort(correlation[peaks])[-PEAKS_MOST * len(starts) :]])
    found = []
    for number, peak in _matched(starts / LOW_STEP, peaks, correlation[peaks]):
        place = int(peaks[peak])
        exact = LOW_STEP * _refined(low, chirp, place)
        found.append((starts[number], exact - starts[number], float(correlation[place])))
    return _timing(found, carriers)


def _timing(found: list[tuple[float, float, float]], carriers: Carriers | None = None) -> Timing:
    sent, offsets, resemblance = np.array(found, float).reshape(-1, 3).T
    if len(sent) < 2:
        return Timing(sent, offsets, resemblance)
    steps = _steps(sent, offsets)
    drift, uncertainty = _drift(sent, _by_clocks(sent, offsets, carriers), steps)
    jumps = tuple(
        DelayJump(
            at_s=float(sent[step - 1] + sent[step]) / 2 / SAMPLE_RATE_HZ,
            by_ms=_by(sent, offsets, step, drift or 0.0) * 1000 / SAMPLE_RATE_HZ,
        )
        for step in steps
    )
    return Timing(sent, offsets, resemblance, jumps, _ppm(drift), _ppm(uncertainty))


def _steps(sent: NDArray[np.float64], offsets: NDArray[np.float64]) -> list[int]:
    """Return before which chirps the offset steps by more than drift explains.

    The median of neighbours' slopes is the drift whatever a few steps do to the rest.
    """
    spans, changes = np.diff(sent), np.diff(offsets)
    slope = float(np.clip(np.median(changes / spans), -DRIFT_MOST, DRIFT_MOST))
    least = JUMP_LEAST_MS * SAMPLE_RATE_HZ / 1000
    return [int(i) + 1 for i in np.flatnonzero(np.abs(changes - slope * spans) > least)]


def _by(sent: NDArray[np.float64], offsets: NDArray[np.float64], step: int, drift: float) -> float:
    return float(offsets[step] - offsets[step - 1] - drift * (sent[step] - sent[step - 1]))


def _by_clocks(
    sent: NDArray[np.float64], offsets: NDArray[np.float64], carriers: Carriers | None
) -> NDArray[np.float64]:
    """Return the offsets less the codec's own share of them; NaN where it is not known."""
    if carriers is None:
        return offsets
    late_s = [carriers.delay_s(_told(s), _told(s + o)) for s, o in zip(sent, offsets, strict=True)]
    return np.asarray(offsets - SAMPLE_RATE_HZ * np.array(late_s, float))


def _told(start: float) -> slice:
    """Return the stretch of a chirp that tells its place: where it sweeps `EXACT_HZ`."""
    first, last = (CHIRP_S * SAMPLE_RATE_HZ * swept_share(hz, CHIRP_HZ) for hz in EXACT_HZ)
    return slice(int(start + first), int(start + last))


def _drift(
    sent: NDArray[np.float64], offsets: NDArray[np.float64], steps: list[int]
) -> tuple[float | None, float | None]:
    """Return the drift by Theil and Sen over the chirps between two steps, and its 95 % interval.

    Pairs that lie close together tell little: only those far apart are taken.
    """
    pieces = [p[np.isfinite(offsets[p])] for p in np.split(np.arange(len(sent)), steps)]
    pieces = [piece for piece in pieces if len(piece) >= 2]
    longest = max((float(np.ptp(sent[piece])) for piece in pieces), default=0.0)
    if longest < BASELINE_LEAST_S * SAMPLE_RATE_HZ:
        return None, None
    slopes = [
        (offsets[j] - offsets[i]) / (sent[j] - sent[i])
        for piece in pieces
        for i, j in combinations(piece, 2)
        if sent[j] - sent[i] >= BASELINE_SHARE * longest
    ]
    drift = float(np.median(slopes))
    left = [offsets[p] - drift * sent[p] for p in pieces]
    unrest = np.concatenate([x - np.median(x) for x in left])
    lever = sum(float(np.sum(np.square(sent[p] - sent[p].mean()))) for p in pieces)
    by_chance = CONFIDENCE * 1.4826 * float(np.median(np.abs(unrest))) / np.sqrt(lever)
    steps_between = np.concatenate([np.diff(x) for x in left])
    switched = np.abs(steps_between).max() > CODEC_STEP_S / 9 * SAMPLE_RATE_HZ
    by_codec = CODEC_STEP_S * SAMPLE_RATE_HZ / longest if switched else 0.0
    return drift, max(float(by_chance), by_codec)


def _ppm(ratio: float | None) -> float | None:
    return None if ratio is None else ratio * 1e6


def _correlation(sound: NDArray[np.float32], chirp: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the normalized correlation with the chirp at each start, -1 to 1."""
    if len(sound) < len(chirp):
        return np.zeros(0, np.float32)
    raw = oaconvolve(sound, chirp[::-1], mode="valid")
    power = np.cumsum(np.square(sound, dtype=np.float64))
    energy = power[len(chirp) - 1 :].copy()
    energy[1:] -= power[: -len(chirp)]
    # Below -70 dBFS there is nothing to compare with: rounding noise must not pass for a chirp.
    floor = len(chirp) * 10**-7
    norm = float(np.linalg.norm(chirp)) * np.sqrt(np.maximum(energy, floor))
    return np.asarray(np.where(energy > floor, raw / norm, 0.0), np.float32)


def _matched(
    starts: NDArray[np.float64], peaks: NDArray[np.intp], heights: NDArray[np.float32]
) -> list[tuple[int, int]]:
    """Return which peak is which chirp: the order that explains most with the fewest jumps.

    Each pair is worth its resemblance; each change of the offset costs.
    """
    pairs = [(i, j) for i in range(len(starts)) for j in range(len(peaks))]
    best: list[tuple[float, int]] = []
    for number, (i, j) in enumerate(pairs):
        away_s = abs(peaks[j] - starts[i]) / LOW_RATE_HZ
        worth, before = -LATE_PER_S * float(away_s), -1
        for earlier, (k, m) in enumerate(pairs[:number]):
            if k < i and m < j:
                change = abs((peaks[j] - peaks[m]) - (starts[i] - starts[k]))
                steady = STEADY_S * LOW_RATE_HZ
                steady += DRIFT_MOST * (starts[i] - starts[k])
                value = best[earlier][0]
                if change > steady:  # of two that explain as much, the smaller jump
                    value -= PENALTY + PENALTY_PER_S * change / LOW_RATE_HZ
                worth, before = max((worth, before), (value, earlier))
        best.append((worth + float(heights[j]), before))
    chain: list[tuple[int, int]] = []
    at = int(np.argmax([worth for worth, _ in best])) if best else -1
    while at >= 0:
        chain.insert(0, pairs[at])
        at = best[at][1]
    return chain


def _refined(low: NDArray[np.float32], chirp: NDArray[np.float32], place: int) -> float:
    """Return a correlation peak's place to a fraction: upsampled, then a parabola."""
    around = 24
    begins = max(0, place - around)
    heard = low[begins : place + len(chirp) + around]
    size = next_fast_len(len(heard) + len(chirp), real=True)
    cross = rfft(heard.astype(np.float64), size) * np.conj(rfft(chirp.astype(np.float64), size))
    frequency_hz = np.fft.rfftfreq(size, 1 / LOW_RATE_HZ)
    cross[(frequency_hz < EXACT_HZ[0]) | (frequency_hz > EXACT_HZ[1])] = 0
    fine = irfft(cross, size * UPSAMPLING)[: (2 * around + 1) * UPSAMPLING]
    top = int(np.argmax(fine))
    return begins + (top + _bend(fine, top)) / UPSAMPLING


def _bend(values: NDArray[np.float64], index: int) -> float:
    """Return how far beside a maximum the parabola through its neighbours peaks."""
    if not 0 < index < len(values) - 1:
        return 0.0
    left, top, right = values[index - 1 : index + 2]
    bend = left - 2 * top + right
    return float(0.5 * (left - right) / bend) if bend else 0.0
