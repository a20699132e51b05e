"""The verdict on UDP: when it falls, what overturns it, and how often bursts of loss deceive it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.analysis.udp import (
    ASKED_AT_S,
    Udp,
    decided_at_s,
    patience_s,
    standing,
    suspected_at_s,
)
from tests.bench.udp import falsely_blocked

ROUND_TRIPS_S = st.one_of(st.none(), st.floats(0, 5))


@pytest.mark.parametrize(
    ("control_s", "expected_s"), [(None, 0.5), (0.0, 0.5), (0.1, 0.5), (0.25, 0.75), (2.0, 1.0)]
)
def test_patience_follows_the_control(control_s: float | None, expected_s: float) -> None:
    assert patience_s(control_s) == pytest.approx(expected_s)


def test_two_stages() -> None:
    at = {s: standing(s, [], 0.05) for s in (0.0, 1.2, 1.26, 3.29, 3.31)}
    assert list(at.values()) == [
        Udp.WAITING, Udp.WAITING, Udp.SUSPECT, Udp.SUSPECT, Udp.BLOCKED,
    ]  # fmt: skip


def test_without_a_control_nobody_is_blamed() -> None:
    assert standing(10, [], None) is Udp.SILENT


@given(st.floats(0, 10), st.floats(0, 10), ROUND_TRIPS_S)
def test_any_answer_opens_however_late(now_s: float, answer_s: float, control_s: float) -> None:
    assert (standing(now_s, [answer_s], control_s) is Udp.OPEN) is (answer_s <= now_s)


@given(ROUND_TRIPS_S)
def test_the_verdict_stands_within_four_seconds(control_s: float | None) -> None:
    assert ASKED_AT_S[5] < suspected_at_s(control_s) < decided_at_s(control_s) < 4
    assert standing(4, [], control_s) in (Udp.BLOCKED, Udp.SILENT)


def test_bursts_of_loss_seldom_deceive() -> None:
    """A small one of the bench's simulation: ten in 100,000 would already be far too many."""
    assert falsely_blocked(20_000) <= 2


def test_requests_in_one_heap_would_be_deceived() -> None:
    """So that the simulation is known to find what it looks for: the spacing is the protection."""
    heap = tuple(0.001 * n for n in range(12))
    assert falsely_blocked(5_000, asked_at_s=heap) > 500
