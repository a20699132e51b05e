"""Every moment on request, a sample otherwise; the seed is printed, and can be given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.stress.moments import moments

if TYPE_CHECKING:
    import pytest

CANCELLED, SAMPLED_CANCELLED = 50, 10
TERMINATED, SAMPLED_TERMINATED = 20, 4


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that is stopped at a moment the moments drawn."""
    whole, seed = metafunc.config.getoption("--whole"), metafunc.config.getoption("--seed")
    drawn = {
        "cancelled": (CANCELLED if whole else SAMPLED_CANCELLED, ("its task", "the runner")),
        "terminated": (TERMINATED if whole else SAMPLED_TERMINATED, ("SIGTERM",)),
    }
    for name, (count, ways) in drawn.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, moments(seed, count, ways), ids=str)
