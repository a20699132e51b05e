"""What the package costs on this machine: time, memory, imports."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.bench.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = [sys.executable, "-m", "polyai_diag"]
HEAVY = ("numpy", "aiortc", "websockets", "scipy", "matplotlib", "av")


def wall_s(*command: str) -> float:
    """Return how long a command takes."""
    started_s = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - started_s


def import_ms() -> float:
    """Return what importing the public names costs over a bare interpreter, median of 9 pairs."""
    public = "from polyai_diag import Target, diagnose, Report"
    pairs = [
        (wall_s(sys.executable, "-c", public), wall_s(sys.executable, "-c", "pass"))
        for _ in range(9)
    ]
    return 1000 * median(with_it - bare for with_it, bare in pairs)


def heavy_modules() -> float:
    """Return how many heavy packages importing the public names loads."""
    code = (
        "import sys; from polyai_diag import Target, diagnose, Report; "
        f"print(sum(name in sys.modules for name in {HEAVY!r}))"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(said.stdout)


@contextmanager
def sandbox() -> Iterator[dict[str, Any]]:
    """Serve a sandbox in a process of its own."""
    with subprocess.Popen([*COMMAND, "sandbox", "--json"], stdout=subprocess.PIPE, text=True) as p:
        assert p.stdout is not None
        try:
            yield json.loads(p.stdout.readline())
        finally:
            p.terminate()


def healthy_run() -> tuple[float, float]:
    """Return seconds and peak memory in MB of a whole healthy run, the sandbox apart."""
    code = (
        "import json, resource, sys, time; started = time.monotonic()\n"
        "from polyai_diag import Target, diagnose_sync\n"
        "d = json.load(sys.stdin)\n"
        "report = diagnose_sync(Target(d['signaling_url'], d['token'], ca_file=d['ca_file'], "
        "third_party=False))\n"
        "assert report.verdict == 'healthy', report\n"
        "report.to_html(); report.to_json()\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "unit = 1 if sys.platform == 'darwin' else 1024\n"
        "print(report.record.duration_ms / 1000, peak * unit / 1e6)"
    )
    with sandbox() as described:
        said = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(described), check=True, capture_output=True, text=True,
        )  # fmt: skip
    run_s, peak_mb = said.stdout.split()
    return float(run_s), float(peak_mb)


def figures() -> list[Figure]:
    """Measure them all."""
    run_s, peak_mb = healthy_run()
    return [
        Figure("healthy run of all nine steps on loopback", run_s, 12, "s"),
        Figure("peak memory of that run with its HTML report", peak_mb, 250, "MB"),
        Figure(
            "import of Target, diagnose, Report over a bare interpreter", import_ms(), 120, "ms"
        ),
        Figure(f"of these loaded by it: {', '.join(HEAVY)}", heavy_modules(), 0, ""),
        Figure(
            "polyai-diag --help", median(wall_s(*COMMAND, "--help") for _ in range(5)), 0.3, "s"
        ),
    ]
