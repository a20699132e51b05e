"""What is put on the probe, and by how much the instrument misses it."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import sosfreqz

from polyai_diag.analysis.audio.limits import CLIPPED_RUNS_MOST
from polyai_diag.analysis.audio.loopback import LoopbackFacts, analyze_loopback
from polyai_diag.analysis.audio.signal import ProbeSignal, probe_signal
from tests.bench import artefacts as make
from tests.bench.opus_path import (
    LOOK_AHEAD_MS,
    MODES,
    SWITCHING,
    Arrived,
    Mode,
    there_and_back,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

WRONG = math.inf  # not found, found where nothing is, or of another kind
Missed = tuple[str, float | None]  # the metric, and its error; None where it was not measured


@dataclass(frozen=True)
class Variation:
    """One run: its seed decides all that varies."""

    seed: int
    thorough: bool
    loss: float
    override: Mode | None = None

    @property
    def signal(self) -> ProbeSignal:
        return _signal(self.thorough)

    @property
    def mode(self) -> Mode:
        return self.override or MODES[self.seed % len(MODES)]

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(1000 + self.seed)

    def heard(
        self,
        sound: NDArray[np.float32],
        between: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
    ) -> LoopbackFacts:
        return analyze_loopback(self.signal, *self.arrived(sound, between))

    def arrived(
        self,
        sound: NDArray[np.float32],
        between: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
    ) -> Arrived:
        return there_and_back(
            make.tailed(sound), self.mode, loss=self.loss, seed=self.seed,
            between=between or (lambda s: s),
        )  # fmt: skip


@functools.cache
def _signal(thorough: bool) -> ProbeSignal:
    return probe_signal(thorough=thorough)


def _off(measured: float | None, truth: float) -> float | None:
    return None if measured is None else abs(measured - truth)


def delay_level_and_noise(v: Variation) -> Iterator[Missed]:
    """A delay, a gain, and noise in the silence."""
    rng, signal = v.rng(), v.signal
    delay_ms, gain_db = float(rng.uniform(0, 400)), float(rng.uniform(-12, 4))
    sound = signal.pcm * make.decibels(gain_db)
    tilt, level = float(rng.choice([-3, -1, 0])), float(rng.uniform(-65, -45))
    centres = [1000 * 10 ** (n / 10) for n in range(-10, 11)]
    bands = {c: level + tilt * math.log2(c / 1000) for c in centres}
    noise = make.third_octave_noise(rng, signal.silence.stop, bands)
    sound[signal.silence] += noise[:, None]
    sound = make.delayed(sound.astype(np.float32), delay_ms)
    facts = v.heard(sound)
    offset = facts.offset_samples
    yield "delay", _off(None if offset is None else offset / 48, delay_ms + LOOK_AHEAD_MS)
    yield "gain", _off(facts.gain_db, gain_db)
    total = 10 * math.log10(sum(10 ** (band / 10) for band in bands.values()))
    if not v.mode.hybrid:
        yield from _noise(facts, " (CELT)", gain_db, total, bands)
        return
    came = _silence_out_of_the_codec(v, sound, delay_ms)
    came_total, came_bands = make.rms_dbfs(came), make.third_octaves_dbfs(came, centres)
    yield from _noise(facts, " (hybrid)", gain_db, came_total, came_bands)
    if not v.loss:
        yield "noise SILK takes, in all", abs(came_total - total)
        taken = max(abs(came_bands[c] - bands[c]) for c in centres)
        yield "noise SILK takes, worst third octave", taken


def _silence_out_of_the_codec(
    v: Variation, sound: NDArray[np.float32], delay_ms: float
) -> NDArray[np.float32]:
    """Return what both passes make of the silence, cut out where it is known to stand.

    SILK keeps a talker's noise by no contract: what is to be measured is what came out of it.
    """
    whole = replace(v, loss=0.0).arrived(sound).sound
    begins = round((delay_ms + LOOK_AHEAD_MS) * 48)
    return whole[begins : begins + v.signal.silence.stop]


def _noise(
    facts: LoopbackFacts, kind: str, gain_db: float, total: float, bands: dict[float, float]
) -> Iterator[Missed]:
    yield "noise floor" + kind, _off(facts.noise_dbfs, total)
    yield "SNR" + kind, _off(facts.snr_db, gain_db - 20 - total)
    yield "third octaves" + kind, _worst_band(facts, bands)


def _worst_band(facts: LoopbackFacts, bands: dict[float, float]) -> float | None:
    if facts.noise_bands is None:
        return None
    measured = dict(zip(facts.noise_bands.frequency_hz, facts.noise_bands.level_dbfs, strict=True))
    return max(abs(measured[round(c, 1)] - level) for c, level in bands.items())


def distortion(v: Variation) -> Iterator[Missed]:
    """A harmonic beside the tone, well over what Opus adds itself."""
    rng, signal = v.rng(), v.signal
    level_db = float(rng.uniform(-22, -12))
    sound = make.with_harmonics(signal.pcm, signal.tone, {int(rng.integers(2, 8)): level_db})
    facts = v.heard(sound * np.float32(make.decibels(float(rng.uniform(-12, 4)))))
    yield "THD+N", _off(facts.thd_n_db, level_db)
    yield "SINAD", _off(facts.sinad_db, 10 * math.log10(1 + 10 ** (-level_db / 10)))


def drift(v: Variation) -> Iterator[Missed]:
    """Two clocks that differ."""
    ppm = float(v.rng().uniform(20, 300)) * (-1) ** v.seed
    sound, ratio = make.stretched(make.tailed(v.signal.pcm), 1 + ppm * 1e-6)
    truth_ppm = (1 / ratio - 1) * 1e6
    yield "clock drift", _off(v.heard(sound).drift_ppm, truth_ppm)
    switching = replace(v, override=SWITCHING).heard(sound)
    yield "clock drift, SILK to CELT and back", _off(switching.drift_ppm, truth_ppm)


def jump(v: Variation) -> Iterator[Missed]:
    """A delay that steps once, up or down, somewhere between the first chirp and the last."""
    rng, starts = v.rng(), v.signal.chirp_starts
    step = int(rng.integers(48, 4800)) * (-1) ** v.seed
    at = int(rng.uniform(starts[0] + 12_000, starts[-1]))
    around = [s for s in starts if s <= at < s + 12_000]
    at = around[0] + 12_100 if around else at  # a chirp torn in two is two halves of the truth

    def stepped(sound: NDArray[np.float32]) -> NDArray[np.float32]:
        there = at + 312
        filling = sound[max(0, there - max(step, 0)) : there]
        return np.concatenate([sound[:there], filling, sound[there + max(0, -step) :]])

    facts = v.heard(v.signal.pcm, stepped)
    if "delay_jumps" in facts.not_measured:
        yield "delay jump", None
    elif len(facts.delay_jumps) != 1:
        yield "delay jump", WRONG
    else:
        (found,) = facts.delay_jumps
        yield "delay jump", abs(found.by_ms - step / 48)


def hum(v: Variation) -> Iterator[Missed]:
    """Mains' hum while nothing else is heard: from 100 Hz up, or at 50 or 60 Hz as well."""
    rng, signal = v.rng(), v.signal
    mains_hz, level = (50.0, 60.0)[v.seed % 2], float(rng.uniform(-54, -35))
    fundamental = v.seed % 3 == 0
    numbers = [1, 2, 3, 5] if fundamental else [2, 3, 4, 6]
    levels = {n: level - 2 * place for place, n in enumerate(numbers)}
    sound = signal.pcm.copy()
    sound[signal.silence] += make.hum(signal.silence.stop, mains_hz, levels)[:, None]
    facts = v.heard(sound)
    total = 10 * math.log10(sum(10 ** (band / 10) for band in levels.values()))
    metric = "hum with its fundamental" if fundamental else "hum from 100 Hz up"
    if "hum" in facts.not_measured:
        yield metric, None
    elif facts.hum is None or facts.hum.mains_hz != mains_hz:
        yield metric, WRONG
    else:
        yield metric, abs(facts.hum.level_dbfs - total)


def response(v: Variation) -> Iterator[Missed]:
    """A bent spectrum."""
    sound, sos = make.equalised(v.signal.pcm, v.rng())
    facts = v.heard(sound)
    if facts.response is None:
        yield "frequency response", None
        return
    pairs = zip(facts.response.frequency_hz, facts.response.deviation_db, strict=True)
    known = [(f, d) for f, d in pairs if d is not None and 200 <= f <= 7000]
    if not known:
        yield "frequency response", None
        return
    middle = _analytic_db(sos, np.linspace(800, 1250, 50)).mean()
    truth = _analytic_db(sos, np.array([f for f, _ in known])) - middle
    yield "frequency response", float(np.max(np.abs(truth - [d for _, d in known])))


def _analytic_db(
    sos: NDArray[np.float64], frequency_hz: NDArray[np.float64]
) -> NDArray[np.float64]:
    _, answer = sosfreqz(sos, frequency_hz, fs=make.RATE_HZ)
    return np.asarray(20 * np.log10(np.abs(answer)))


def bandwidth(v: Variation) -> Iterator[Missed]:
    """A telephone's band, or a wide one."""
    edge_hz = (3400.0, 7000.0)[v.seed % 2]
    sound, truth_hz = make.band_limited(v.signal.pcm, edge_hz, ("butter", "ellip")[v.seed // 2 % 2])
    yield "bandwidth", _off(v.heard(sound).bandwidth_hz, truth_hz)


def echo(v: Variation) -> Iterator[Missed]:
    """A second arrival, 20 to 160 ms late."""
    rng = v.rng()
    delay_ms = float(rng.uniform(20, 160))
    level_db = float(rng.uniform(-35 if v.mode.hybrid else -50, -20))
    facts = v.heard(make.with_echo(make.tailed(v.signal.pcm), delay_ms, level_db))
    kind = " (hybrid)" if v.mode.hybrid else " (CELT)"
    if "echo" in facts.not_measured:
        yield "echo level" + kind, None
    elif facts.echo is None or abs(facts.echo.delay_ms - delay_ms) > 0.5:
        yield "echo level" + kind, WRONG
    else:
        yield "echo level" + kind, abs(facts.echo.level_db - level_db)


def dropouts(v: Variation) -> Iterator[Missed]:
    """Sound cut out, repeated or spoiled."""
    rng, part = v.rng(), v.signal.noise
    put: list[tuple[int, int, str]] = []
    at = part.start + int(rng.integers(4800, 9600))
    while True:
        samples = int(rng.uniform(960, 9600))
        if at + samples > part.stop - 4800:
            break
        put.append((at, samples, ("silence", "repeat", "abrupt")[int(rng.integers(3))]))
        at += samples + int(rng.uniform(9600, 24_000))

    def broken(sound: NDArray[np.float32]) -> NDArray[np.float32]:
        late = [(start + 312, samples, kind) for start, samples, kind in put]
        return make.with_dropouts(sound, late, rng)

    arrived = v.arrived(v.signal.pcm, broken)
    facts = analyze_loopback(v.signal, *arrived)
    if "dropouts" in facts.not_measured:
        yield "dropouts missed or false", None
        return
    yield from _compared(facts, put, arrived.lost)


def _compared(
    facts: LoopbackFacts, put: list[tuple[int, int, str]], lost: NDArray[np.bool_]
) -> Iterator[Missed]:
    """Match what was put on with what was found; what a lost packet touches may be either."""
    found = list(facts.dropouts)
    wrong, unlike, length = 0, 0, 0.0
    for start, samples, kind in put:
        its = [d for d in found if start / 48_000 - 0.03 < d.at_s < (start + samples) / 48_000]
        found = [d for d in found if d not in its]
        if lost[start + 624 - 4800 : start + samples + 624 + 2400].any():
            continue
        wrong += len(its) != 1
        if len(its) == 1:
            unlike += its[0].kind != kind
            length = max(length, abs(its[0].ms - samples / 48))
    yield "dropouts missed or false", float(wrong + len(found))
    yield "dropouts of another kind", float(unlike)
    yield "dropout length", length


def wrong_rate(v: Variation) -> Iterator[Missed]:
    """44.1 kHz taken for 48, or 48 for 44.1."""
    sound, ratio = make.stretched(make.tailed(v.signal.pcm), (44.1 / 48, 48 / 44.1)[v.seed % 2])
    # `stretched` plays faster by `ratio`: so much higher is its pitch.
    facts = v.heard(sound)
    measured = facts.rate_ratio
    yield "wrong rate", None if measured is None else 100 * abs(measured / ratio - 1)


def clipping(v: Variation) -> Iterator[Missed]:
    """Driven over full scale by a known amount, or as loud as can be without it."""
    rng = v.rng()
    over = float(rng.uniform(1.2, 2.0))
    sound = np.clip(v.signal.pcm * (over / (0.1 * math.sqrt(2))), -1, 1).astype(np.float32)
    facts = v.heard(sound)
    yield "clipping not seen", float(facts.clipped_runs <= CLIPPED_RUNS_MOST)
    kind = " (hybrid)" if v.mode.hybrid else " (CELT)"
    yield "clipped tone's THD+N" + kind, _off(facts.thd_n_db, make.clipped_tone_thd_db(over))
    healthy = v.heard(v.signal.pcm * np.float32(make.decibels(float(rng.uniform(-12, 0)))))
    yield "clipping seen falsely", float(healthy.clipped_runs > 0)


def channels(v: Variation) -> Iterator[Missed]:
    """Each fault of the channels, where the codec has two; a constant behind the decoder."""
    if v.mode.channels == 1:
        return
    kinds = ("both", "swapped", "left dead", "right dead", "mono sum")
    matrices = (
        [[1, 0], [0, 1]],
        [[0, 1], [1, 0]],
        [[0, 0], [0, 1]],
        [[1, 0], [0, 0]],
        [[0.5, 0.5], [0.5, 0.5]],
    )
    number = v.seed // 2 % len(kinds)
    facts = v.heard(v.signal.pcm @ np.array(matrices[number], np.float32))
    if facts.channels == "not measured":
        yield "channels", None
    else:
        yield "channels", 0.0 if facts.channels == kinds[number] else WRONG


def constant(v: Variation) -> Iterator[Missed]:
    """A constant that arose behind the decoder."""
    size = float(v.rng().uniform(-0.1, 0.1))
    arrived = v.arrived(v.signal.pcm)
    arrived.sound[:, v.seed % 2] += size
    facts = analyze_loopback(v.signal, *arrived)
    yield "DC", _off(facts.dc, size)


CASES = (
    delay_level_and_noise,
    distortion,
    drift,
    jump,
    hum,
    response,
    bandwidth,
    echo,
    dropouts,
    wrong_rate,
    clipping,
    channels,
    constant,
)
