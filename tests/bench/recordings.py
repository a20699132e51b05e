"""Recordings: what an hour costs, that healthy ones show no fault, and two opinions on quality."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import wave
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from polyai_diag.analysis.audio.perceptual import PerceptualError, visqol_mos
from polyai_diag.analysis.audio.unreferenced import unreferenced_facts
from polyai_diag.analysis.e_model import estimate
from polyai_diag.analysis.recorded import recorded
from polyai_diag.causes import judge
from tests.bench.figure import Figure
from tests.unit.coded import coded
from tests.unit.talk import healthy_seed, talk

RATE_HZ = 48_000
HEALTHY = 120
WAYS: tuple[tuple[str, str, int] | None, ...] = (
    None, ("libopus", "ogg", 24_000), ("libopus", "ogg", 64_000), ("libmp3lame", "mp3", 64_000),
    ("pcm_mulaw", "wav", 0), ("pcm_u8", "wav", 0), ("g722", "g722", 0), ("aac", "adts", 48_000),
)  # fmt: skip
LOSSES_PERCENT = (0, 1, 3, 5, 10)
MEASURE = """
import json, resource, sys, time
from polyai_diag import analyze_recording
started = time.process_time()
facts = analyze_recording(sys.argv[1])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
unit = 1 if sys.platform == "darwin" else 1024
print(json.dumps([facts.seconds, time.process_time() - started, peak * unit / 1e6]))
"""


def an_hour(channels: int) -> tuple[float, float]:
    """Return how many times real time an hour is read at, by CPU time, and its peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hour.wav"
        sides = [talk(60, seed) for seed in range(channels)]
        minute = (np.stack(sides, axis=1) * 32767).astype("<i2").tobytes()
        with wave.open(str(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            for _ in range(60):
                file.writeframesraw(minute)
        said = subprocess.run(
            [sys.executable, "-c", MEASURE, str(path)], check=True, capture_output=True, text=True
        )
    seconds, cpu_s, peak_mb = json.loads(said.stdout)
    return seconds / cpu_s, peak_mb


def false_faults() -> list[str]:
    """Return what was named in recordings that are in order: levels, rates, noises, codecs."""
    found = []
    for number in range(HEALTHY):
        how: dict[str, Any] = healthy_seed(number)
        rate_hz = how["rate_hz"]
        sound = talk(10, **how)[:, None].astype(np.float32)
        way = WAYS[number % len(WAYS)]
        if way is not None:
            sound, rate_hz = coded(sound, rate_hz, *way)
        facts = unreferenced_facts(sound, rate_hz)
        named = judge(recorded("call.wav", facts, datetime.now(UTC)))
        found += [f"{number} {way}: {finding.summary}" for finding in named]
    return found


def opinions() -> list[str]:
    """Return what the E-model and ViSQOL say of one sound whose 20 ms frames are lost."""
    sent = talk(12, 3)[:, None].astype(np.float32)
    lines = []
    for loss in LOSSES_PERCENT:
        received = coded(sent, RATE_HZ, "libopus", "ogg", 32_000)[0][: len(sent)].copy()
        for at in np.random.default_rng(loss).permutation(600)[: 6 * loss]:
            received[at * 960 : (at + 1) * 960] = 0
        listening = visqol_mos(sent, received, RATE_HZ)
        planned = estimate(one_way_ms=0, loss_percent=loss)
        lines.append(f"{loss} % lost: E-model {planned.mos:.2f}, ViSQOL {listening:.2f}")
    return lines


def figures() -> list[Figure]:
    """Measure them all."""
    found = []
    for channels, name in ((1, "mono"), (2, "stereo")):
        speed, peak_mb = an_hour(channels)
        hour_s = 3600 / speed
        figure = Figure(f"CPU time for an hour's recording, {name}", hour_s, 18, "s")
        found.append(figure)
        found.append(Figure(f"peak memory of that, {name}", peak_mb, 500, "MB"))
    wrong = false_faults()
    name = f"faults named in {HEALTHY} healthy recordings"
    found.append(Figure(name, len(wrong), 0, "", "; ".join(wrong[:5])))
    try:
        print(*opinions(), sep="\n")
    except PerceptualError as exc:
        print(f"not measured: {exc}")
    return found


if __name__ == "__main__":
    print(*figures(), sep="\n")
