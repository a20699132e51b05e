"""The instrument against known truth: each metric, two passes of real Opus, packets lost or not.

`python -m tests.bench.accuracy` prints the whole table (about 40 minutes of one core);
`make bench` prints it with the rest.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tests.bench import healthy
from tests.bench.accuracy_cases import CASES, Missed, Variation
from tests.bench.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LOSSES = (0.0, 0.01, 0.03, 0.05)
SEEDS = range(20)


@dataclass(frozen=True)
class Accuracy:
    """How far a metric may be off: the most of any variation."""

    unit: str
    thorough: float
    quick: float
    under_loss: float | None = None  # either form's, where it is wider than without loss
    why: str = ""  # what it is measured against, where that is not what was put on


SILK = "against what came out of the codec, by a plain spectrum of it"
TAKEN = "the codec's own doing, no error: put on, less what came out of it"

ACCURACY = {
    "delay": Accuracy("ms", 0.1, 0.1),
    "delay jump": Accuracy("ms", 0.1, 0.1),
    "clock drift": Accuracy("ppm", 1, 2, 3),
    "clock drift, SILK to CELT and back": Accuracy("ppm", 1, 2, 3),
    "gain": Accuracy("dB", 0.1, 0.1, 0.2),
    "THD+N": Accuracy("dB", 1, 1.5, 2),
    "SINAD": Accuracy("dB", 1, 1.5, 2),
    "noise floor (CELT)": Accuracy("dB", 1, 1),
    "SNR (CELT)": Accuracy("dB", 1, 1),
    "third octaves (CELT)": Accuracy("dB", 1, 2, 2),
    "noise floor (hybrid)": Accuracy("dB", 2, 2, why=SILK),
    "SNR (hybrid)": Accuracy("dB", 2, 2, why=SILK),
    "third octaves (hybrid)": Accuracy("dB", 2, 2, why=SILK),
    "noise SILK takes, in all": Accuracy("dB", 4, 4, why=TAKEN),
    "noise SILK takes, worst third octave": Accuracy("dB", 9, 9, why=TAKEN),
    "frequency response": Accuracy("dB", 0.3, 0.7, 2),
    "bandwidth": Accuracy("Hz", 300, 300),
    "echo level (CELT)": Accuracy("dB", 0.2, 0.3),
    "echo level (hybrid)": Accuracy("dB", 4, 4),
    "hum from 100 Hz up": Accuracy("dB", 0.5, 0.5, 1),
    "hum with its fundamental": Accuracy("dB", 1.5, 1.5),
    "wrong rate": Accuracy("%", 0.02, 0.02),
    "channels": Accuracy("wrong", 0, 0),
    "dropouts missed or false": Accuracy("", 0, 0),
    "dropouts of another kind": Accuracy("", 0, 0),
    "dropout length": Accuracy("ms", 15, 15, 20),
    "clipping not seen": Accuracy("", 0, 0),
    "clipping seen falsely": Accuracy("", 0, 0),
    "clipped tone's THD+N (CELT)": Accuracy("dB", 1, 1),
    "clipped tone's THD+N (hybrid)": Accuracy("dB", 2, 2),
    "DC": Accuracy("of full scale", 0.001, 0.001),
}


def missed(task: tuple[int, Variation]) -> list[Missed]:
    """Run one case in one variation."""
    number, variation = task
    return list(CASES[number](variation))


def table(
    seeds: Iterable[int] = SEEDS,
    losses: Sequence[float] = LOSSES,
    forms: Sequence[bool] = (True, False),
    processes: int = 2,
) -> list[Figure]:
    """Return one figure for each metric, form and loss: its worst error over all variations."""
    tasks = [
        (number, Variation(seed, thorough, loss))
        for number, loss, thorough, seed in product(range(len(CASES)), losses, forms, seeds)
    ]
    errors: dict[tuple[str, bool, float], list[float | None]] = defaultdict(list)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for (_, v), found in zip(tasks, pool.map(missed, tasks, chunksize=4), strict=True):
            for metric, error in found:
                errors[metric, v.thorough, v.loss].append(error)
    order = {metric: place for place, metric in enumerate(ACCURACY)}
    return [_figure(*key, errors[key]) for key in sorted(errors, key=lambda k: (order[k[0]], k))]


def _figure(metric: str, thorough: bool, loss: float, errors: list[float | None]) -> Figure:
    accuracy = ACCURACY[metric]
    most = accuracy.thorough if thorough else accuracy.quick
    if loss and accuracy.under_loss is not None:
        most = max(most, accuracy.under_loss)
    measured = [error for error in errors if error is not None]
    # Under loss all of it may have been masked; without, there is nothing to mask.
    worst = max(measured, default=0.0 if loss else math.inf)
    told = f"worst {worst:.3g}; {len(measured)} of {len(errors)} measured"
    if not measured:
        told = f"not measured in any of {len(errors)}"
    form = "thorough" if thorough else "quick"
    how = f"{told}; {accuracy.why}" if accuracy.why and not loss else told
    return Figure(f"{metric}, {form}, {loss:.0%} lost", worst, most, accuracy.unit, how)


def figures() -> list[Figure]:
    """Measure them all."""
    return [*table(), *healthy.figures()]


def main() -> int:
    """Print the table loss by loss (or for those given as arguments), as it comes."""
    met = True
    for loss in map(float, sys.argv[1:] or map(str, LOSSES)):
        for figure in table(losses=[loss]):
            print(f"{str(figure).splitlines()[0]}  {figure.how}", flush=True)
            met = met and figure.met
    for figure in healthy.figures():
        print(figure)
        met = met and figure.met
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
