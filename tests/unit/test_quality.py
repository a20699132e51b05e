"""Loss over the wrap and out of order, its interval, and jitter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from polyai_diag.analysis.quality import (
    differences_ms,
    jitter,
    jitter_of,
    loss,
    loss_interval_percent,
    loss_of,
    mean_interval,
    median_interval,
    percentile,
    wilson_percent,
)
from tests.bench.udp import coverage_percent

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence


@pytest.mark.parametrize("first", [0, 1000, 0xFFF0, 0xFFFF])
def test_nothing_is_lost_across_the_wrap(first: int) -> None:
    facts = loss([(first + n) % 0x10000 for n in range(200)])
    assert (facts.expected, facts.lost, facts.percent) == (200, 0, 0.0)


@pytest.mark.parametrize("first", [0, 0xFFC0])
def test_losses_are_counted_whatever_the_order(first: int) -> None:
    due = [(first + n) % 0x10000 for n in range(100)]
    arrived = [number for n, number in enumerate(due) if n not in (10, 11, 63, 64, 98)]
    shuffled = arrived[:]
    for at in range(0, len(shuffled) - 1, 7):
        shuffled[at], shuffled[at + 1] = shuffled[at + 1], shuffled[at]
    for sequence in (arrived, shuffled, arrived + arrived[50:60], arrived[::-1]):
        facts = loss(sequence)
        assert (facts.expected, facts.lost, facts.percent) == (100, 5, 5.0)


def test_a_long_call_wraps_twice() -> None:
    numbers = [n % 0x10000 for n in range(150_000) if n % 1000]
    facts = loss(numbers)
    assert (facts.expected, facts.lost) == (149_999, 149)


@given(st.integers(0, 0xFFFF), st.sets(st.integers(1, 298), max_size=100), st.randoms())
def test_any_loss_is_counted_under_reordering_and_duplicates(
    first: int, gone: set[int], chance: random.Random
) -> None:
    kept = [n for n in range(300) if n not in gone]
    arrival = sorted(kept + chance.choices(kept, k=20), key=lambda n: n + chance.uniform(0, 20))
    facts = loss([(first + n) % 0x10000 for n in arrival])
    assert (facts.expected, facts.lost) == (300, len(gone))
    assert facts.low_percent <= facts.percent + 1e-9
    assert facts.percent <= facts.high_percent + 1e-9


def test_nothing_received_tells_nothing() -> None:
    facts = loss([])
    assert (facts.expected, facts.lost, facts.percent) == (0, 0, 0.0)
    assert (facts.low_percent, facts.high_percent) == (0.0, 100.0)


@pytest.mark.parametrize("count", [0, 1, 5, 50, 249, 250])
def test_the_interval_is_wilsons(count: int) -> None:
    known = binomtest(count, 250).proportion_ci(0.95, "wilson")
    low, high = wilson_percent(count, 250, z=1.959963984540054)
    assert low == pytest.approx(100 * known.low, abs=1e-9)
    assert high == pytest.approx(100 * known.high, abs=1e-9)


def test_five_seconds_without_loss_prove_no_more_than_this() -> None:
    low, high = wilson_percent(0, 250)
    assert low == 0
    assert high == pytest.approx(1.51, abs=0.01)


def test_bursts_are_counted() -> None:
    gone = (10, 11, 12, 63, 98, 99)
    facts = loss([n for n in range(120) if n not in gone])
    assert (facts.lost, facts.bursts, facts.mean_burst) == (6, 3, 2.0)
    assert loss_of([n not in gone for n in range(120)]) == facts
    at_both_ends = loss_of([False, True, False])
    assert (at_both_ends.lost, at_both_ends.bursts) == (2, 2)
    assert loss_of([]).high_percent == 100.0


def test_the_same_loss_in_bursts_proves_less() -> None:
    scattered = loss_interval_percent(20, 400, 20)
    in_bursts = loss_interval_percent(20, 400, 4)
    assert in_bursts[0] < scattered[0] < 5 < scattered[1] < in_bursts[1]


@given(st.integers(1, 2000), st.data())
def test_the_interval_holds_the_rate_itself(expected: int, data: st.DataObject) -> None:
    lost = data.draw(st.integers(0, expected))
    bursts = data.draw(st.integers(min(lost, 1), max(min(lost, 1), min(lost, expected - lost))))
    low, high = loss_interval_percent(lost, expected, bursts)
    assert 0 <= low <= 100 * lost / expected + 1e-9
    assert 100 * lost / expected <= high + 1e-9
    assert high <= 100


@pytest.mark.parametrize("burst", [None, 2, 5])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_the_interval_covers_the_truth(rate: float, burst: int | None) -> None:
    """A small one of the bench's simulation; 1.5 is three standard errors of it."""
    assert coverage_percent(2000, rate, burst) > 92 - 1.5


def test_wilsons_does_not_where_losses_come_in_bursts() -> None:
    """So that the simulation is known to find what it looks for."""
    chance = np.random.default_rng(5)
    covered = 0
    for _ in range(500):
        starts = chance.random(250) < 0.005
        lost = int(np.convolve(starts, np.ones(5))[:250].clip(0, 1).sum())
        low, high = wilson_percent(lost, 250)
        covered += low <= 2.45 <= high
    assert covered / 500 < 0.75


def even_stamps(count: int, first: int = 0) -> list[int]:
    return [(first + 960 * n) % 2**32 for n in range(count)]


def mean_ms(arrivals_s: Sequence[float], stamps: Sequence[int], first: int = 0) -> float:
    numbers = [(first + n) % 2**16 for n in range(len(stamps))]
    facts = jitter(arrivals_s, stamps, numbers)
    assert facts is not None
    return facts.mean_ms


def test_steady_packets_have_no_jitter() -> None:
    assert mean_ms([0.02 * n for n in range(50)], even_stamps(50)) == pytest.approx(0, abs=1e-9)


def test_jitter_of_a_known_pattern_across_both_wraps() -> None:
    arrivals = [0.02 * n + late for n, late in enumerate([0.0, 0.008] * 25)]
    stamps = even_stamps(50, 2**32 - 9600)
    assert mean_ms(arrivals, stamps, 2**16 - 20) == pytest.approx(8.0)


def test_a_pause_of_the_sender_is_no_jitter() -> None:
    stamps = [0, 960, 48960, 49920]
    assert mean_ms([0.0, 0.02, 1.02, 1.04], stamps) == pytest.approx(0, abs=1e-9)


def test_gaussian_jitter_is_its_mean_difference() -> None:
    late_s = np.random.default_rng(7).normal(0, 0.005, 5000)
    arrivals = [0.02 * n + float(late) for n, late in enumerate(late_s)]
    assert mean_ms(arrivals, even_stamps(5000)) == pytest.approx(5 * 2 / math.sqrt(math.pi), 0.03)


def test_across_a_lost_packet_there_is_no_difference() -> None:
    """The clocks drift apart by 1 ms from each packet to the next, by 27 across the gap."""
    came = [0, 1, 2, 30, 31, 32]
    facts = jitter([0.021 * n for n in came], [960 * n for n in came], came)
    assert facts is not None
    assert (facts.mean_ms, facts.p99_ms) == pytest.approx((1.0, 1.0))
    assert differences_ms([0.0, 1.0, None, 30.0, 31.0]) == [1.0, 1.0]
    assert jitter([0.0, 0.04], [0, 1920], [0, 2]) is None


def test_order_and_duplicates_change_no_neighbours() -> None:
    order = [0, 2, 1, 3, 3, 4]
    late_s = {1: 0.03}
    arrivals = [0.02 * n + late_s.get(n, 0.0) for n in order]
    assert jitter(arrivals, [960 * n for n in order], order) == jitter(
        [0.02 * n + late_s.get(n, 0.0) for n in range(5)],
        even_stamps(5),
        range(5),
    )


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_packets_have_none(count: int) -> None:
    assert jitter([1.0] * count, [0] * count, [0] * count) is None


def test_all_of_jitter_at_once() -> None:
    arrivals = [0.02 * n + late for n, late in enumerate([0.0, 0.008] * 100)]
    facts = jitter(arrivals, even_stamps(200), range(200))
    assert facts is not None
    for value in (facts.mean_ms, facts.rfc3550_ms, facts.p50_ms, facts.p95_ms, facts.p99_ms):
        assert value == pytest.approx(8.0, rel=1e-4)
    assert (facts.low_ms, facts.high_ms) == pytest.approx((8.0, 8.0))


def test_the_running_value_is_the_standards() -> None:
    """RFC 3550 §6.4.1: J += (|D| − J) / 16."""
    facts = jitter_of([16.0, -16.0])
    assert facts is not None
    assert facts.rfc3550_ms == pytest.approx(1 + 15 / 16)
    assert facts.mean_ms == 16.0


def test_one_late_packet_shows_in_the_percentiles_and_hardly_in_the_middle() -> None:
    differences = [1.0] * 98 + [200.0, -200.0]
    facts = jitter_of(differences)
    assert facts is not None
    assert (facts.p50_ms, facts.p95_ms) == (1.0, 1.0)
    assert facts.p99_ms > 100
    assert facts.low_ms < 4.98 < facts.high_ms
    assert jitter_of([]) is None


def test_percentiles_and_the_median_are_numpys() -> None:
    values = sorted(np.random.default_rng(2).exponential(size=37).tolist())
    for share in (0.0, 0.05, 0.5, 0.95, 1.0):
        assert percentile(values, share) == pytest.approx(np.quantile(values, share))


def test_intervals_of_median_and_mean_cover_the_truth() -> None:
    chance = np.random.default_rng(11)
    median_held = mean_held = 0
    for _ in range(1000):
        low, high = median_interval(chance.exponential(size=40).tolist())
        median_held += low <= math.log(2) <= high
        sizes = np.abs(np.diff(chance.normal(0, 5, 101)))  # neighbours share a packet
        low, high = mean_interval(sizes.tolist())
        mean_held += low <= 10 / math.sqrt(math.pi) <= high
    assert median_held > 930
    assert mean_held > 910


def test_one_value_is_all_there_is() -> None:
    assert median_interval([3.0]) == (3.0, 3.0)
    assert mean_interval([3.0]) == (3.0, 3.0)
