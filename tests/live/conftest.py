"""The whole table on request, a sample otherwise; the seed is printed, and can be given."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.live.cases import Case
from tests.live.table import HEALTHY, PAIRS, SINGLES, VARIATIONS

if TYPE_CHECKING:
    import pytest

SAMPLED = 5


def _drawn(config: pytest.Config) -> list[Case]:
    others = [*HEALTHY, *PAIRS, *VARIATIONS]
    if config.getoption("--whole"):
        return [Case("healthy"), *SINGLES, *others]
    draw = random.Random(config.getoption("--seed"))  # noqa: S311 - a sample, not a secret
    return [Case("healthy"), *SINGLES, *draw.sample(others, SAMPLED)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that takes a `case` the cases drawn."""
    if "case" in metafunc.fixturenames:
        cases = _drawn(metafunc.config)
        metafunc.parametrize("case", cases, ids=[case.name for case in cases])
