"""Whole calls out of networks of the test's own, each with one thing wrong, and the cause named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.aio import in_loop_for
from tests.matrix.outcome import PROPERTY, outcome
from tests.matrix.sample import parametrize
from tests.real.ice_networks import Row, called, missed
from tests.real.ice_table import TABLE

pytestmark = [pytest.mark.coturn, pytest.mark.root]
SAMPLED = 12


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All of the table on request; else what only a network can make, and a sample."""
    parametrize(metafunc, TABLE, SAMPLED)


@in_loop_for(80)
async def test_the_cause_is_named_alone(
    kind: str, row: Row, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    report = await called(row, tmp_path)
    record_property(PROPERTY, outcome(kind, row.name, row.named, report))
    assert missed(row, report) == ""
