"""Loss over the wrap and out of order, its interval, and jitter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from polyai_diag.analysis.quality import jitter_ms, loss, wilson_percent

if TYPE_CHECKING:
    import random


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


def test_steady_packets_have_no_jitter() -> None:
    assert jitter_ms([0.02 * n for n in range(50)], [960 * n for n in range(50)]) == pytest.approx(
        0, abs=1e-9
    )


def test_jitter_of_a_known_pattern_across_the_wrap() -> None:
    late_s = [0.0, 0.008] * 25
    arrivals = [0.02 * n + late for n, late in enumerate(late_s)]
    stamps = [(2**32 - 9600 + 960 * n) % 2**32 for n in range(50)]
    assert jitter_ms(arrivals, stamps) == pytest.approx(8.0)


def test_a_pause_of_the_sender_is_no_jitter() -> None:
    assert jitter_ms([0.0, 0.02, 1.02, 1.04], [0, 960, 48960, 49920]) == pytest.approx(0, abs=1e-9)


def test_gaussian_jitter_is_its_mean_difference() -> None:
    late_s = np.random.default_rng(7).normal(0, 0.005, 5000)
    arrivals = [0.02 * n + float(late) for n, late in enumerate(late_s)]
    measured = jitter_ms(arrivals, [960 * n for n in range(5000)])
    assert measured == pytest.approx(5 * 2 / math.sqrt(math.pi), rel=0.03)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_packets_have_none(count: int) -> None:
    assert jitter_ms([1.0] * count, [0] * count) is None
