"""A part of the table of accuracies (`python -m tests.bench.accuracy` has the whole)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bench.accuracy import ACCURACY
from tests.bench.accuracy_cases import CASES, Missed, Variation, delay_level_and_noise
from tests.bench.healthy import Healthy, findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUNS = [Variation(0, thorough=False, loss=0.0), Variation(1, thorough=False, loss=0.03)]


@pytest.mark.parametrize("variation", RUNS, ids=["nothing lost", "3 % lost"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_an_artefact_of_known_size_is_measured(
    case: Callable[[Variation], Iterator[Missed]], variation: Variation
) -> None:
    for metric, error in case(variation):
        accuracy = ACCURACY[metric]
        if variation.loss:
            most = max(accuracy.quick, accuracy.under_loss or 0)
            assert error is None or error <= most, metric
        else:
            assert error is not None, f"{metric}: not measured"
            assert error <= accuracy.quick, metric


def test_noise_is_measured_as_it_came_whatever_the_codec_took() -> None:
    hybrid = Variation(1, thorough=False, loss=0.0)
    missed = dict(delay_level_and_noise(hybrid))
    for metric in ("noise floor (hybrid)", "SNR (hybrid)", "third octaves (hybrid)"):
        error = missed[metric]
        assert error is not None
        assert error <= ACCURACY[metric].quick, metric
    taken = missed["noise SILK takes, worst third octave"]
    assert taken is not None
    assert 3 < taken <= ACCURACY["noise SILK takes, worst third octave"].quick


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_found_in_a_healthy_call(seed: int) -> None:
    assert findings(Healthy(seed, thorough=False).facts()) == []
