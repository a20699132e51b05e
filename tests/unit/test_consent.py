"""Our consent checks: they outlive losses, and say when the path is dead."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from polyai_diag.media import aiortc_taps as taps
from polyai_diag.media.opus import silence_packet
from polyai_diag.media.packets import PacketLog
from polyai_diag.media.tracks import PacketTrack
from polyai_diag.probes.consent import RESEND_MS, SILENT_S, Consent
from tests.aio import in_loop, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@asynccontextmanager
async def watched(passes: Callable[[], bool]) -> AsyncIterator[Consent]:
    """Watch a call whose datagrams go through only while `passes()`, once it is connected."""
    caller, callee = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    caller.addTrack(PacketTrack(silence_packet()))
    consent = Consent(caller, PacketLog())
    try:
        with taps.host_candidates_from(["127.0.0.1"]):
            await caller.setLocalDescription(await caller.createOffer())
            await callee.setRemoteDescription(caller.localDescription)
            await callee.setLocalDescription(await callee.createAnswer())
        taps.filter_datagrams(callee, lambda *_: not consent.sent or passes())
        await caller.setRemoteDescription(callee.localDescription)
        await until(lambda: caller.iceConnectionState == "completed")
        consent.start()
        yield consent
    finally:
        await consent.close()
        await taps.close_fully(caller)
        await taps.close_fully(callee)


@in_loop
async def test_a_path_that_lives_has_its_round_trips() -> None:
    async with watched(lambda: True) as consent:
        await until(lambda: len(consent.round_trips_ms) >= 2)
        assert max(consent.round_trips_ms) < 500
        assert not consent.lost.is_set()


@in_loop
async def test_a_path_that_dies_is_lost_after_four_seconds() -> None:
    async with watched(lambda: False) as consent:
        await consent.lost.wait()
        silent_s = time.monotonic() - consent.heard_s
        assert silent_s == pytest.approx(SILENT_S, abs=0.5)
        assert "no check answered and no packet" in consent.why_lost


@in_loop
async def test_a_gap_of_three_seconds_is_none() -> None:
    started_s = time.monotonic()
    async with watched(lambda: time.monotonic() - started_s > 3) as consent:
        async with asyncio.timeout(6):
            await until(lambda: len(consent.round_trips_ms) >= 1)
        assert consent.sent > 1
        assert not consent.lost.is_set()


@in_loop
async def test_answers_that_this_program_was_too_busy_to_read_are_no_loss() -> None:
    async with watched(lambda: True) as consent:
        while consent.set_aside < 2:
            time.sleep(0.3)  # noqa: ASYNC251 - each turn of the loop, as on a busy machine
            await asyncio.sleep(0)
        assert consent.checks_ms.count(None) == 0
        assert all(ms < RESEND_MS for ms in consent.checks_ms if ms is not None)


@in_loop
async def test_a_request_lost_on_an_idle_machine_is_a_loss() -> None:
    asked = 0

    def every_second() -> bool:
        nonlocal asked
        asked += 1
        return asked % 2 == 0

    async with watched(every_second) as consent:
        await until(lambda: len(consent.checks_ms) >= 2)
        assert any(ms is None or ms >= RESEND_MS for ms in consent.checks_ms)
