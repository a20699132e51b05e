"""Packets decoded where their clock puts them, whatever order, number or nonsense arrives."""

from __future__ import annotations

import functools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyai_diag.media.aiortc_taps import RtpArrival
from polyai_diag.media.opus import FRAME_SAMPLES, Decoder, decode_all, encode
from polyai_diag.media.packets import MAX_PACKETS, PacketLog, place

FRAMES = 40


@functools.cache
def _payloads() -> tuple[bytes, ...]:
    """Return a tone whose loudness climbs, so that no frame resembles another."""
    t = np.arange(FRAMES * FRAME_SAMPLES) / 48_000
    tone = np.linspace(0.02, 0.5, len(t)) * np.sin(2 * np.pi * 440 * t)
    return tuple(encode(np.stack([tone, tone], axis=1).astype(np.float32)))


def _arrivals(first_timestamp: int = 1000, first_number: int = 7) -> list[RtpArrival]:
    return [
        RtpArrival(
            arrival_s=50 + 0.02 * n,
            sequence_number=(first_number + n) % 2**16,
            timestamp=(first_timestamp + n * FRAME_SAMPLES) % 2**32,
            payload_type=111,
            ssrc=1,
            payload=payload,
        )
        for n, payload in enumerate(_payloads())
    ]


def _whole() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return decode_all(_payloads())


def test_nothing_gives_nothing() -> None:
    sound, *_ = place([])
    assert sound.shape == (0, 2)


@pytest.mark.parametrize("first", [0, 1000, 2**31 - 5000, 2**32 - 5000])
def test_packets_in_order_give_the_sound_across_the_wrap(first: int) -> None:
    sound, start_s, *_ = place(_arrivals(first, first_number=2**16 - 9))
    whole = _whole()
    assert np.array_equal(sound[: len(whole)], whole)
    assert not sound[len(whole) :].any()
    assert start_s == pytest.approx(50)


def test_order_and_duplicates_are_no_matter() -> None:
    arrivals = _arrivals(2**32 - 5000)
    mixed = [arrivals[n] for n in np.random.default_rng(1).permutation(FRAMES)]
    for order in (mixed, arrivals + arrivals[3:9], arrivals[::-1]):
        assert np.array_equal(place(order)[0], place(arrivals)[0])


def test_a_gap_stays_silent_where_it_is() -> None:
    arrivals = _arrivals()
    sound, *_ = place([a for n, a in enumerate(arrivals) if n not in (10, 11)])
    frames = sound[: FRAMES * FRAME_SAMPLES].reshape(FRAMES, -1)
    assert [n for n, frame in enumerate(frames) if not frame.any()] == [10, 11]
    whole = _whole()
    assert np.array_equal(sound[: 10 * FRAME_SAMPLES], whole[: 10 * FRAME_SAMPLES])
    assert np.allclose(sound[20 * 960 : 40 * 960], whole[20 * 960 : 40 * 960], atol=0.02)


def test_each_sample_knows_which_codec_carried_it() -> None:
    arrivals = _arrivals()
    (silk,) = encode(np.zeros((FRAME_SAMPLES, 1), np.float32), bit_rate=12_000, application="voip")
    arrivals[5] = arrivals[5]._replace(payload=silk)
    carried = place([a for n, a in enumerate(arrivals) if n != 10]).silk_khz
    frames = carried[: FRAMES * FRAME_SAMPLES].reshape(FRAMES, -1)
    assert [set(frame.tolist()) for frame in frames[4:7]] == [{0}, {16}, {0}]
    assert set(frames[10].tolist()) == {-1}
    assert set(carried[FRAMES * FRAME_SAMPLES :].tolist()) == {-1}


def test_what_was_lost_is_told_from_what_was_not_sent() -> None:
    arrivals = [a for n, a in enumerate(_arrivals()) if n not in (10, 11, 30)]
    sent_on = [a._replace(sequence_number=(a.sequence_number - 2) % 2**16)
               if n >= 10 else a for n, a in enumerate(arrivals)]  # fmt: skip
    _, _, lost, unsent, _ = place(sent_on)
    frames = [mask[: FRAMES * 960].reshape(FRAMES, 960).all(axis=1) for mask in (lost, unsent)]
    assert [np.flatnonzero(frame).tolist() for frame in frames] == [[30], [10, 11]]
    assert (lost.sum(), unsent.sum()) == (960, 2 * 960)


def test_the_fastest_packet_sets_the_start() -> None:
    late = [a._replace(arrival_s=a.arrival_s + (0.03 if n != 5 else 0))
            for n, a in enumerate(_arrivals())]  # fmt: skip
    assert place(late)[1] == pytest.approx(50)


def test_sequence_numbers_that_come_round_again_overwrite_nothing() -> None:
    arrivals = _arrivals()
    again = [a._replace(sequence_number=arrivals[n % 20].sequence_number)
             for n, a in enumerate(arrivals)]  # fmt: skip
    assert np.array_equal(place(again)[0], place(arrivals)[0])


def test_a_stray_packet_of_another_sender_does_not_take_over() -> None:
    arrivals = _arrivals()
    stray = arrivals[0]._replace(ssrc=2, timestamp=99, arrival_s=49.9)
    assert np.array_equal(place([stray, *arrivals])[0], place(arrivals)[0])


def test_after_a_change_of_sender_the_longer_part_is_heard() -> None:
    arrivals = _arrivals()
    changed = [a._replace(ssrc=2) if n < 15 else a for n, a in enumerate(arrivals)]
    sound, start_s, *_ = place(changed)
    assert len(sound) == (25 + 5) * FRAME_SAMPLES
    assert start_s == pytest.approx(50 + 15 * 0.02)


@pytest.mark.parametrize("ahead", [2**28, 2**31 - 1, 2**31, 2**32 - 2**28, 48_000 * 60])
@pytest.mark.parametrize("at", [0, 20, FRAMES - 1])
def test_a_forged_timestamp_costs_no_memory_and_nothing_else(ahead: int, at: int) -> None:
    arrivals = _arrivals()
    forged = arrivals[at]._replace(timestamp=(arrivals[at].timestamp + ahead) % 2**32)
    tracemalloc.start()
    sound, start_s, *_ = place([*arrivals[:at], forged, *arrivals[at + 1 :]])
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 5_000_000
    assert len(sound) <= (FRAMES + 5) * FRAME_SAMPLES
    assert start_s == pytest.approx(50, abs=0.021)


def test_a_pause_is_kept_as_long_as_it_was() -> None:
    arrivals = [
        a if n < 20 else a._replace(timestamp=a.timestamp + 480_000, arrival_s=a.arrival_s + 10)
        for n, a in enumerate(_arrivals())
    ]
    sound, *_ = place(arrivals)
    assert len(sound) == 480_000 + (FRAMES + 5) * FRAME_SAMPLES
    assert not sound[21 * FRAME_SAMPLES : 480_000 + 20 * FRAME_SAMPLES].any()


@pytest.mark.parametrize("payload", [b"", b"\xff", b"\xff" * 1500, bytes(1500), b"\x03\xff"])
def test_a_hostile_payload_costs_its_own_place_only(payload: bytes) -> None:
    arrivals = _arrivals()
    arrivals[10] = arrivals[10]._replace(payload=payload)
    sound, *_ = place(arrivals)
    later = slice(20 * FRAME_SAMPLES, FRAMES * FRAME_SAMPLES)
    assert np.allclose(sound[later], _whole()[later], atol=0.02)


@given(
    st.lists(
        st.builds(
            RtpArrival,
            arrival_s=st.floats(0, 10),
            sequence_number=st.integers(0, 2**16 - 1),
            timestamp=st.integers(0, 2**32 - 1) | st.integers(0, 50).map(lambda n: n * 960),
            payload_type=st.integers(0, 127),
            ssrc=st.integers(0, 2),
            payload=st.binary(max_size=40) | st.sampled_from(_payloads()),
        ),
        max_size=12,
    )
)
@settings(max_examples=60)
def test_nothing_that_arrives_breaks_it(arrivals: list[RtpArrival]) -> None:
    sound, *_ = place(arrivals)
    assert sound.shape[1] == 2
    assert len(sound) <= 2 * (10 + 12 * 0.12) * 48_000 + 6 * FRAME_SAMPLES
    assert np.isfinite(sound).all()


@pytest.mark.parametrize("payload", [b"", b"\xff\xff", bytes(5000)])
def test_the_decoder_goes_on_after_what_is_no_packet(payload: bytes) -> None:
    decoder = Decoder()
    assert len(decoder.decode(payload)) == 0
    assert [len(decoder.decode(p)) for p in _payloads()[:3]] == [FRAME_SAMPLES] * 3


def test_the_log_is_bounded_and_says_when_it_has_begun() -> None:
    log, arrival = PacketLog(), _arrivals()[0]
    assert not log.begun.is_set()
    for _ in range(MAX_PACKETS + 5):
        log.keep(arrival)
    assert log.begun.is_set()
    assert len(log.arrivals) == MAX_PACKETS
