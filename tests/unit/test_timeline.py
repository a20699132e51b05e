"""Packets over time: each thing in its moment, whatever order or clock they come in."""

from __future__ import annotations

import pytest

from polyai_diag.analysis.timeline import LEAST_BIN_S, MOST_BINS, Packet, timeline

PER_BIN = round(LEAST_BIN_S / 0.02)


def _packets(
    count: int, first_stamp: int = 2**32 - 5000, first_number: int = 65_530
) -> list[Packet]:
    return [
        (100 + 0.02 * n, (first_stamp + 960 * n) % 2**32, (first_number + n) % 2**16)
        for n in range(count)
    ]


def test_fewer_than_two_packets_tell_nothing() -> None:
    assert timeline([]) is None
    assert timeline(_packets(1)) is None


def test_an_even_stream_across_both_wraps_is_never_late() -> None:
    found = timeline(_packets(100))
    assert found is not None
    assert len(found.late_ms) == 100 // PER_BIN
    assert [late for late in found.latest_ms if late is None or late > 0.001] == []
    assert set(found.lost_percent) == {0.0}


def test_what_is_late_is_late_in_its_moment() -> None:
    packets = _packets(100)
    at_s, stamp, number = packets[55]
    packets[55] = (at_s + 0.08, stamp, number)
    found = timeline(packets)
    assert found is not None
    place = 55 // PER_BIN
    assert found.latest_ms[place] == pytest.approx(80, abs=0.1)
    assert found.late_ms[place] == pytest.approx(0, abs=0.1)
    assert found.jitter_ms[place] == pytest.approx(160 / PER_BIN, rel=0.3)
    assert max(late or 0 for at, late in enumerate(found.latest_ms) if at != place) < 0.1


def test_what_is_lost_is_lost_in_its_moment() -> None:
    packets = [p for n, p in enumerate(_packets(100)) if n not in (42, 43, 44)]
    found = timeline(packets)
    assert found is not None
    place = 41 // PER_BIN
    assert found.lost_percent[place] == pytest.approx(30)
    assert sum(lost or 0 for lost in found.lost_percent) == pytest.approx(30)


def test_order_and_duplicates_are_no_matter() -> None:
    packets = [(at_s + 0.01 * (stamp % 7), stamp, number) for at_s, stamp, number in _packets(60)]
    one, other = timeline(packets), timeline([*reversed(packets), packets[3]])
    assert one is not None
    assert other is not None
    assert one.late_ms == pytest.approx(other.late_ms)
    assert one.jitter_ms == pytest.approx(other.jitter_ms)
    assert one.lost_percent == other.lost_percent


def test_an_hour_is_bounded() -> None:
    found = timeline(_packets(180_000))
    assert found is not None
    assert len(found.late_ms) == MOST_BINS
