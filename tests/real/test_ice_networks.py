"""Whole calls out of networks of the test's own, each with one thing wrong, and the cause named."""

from pathlib import Path

import pytest

from tests.aio import in_loop_for
from tests.real.ice_networks import TABLE, Row, called, missed

pytestmark = [pytest.mark.coturn, pytest.mark.root]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
@in_loop_for(80)
async def test_the_cause_is_named_alone(row: Row, tmp_path: Path) -> None:
    report = await called(row, tmp_path)
    assert missed(row, report) == ""
