"""Whole calls out of networks of the test's own, each with one thing wrong, and the cause named."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from polyai_diag.sandbox.faults import NETWORK_ONLY
from tests.aio import in_loop_for
from tests.matrix.outcome import HEALTHY, PROPERTY, SINGLE, VARIATION, outcome
from tests.real.ice_networks import Row, called, missed
from tests.real.ice_table import TABLE

pytestmark = [pytest.mark.coturn, pytest.mark.root]
SAMPLED = 12


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All of the table on request; else what only a network can make, and a sample."""
    if "row" not in metafunc.fixturenames:
        return
    firsts = {row.named: row for row in reversed(TABLE) if set(row.named) & set(NETWORK_ONLY)}
    others = [row for row in TABLE if row not in firsts.values()]
    if not metafunc.config.getoption("--whole"):
        draw = random.Random(metafunc.config.getoption("--seed"))  # noqa: S311 - not a secret
        others = draw.sample(others, SAMPLED)
    drawn = [
        *((SINGLE, row) for row in firsts.values()),
        *((VARIATION if row.named else HEALTHY, row) for row in others),
    ]
    metafunc.parametrize(("kind", "row"), drawn, ids=[row.name for _, row in drawn])


@in_loop_for(80)
async def test_the_cause_is_named_alone(
    kind: str, row: Row, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    report = await called(row, tmp_path)
    record_property(PROPERTY, outcome(kind, row.name, row.named, report))
    assert missed(row, report) == ""
