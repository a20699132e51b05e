"""Fixtures of the tests against real programs."""

from collections.abc import Iterator

import pytest

from tests.real.coturn import Coturn, running_coturn


@pytest.fixture(scope="session")
def coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    """One coturn for all tests that need nothing special of it."""
    with running_coturn(tmp_path_factory.mktemp("coturn")) as running:
        yield running
