"""Calls in which nothing is wrong, and what the limits make of them: nothing, every time."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from polyai_diag.analysis.audio import limits
from polyai_diag.analysis.audio.loopback import LoopbackFacts, analyze_loopback
from polyai_diag.analysis.audio.signal import probe_signal
from tests.bench import artefacts as make
from tests.bench.figure import Figure
from tests.bench.opus_path import MODES, there_and_back

QUICK, THOROUGH = 160, 40
SPEED_ROUNDS = 5


@dataclass(frozen=True)
class Healthy:
    """A call as good ones are: a little noise, a little drift, some delay, up to 2 % lost."""

    seed: int
    thorough: bool

    def facts(self) -> LoopbackFacts:
        rng = np.random.default_rng(5000 + self.seed)
        signal = probe_signal(thorough=self.thorough)
        sound = make.tailed(signal.pcm) * np.float32(make.decibels(float(rng.uniform(-8, 2))))
        sound, _ = make.stretched(sound, 1 + float(rng.uniform(-40e-6, 40e-6)))
        sound = make.delayed(sound, float(rng.uniform(0, 150)))
        noise = rng.normal(0, make.decibels(float(rng.uniform(-85, -62))), (len(sound), 1))
        arrived = there_and_back(
            sound + noise.astype(np.float32), MODES[self.seed % len(MODES)],
            loss=float(rng.choice([0, 0, 0.005, 0.01, 0.02])), seed=self.seed,
        )  # fmt: skip
        return analyze_loopback(signal, *arrived)


def findings(facts: LoopbackFacts) -> list[str]:
    """Return what the limits find wrong with these facts."""
    band = limits.RESPONSE_BAND_HZ
    pairs = (
        zip(facts.response.frequency_hz, facts.response.deviation_db, strict=True)
        if facts.response
        else ()
    )
    bent = [d for f, d in pairs if d is not None and band[0] <= f <= band[1]]
    wrong = {
        "silent": facts.level_dbfs < limits.SILENT_DBFS,
        "quiet": (facts.gain_db or 0) < limits.QUIET_GAIN_DB,
        "distorted": (facts.thd_n_db or -99) > limits.THD_N_MOST_DB,
        "clipped": facts.clipped_runs > limits.CLIPPED_RUNS_MOST,
        "constant": abs(facts.dc or 0) > limits.DC_MOST,
        "noisy": (facts.noise_dbfs or -120) > limits.NOISE_MOST_DBFS,
        "hum": facts.hum is not None and facts.hum.level_dbfs > limits.HUM_MOST_DBFS,
        "bent": max(map(abs, bent), default=0) > limits.RESPONSE_MOST_DB,
        "narrow, its end lost": (facts.bandwidth_between_hz or (0, 2e4))[1] < limits.WIDE_BAND_HZ,
        "narrow": (facts.bandwidth_hz or 2e4) < limits.FULL_BAND_LEAST_HZ,
        "channels": facts.channels not in ("both", "mono sum", "not measured"),
        "dropouts": any(d.ms >= limits.DROPOUT_LEAST_MS for d in facts.dropouts),
        "echo": facts.echo is not None and facts.echo.level_db > limits.ECHO_MOST_DB,
        "jump": any(abs(j.by_ms) > limits.DELAY_JUMP_MOST_MS for j in facts.delay_jumps),
        "drift": abs(facts.drift_ppm or 0) > limits.DRIFT_MOST_PPM,
        "rate": abs((facts.rate_ratio or 1) - 1) > limits.RATE_RATIO_OFF,
        "lost": facts.chirps_found == 0,
    }
    return [name for name, is_wrong in wrong.items() if is_wrong]


def analysis_speed() -> float:
    """Return how long a second of the thorough probe takes to analyse, in ms on one core."""
    signal = probe_signal(thorough=True)
    arrived = there_and_back(make.tailed(signal.pcm), MODES[0])
    times = []
    for _ in range(SPEED_ROUNDS):
        started_s = time.process_time()
        analyze_loopback(signal, *arrived)
        times.append(time.process_time() - started_s)
    return 1000 * min(times) / signal.seconds


def figures() -> list[Figure]:
    """Measure them all."""
    calls = [Healthy(seed, thorough=False) for seed in range(QUICK)]
    calls += [Healthy(seed, thorough=True) for seed in range(QUICK, QUICK + THOROUGH)]
    found = {call: findings(call.facts()) for call in calls}
    wrong = {call.seed: names for call, names in found.items() if names}
    return [
        Figure(
            f"false findings in {len(calls)} healthy loopbacks", len(wrong), 0, "",
            str(wrong) if wrong else "",
        ),
        Figure(
            "analysis of a second of the thorough probe, one core", analysis_speed(), 10, "ms",
            "10 ms is 100 times as fast as it plays",
        ),
    ]  # fmt: skip
