"""What RTP that arrived tells: loss and its kind, order, pauses, senders."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyai_diag.analysis.quality import loss_of
from polyai_diag.analysis.streams import (
    MOST_GAPS,
    Gap,
    loss_kind,
    main_stream,
    reported_loss_percent,
    stream_facts,
)
from polyai_diag.media.aiortc_taps import RtpArrival
from tests.bench.tun import Fault, Lane


def packet(number: int, late_s: float = 0.0, ssrc: int = 1, kind: int = 111) -> RtpArrival:
    stamp = 960 * number % 2**32
    return RtpArrival(50 + 0.02 * number + late_s, number % 2**16, stamp, kind, ssrc, b"")


def test_a_steady_stream() -> None:
    facts = stream_facts([packet(n) for n in range(65_500, 65_700)])
    assert (facts.received, facts.loss.expected, facts.loss.lost) == (200, 200, 0)
    assert (facts.reordered, facts.duplicates, facts.gaps, facts.ssrc_changes) == (0, 0, (), 0)
    assert (facts.loss_kind, facts.payload_types) == (None, (111,))


def test_nothing_arrived() -> None:
    facts = stream_facts([])
    assert (facts.received, facts.loss.expected, facts.jitter, facts.payload_types) == (
        0,
        0,
        None,
        (),
    )


def test_order_and_duplicates() -> None:
    facts = stream_facts([packet(n) for n in (0, 1, 3, 2, 4, 4, 7, 5, 6, 1)])
    assert (facts.loss.lost, facts.reordered, facts.duplicates) == (0, 3, 2)


def test_a_pause_of_the_way_and_one_of_the_sender() -> None:
    """Silence is not sent (DTX): then the clock goes on and the numbers do not."""
    held = [packet(n, 0.5 if n >= 20 else 0.0) for n in range(40)]
    assert stream_facts(held).gaps == (Gap(0.38, 520.0),)
    burst = [packet(n) for n in range(40) if not 10 <= n < 30]
    assert stream_facts(burst).gaps == (Gap(0.18, 420.0),)
    quiet = [packet(n) if n < 20 else packet(n + 50)._replace(sequence_number=n) for n in range(40)]
    assert stream_facts(quiet).gaps == ()
    many = [packet(n, 0.3 * n) for n in range(60)]
    assert len(stream_facts(many).gaps) == MOST_GAPS


def test_of_several_senders_the_one_with_most_is_judged() -> None:
    one = [packet(n) for n in range(100)]
    other = [packet(9000 + 2 * n, ssrc=2, kind=0) for n in range(10)]
    facts = stream_facts([*one[:50], *other, *one[50:]])
    assert (facts.received, facts.loss.expected, facts.loss.lost) == (110, 100, 0)
    assert (facts.ssrc_changes, facts.payload_types) == (2, (0, 111))


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), st.floats(0, 9))))
def test_any_packets_are_judged(packets: list[tuple[int, int, float]]) -> None:
    facts = stream_facts([RtpArrival(t, n, stamp, 111, 1, b"") for n, stamp, t in packets])
    assert facts.received == len(packets)
    assert 0 <= facts.loss.low_percent <= facts.loss.high_percent <= 100


# --- random or bursts -------------------------------------------------------------------------


def kinds(
    rate_percent: float, burst: float, runs: int = 100, packets: int = 400
) -> list[str | None]:
    found = []
    for seed in range(runs):
        lane = Lane(Fault(loss_percent=rate_percent, burst_packets=burst), seed)
        facts = loss_of([lane.due_s(0, 100, 0) is not None for _ in range(packets)])
        found.append(loss_kind(facts.lost, facts.expected, facts.bursts))
    return found


@pytest.mark.parametrize("rate_percent", [2, 5, 20])
def test_independent_losses_are_not_called_bursts(rate_percent: float) -> None:
    assert kinds(rate_percent, 1).count("bursts") <= 4  # one in a hundred, by chance


@pytest.mark.parametrize(("rate_percent", "burst"), [(5, 4), (8, 4), (20, 4), (5, 8)])
def test_bursts_are_seldom_called_random(rate_percent: float, burst: float) -> None:
    found = kinds(rate_percent, burst)
    assert found.count("random") <= 3
    assert found.count("bursts") >= 85


def test_few_losses_do_not_tell() -> None:
    assert loss_kind(0, 400, 0) is None
    assert loss_kind(1, 400, 1) is None
    assert loss_kind(2, 400, 2) is None
    assert loss_kind(400, 400, 1) is None
    assert loss_kind(6, 400, 1) == "bursts"
    assert loss_kind(40, 400, 37) == "random"
    assert loss_kind(20_000, 200_000, 18_000) == "random"


def test_what_a_report_counts() -> None:
    assert reported_loss_percent(0, 400)[:2] == (0.0, 0.0)
    percent, low, high = reported_loss_percent(40, 400)
    assert low < loss_of([n % 10 > 0 for n in range(400)]).low_percent < percent == 10.0 < high
    assert reported_loss_percent(-3, 400)[0] == 0.0
    assert reported_loss_percent(7, 0) == (0.0, 0.0, 100.0)


def test_of_two_senders_the_one_with_most_packets_is_drawn() -> None:
    one, other = [packet(n, ssrc=1) for n in range(5)], [packet(n, ssrc=2) for n in range(9)]
    assert main_stream([*one, *other]) == other
    assert main_stream([]) == []
