"""Fixtures of the tests with a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.real.coturn import Coturn, running_coturn

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    """One coturn for all tests with a browser."""
    with running_coturn(tmp_path_factory.mktemp("coturn")) as running:
        yield running
