"""A row of relayed packets: round trips, loss, jitter, and stalls told from loss."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.analysis.relayed import relayed_facts, throughput_kbps

SENT_S = [n * 0.02 for n in range(50)]


def test_a_steady_row() -> None:
    facts = relayed_facts(SENT_S, {n: at_s + 0.03 for n, at_s in enumerate(SENT_S)})
    assert (facts.sent, facts.lost, facts.loss_percent) == (50, 0, 0.0)
    assert facts.rtt_p50_ms == pytest.approx(30)
    assert facts.rtt_p95_ms == pytest.approx(30)
    assert facts.jitter_ms == pytest.approx(0, abs=1e-6)
    assert (facts.stalls, facts.longest_stall_ms) == (0, 0.0)
    assert facts.loss_interval_percent[0] == 0.0


def test_head_of_line_blocking_is_a_pause_and_then_a_bunch() -> None:
    held = {n: max(at_s, 0.5) + 0.03 for n, at_s in enumerate(SENT_S) if n < 15 or at_s >= 0.3}
    facts = relayed_facts(SENT_S, {n: (0.53 if 15 <= n <= 25 else SENT_S[n] + 0.03) for n in held})
    assert (facts.lost, facts.stalls) == (0, 1)
    assert facts.longest_stall_ms == pytest.approx(220)


def test_a_burst_of_loss_is_no_stall() -> None:
    arrived = {n: at_s + 0.03 for n, at_s in enumerate(SENT_S) if not 10 <= n < 20}
    facts = relayed_facts(SENT_S, arrived)
    assert (facts.lost, facts.stalls) == (10, 0)
    low, high = facts.loss_interval_percent
    assert low < 20 < high


def test_losses_at_either_end_count() -> None:
    arrived = {n: at_s + 0.03 for n, at_s in enumerate(SENT_S) if 2 <= n < 47}
    assert relayed_facts(SENT_S, arrived).lost == 5


def test_nothing_came() -> None:
    facts = relayed_facts(SENT_S, {})
    assert (facts.lost, facts.rtt_p50_ms, facts.jitter_ms) == (50, None, None)
    assert facts.loss_interval_percent[1] == 100.0


@given(st.dictionaries(st.integers(0, 49), st.floats(0, 10), max_size=50))
def test_any_arrivals_are_judged(arrived: dict[int, float]) -> None:
    facts = relayed_facts(SENT_S, arrived)
    assert facts.lost == 50 - len(arrived)
    low, high = facts.loss_interval_percent
    assert 0 <= low <= facts.loss_percent <= high <= 100


def test_throughput_is_what_comes_out_of_the_bottleneck() -> None:
    at_half = {n: n * 0.04 for n in range(25)}
    assert throughput_kbps(500, at_half, 200) == pytest.approx(100)
    bunched = {n: n * 0.0001 for n in range(25)}
    assert throughput_kbps(500, bunched, 200) == 200
    assert throughput_kbps(500, {0: 1.0}, 200) == 0.0
