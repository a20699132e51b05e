"""The whole table on request, a sample otherwise; the seed is printed, and can be given."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.live.healthy_calls import healthy_calls
from tests.live.table import BY_KIND
from tests.matrix.outcome import HEALTHY, PAIR, VARIATION

if TYPE_CHECKING:
    import pytest

    from tests.live.cases import Case

SAMPLED = {VARIATION: 8, PAIR: 4, HEALTHY: 4}
HEALTHY_CALLS = 2
"""Drawn anew beside the sample; with the whole table 300 of them, or as many as is asked for."""
HEALTHY_CALLS_WHOLE = 300


def _drawn(config: pytest.Config) -> list[tuple[str, Case]]:
    draw = random.Random(config.getoption("--seed"))  # noqa: S311 - a sample, not a secret
    whole, wanted = config.getoption("--whole"), config.getoption("--kind")
    table = [
        (kind if case.named else HEALTHY, case)
        for kind, cases in BY_KIND.items()
        if wanted in (None, kind)
        for case in (cases if whole or kind not in SAMPLED else draw.sample(cases, SAMPLED[kind]))
    ]
    asked = config.getoption("--healthy-calls")
    count = (HEALTHY_CALLS_WHOLE if whole else HEALTHY_CALLS) if asked is None else asked
    if wanted not in (None, HEALTHY):
        count = 0
    return [*table, *((HEALTHY, c) for c in healthy_calls(config.getoption("--seed"), count))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that takes a `case` and its `kind` those drawn."""
    if "case" in metafunc.fixturenames:
        cases = _drawn(metafunc.config)
        metafunc.parametrize(("kind", "case"), cases, ids=[case.name for _, case in cases])
