"""The way to the gateway out of networks of the test's own, and the cause named."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from polyai_diag.sandbox.faults import NETWORK_ONLY
from tests.aio import in_loop_for
from tests.matrix.outcome import PROPERTY, SINGLE, VARIATION, outcome
from tests.real.ice_networks import missed
from tests.real.reaching_networks import WAYS, Way, reached

pytestmark = pytest.mark.root
SAMPLED = 6


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All of the table on request; else what only a network can make, and a sample."""
    firsts = {way.named: way for way in reversed(WAYS) if set(way.named) & set(NETWORK_ONLY)}
    others = [way for way in WAYS if way not in firsts.values()]
    if not metafunc.config.getoption("--whole"):
        draw = random.Random(metafunc.config.getoption("--seed"))  # noqa: S311 - not a secret
        others = draw.sample(others, SAMPLED)
    drawn = [*((SINGLE, way) for way in firsts.values()), *((VARIATION, way) for way in others)]
    metafunc.parametrize(("kind", "way"), drawn, ids=[way.name for _, way in drawn])


@in_loop_for(40)
async def test_the_cause_is_named_alone(
    kind: str, way: Way, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    report = await reached(way, tmp_path)
    record_property(PROPERTY, outcome(kind, way.name, way.named, report))
    assert missed(way, report) == ""
