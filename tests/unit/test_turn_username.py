"""The time that a REST user name carries."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.analysis.turn_username import expires_at

MOMENT = datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)


@pytest.mark.parametrize("username", ["1600000000", "1600000000:bob", "bob:1600000000"])
def test_the_three_forms(username: str) -> None:
    assert expires_at(username) == MOMENT


@pytest.mark.parametrize(
    "username",
    [
        None,
        "",
        "bob",
        "bob:room:7",
        "16000000000:bob",
        "160000000:bob",
        "a:1600000000:b",
        "١٦٠٠٠٠٠٠٠٠",
    ],
)
def test_no_time(username: str | None) -> None:
    assert expires_at(username) is None


@given(st.text())
def test_any_text_is_read(username: str) -> None:
    expires_at(username)
