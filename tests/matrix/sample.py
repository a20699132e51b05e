"""Which of the networks are played: those that nothing else can make, and a sample of the rest."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Protocol, TypeVar

from polyai_diag.sandbox.faults import NETWORK_ONLY
from tests.matrix.outcome import HEALTHY, SINGLE, VARIATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


class Network(Protocol):
    """A row of a table of networks."""

    @property
    def name(self) -> str: ...

    @property
    def named(self) -> tuple[str, ...]: ...


N = TypeVar("N", bound=Network)


def parametrize(metafunc: pytest.Metafunc, table: Sequence[N], sampled: int) -> None:
    """Give a test that takes `kind` and `row` those of the table that are drawn; `--whole`: all."""
    firsts = {row.named: row for row in reversed(table) if set(row.named) & set(NETWORK_ONLY)}
    others = [row for row in table if row not in firsts.values()]
    if not metafunc.config.getoption("--whole"):
        draw = random.Random(metafunc.config.getoption("--seed"))  # noqa: S311 - not a secret
        others = draw.sample(others, sampled)
    drawn = [
        *((SINGLE, row) for row in firsts.values()),
        *((VARIATION if row.named else HEALTHY, row) for row in others),
    ]
    metafunc.parametrize(("kind", "row"), drawn, ids=[row.name for _, row in drawn])
