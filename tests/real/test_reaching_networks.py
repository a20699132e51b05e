"""The way to the gateway out of networks of the test's own, and the cause named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.aio import in_loop_for
from tests.matrix.outcome import PROPERTY, outcome
from tests.matrix.sample import parametrize
from tests.real.ice_networks import missed
from tests.real.reaching_networks import WAYS, Way, reached

pytestmark = pytest.mark.root
SAMPLED = 6


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All of the table on request; else what only a network can make, and a sample."""
    parametrize(metafunc, WAYS, SAMPLED)


@in_loop_for(40)
async def test_the_cause_is_named_alone(
    kind: str, row: Way, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    report = await reached(row, tmp_path)
    record_property(PROPERTY, outcome(kind, row.name, row.named, report))
    assert missed(row, report) == ""
