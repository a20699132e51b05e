"""The network that the sandbox plays: what it loses, how long it takes, what it leaves alone."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest

from polyai_diag.media import aiortc_taps
from polyai_diag.sandbox import Sandbox
from polyai_diag.sandbox.path import Path, is_on
from polyai_diag.sandbox.settings import PathFaults
from tests.aio import in_loop_for
from tests.sandbox.caller import caller, signaling

RTP, RTCP, STUN, DTLS = b"\x80\x60", b"\x80\xc8", b"\x00\x01", b"\x16\xfe"


def test_a_healthy_path_holds_nothing() -> None:
    path = Path(PathFaults())
    ways = [path.holds_s(data, sent) for data in (RTP, RTCP, STUN, DTLS) for sent in (True, False)]
    assert ways == [0.0] * 8


@pytest.mark.parametrize(("percent", "burst"), [(12, 4), (3, 1), (5, 2)])
def test_loss_is_as_much_and_in_such_bursts(percent: float, burst: float) -> None:
    path = Path(PathFaults(loss_percent=percent, loss_burst=burst))
    lost = [path.holds_s(RTP, True) is None for _ in range(60_000)]
    assert 100 * np.mean(lost) == pytest.approx(percent, rel=0.1)
    runs = [len(list(run)) for gone, run in groupby(lost) if gone]
    assert np.mean(runs) == pytest.approx(burst, rel=0.1)
    assert {path.holds_s(data, True) for data in (RTCP, STUN, DTLS)} == {0.0}
    assert path.holds_s(RTP, False) == 0.0


@pytest.mark.parametrize(("fault", "sent"), [("drop_sent_rtp", True), ("drop_received_rtp", False)])
def test_rtp_vanishes_one_way(fault: str, sent: bool) -> None:
    path = Path(PathFaults(**{fault: True}))
    assert path.holds_s(RTP, sent) is None
    assert path.holds_s(RTP, not sent) == 0.0
    assert path.holds_s(RTCP, sent) == 0.0


def test_loss_each_way_is_apart_and_spares_the_rest_or_not() -> None:
    faults = PathFaults(loss_percent=30, received_loss_percent=10)
    path = Path(faults)
    for sent, percent in ((True, 30), (False, 10)):
        lost = [path.holds_s(RTP, sent) is None for _ in range(5000)]
        assert 100 * np.mean(lost) == pytest.approx(percent, rel=0.15)
    assert None not in {path.holds_s(STUN, sent) for sent in (True, False) for _ in range(200)}
    whole = Path(replace(faults, loses_everything=True))
    assert None in {whole.holds_s(STUN, True) for _ in range(200)}


def test_another_seed_loses_others() -> None:
    paths = [Path(PathFaults(loss_percent=20, seed=seed)) for seed in (1, 1, 2)]
    one, same, other = ([p.holds_s(RTP, True) for _ in range(200)] for p in paths)
    assert one == same != other


def test_rtcp_vanishes_alone() -> None:
    path = Path(PathFaults(drop_rtcp=True))
    ways = [path.holds_s(data, sent) for data in (RTCP, RTP, STUN) for sent in (True, False)]
    assert ways == [None, None, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("passed_s", "there"), [(0, False), (2.9, False), (3, True), (3.9, True), (4, False), (5, True)]
)
def test_what_begins_and_comes_and_goes(passed_s: float, there: bool) -> None:
    assert is_on(passed_s, 3, 1) is there
    assert is_on(passed_s, 3, 0) is (passed_s >= 3)


def test_a_path_gets_worse_after_the_first_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    path = Path(PathFaults(delay_ms=20, more_delay_ms=200, begins_s=3))
    assert path.holds_s(STUN, True) == path.holds_s(RTP, True) == 0.02
    now_s = 104.0
    assert path.holds_s(STUN, False) == 0.22


def test_delay_is_both_ways_and_jitter_to_the_client() -> None:
    path = Path(PathFaults(delay_ms=50, jitter_ms=100))
    assert path.holds_s(STUN, False) == 0.05
    held_s = [path.holds_s(STUN, True) or 0 for _ in range(1000)]
    assert 0.05 <= min(held_s) < 0.06
    assert 0.14 < max(held_s) <= 0.15


@in_loop_for(20)
async def test_a_call_takes_the_time_of_its_path() -> None:
    async with Sandbox(["high-latency"]) as sandbox, signaling(sandbox) as socket, caller() as me:
        await me.take(await socket.offer(me.sdp, mode="echo"))
        await me.hear(5)
        assert 0.46 <= await aiortc_taps.check_pair(me.pc) < 0.6


@in_loop_for(20)
async def test_a_call_that_hears_nothing_of_the_caller() -> None:
    async with (
        Sandbox(["no-audio-delivered"]) as sandbox,
        signaling(sandbox) as socket,
        caller() as me,
    ):
        await me.take(await socket.offer(me.sdp, mode="echo"))
        await me.hear(5)
        (sender,) = me.pc.getSenders()
        until_s = time.monotonic() + 2
        while time.monotonic() < until_s:
            await asyncio.sleep(0.1)
            assert "remote-inbound-rtp" not in {s.type for s in (await sender.getStats()).values()}


@in_loop_for(20)
async def test_a_call_of_which_nothing_arrives() -> None:
    async with (
        Sandbox(["no-audio-received"]) as sandbox,
        signaling(sandbox) as socket,
        caller() as me,
    ):
        await me.take(await socket.offer(me.sdp, mode="echo"))
        await me.state("connected")
        await asyncio.sleep(0.1)
        await aiortc_taps.check_pair(me.pc)
        assert me.heard == []
