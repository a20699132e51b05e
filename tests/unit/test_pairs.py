"""Past the relay: whether the gateway's candidates answer our own sockets."""

from __future__ import annotations

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from polyai_diag.failures import Failure
from polyai_diag.media import aiortc_taps as taps
from polyai_diag.media.opus import silence_packet
from polyai_diag.media.tracks import PacketTrack
from polyai_diag.probes.pairs import check_directly, pair_rows
from polyai_diag.probes.trace import Trace
from tests.aio import in_loop, until


@pytest.mark.parametrize("dropped", [False, True])
@in_loop
async def test_the_direct_way_is_asked_again(dropped: bool) -> None:
    caller, callee = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    caller.addTrack(PacketTrack(silence_packet()))
    connected = False
    trace = Trace("call")
    try:
        with taps.host_candidates_from(["127.0.0.1"]):
            await caller.setLocalDescription(await caller.createOffer())
            await callee.setRemoteDescription(caller.localDescription)
            await callee.setLocalDescription(await callee.createAnswer())
        taps.filter_datagrams(callee, lambda *_: not (dropped and connected))
        await caller.setRemoteDescription(callee.localDescription)
        await until(lambda: caller.iceConnectionState == "completed")
        connected = True
        await check_directly(caller, trace)
        (row,) = pair_rows(taps.candidate_pairs(caller))
    finally:
        await taps.close_fully(caller)
        await taps.close_fully(callee)
    (seen,) = trace.observations
    assert seen.failure is (Failure.GENERIC_TIMEOUT if dropped else None)
    assert seen.notes["asked"] == [row["remote_address"]]
    assert seen.notes.get("answered") == (None if dropped else row["remote_address"])
    assert seen.duration_ms < 3500
    assert (row["ended"], row["obstacle"]) == ("nominated", None)


def test_each_pair_is_told_how_it_ended() -> None:
    sent = taps.PairFacts("host", "192.168.1.5:1", "host", "10.0.3.4:2", "in_progress", False)
    other = taps.PairFacts("relay", "8.8.4.4:1", "host", "[2a00:1450::1]:2", "frozen", False)
    first, second = pair_rows([sent, other])
    assert first["ended"] == "no answer"
    assert "private" in first["obstacle"]
    assert second["ended"] == "not checked"
    assert "IPv6" in second["obstacle"]
