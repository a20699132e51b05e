"""The private parts of aiortc that the taps lean on are there, and do what the taps say."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from polyai_diag.media import aiortc_taps as taps
from polyai_diag.media.opus import decode_all, encode, silence_packet
from polyai_diag.media.tracks import PacketTrack
from polyai_diag.target import IceServer
from tests.aio import in_loop

PACKETS = 25  # half a second: of the first four aiortc has made frames long since


async def _connected() -> tuple[RTCPeerConnection, RTCPeerConnection, PacketTrack]:
    caller, callee = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    track = PacketTrack(silence_packet())
    caller.addTrack(track)
    with taps.host_candidates_from(["127.0.0.1"]):
        await caller.setLocalDescription(await caller.createOffer())
        await callee.setRemoteDescription(caller.localDescription)
        await callee.setLocalDescription(await callee.createAnswer())
    return caller, callee, track


@in_loop
async def test_the_first_stun_and_turn_urls_are_used_ipv6_addresses_too() -> None:
    caller = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    caller.addTrack(PacketTrack(silence_packet()))
    turn = ["turns:[::1]:5?transport=udp", "TURNS:[::1]:6?transport=TCP", "turn:192.0.2.1"]
    servers = [IceServer(["stun:[2001:db8::1]", "stun:192.0.2.1"]), IceServer(turn, "a", "b")]
    taps.use_ice_servers(caller, servers)
    connection = taps.ice_connection(caller)
    assert connection.stun_server == ("2001:db8::1", 3478)
    assert connection.turn_server == ("::1", 6)
    assert (connection.turn_transport, connection.turn_ssl) == ("tcp", True)
    assert (connection.turn_username, connection.turn_password) == ("a", "b")
    await caller.close()


@in_loop
async def test_packets_pass_as_encoded_and_are_tapped_on_the_wire() -> None:
    caller, callee, track = await _connected()
    tone = 0.1 * np.sin(2 * np.pi * 997 * np.arange(9600) / 48000)
    payloads = encode(np.stack([tone, tone], axis=1).astype(np.float32))
    track.play(payloads)
    arrived: list[taps.RtpArrival] = []
    complete = asyncio.Event()

    def keep(packet: taps.RtpArrival) -> None:
        arrived.append(packet)
        if packet.payload == payloads[-1]:
            complete.set()

    taps.tap_rtp(callee.getReceivers()[0], keep)
    try:
        await caller.setRemoteDescription(callee.localDescription)
        async with asyncio.timeout(10):
            await complete.wait()
        pair = taps.nominated_pair(caller)
        assert pair is not None
        assert pair.nominated
        assert pair.local_address.startswith("127.0.0.1:")
        assert pair in taps.candidate_pairs(caller)
        wanted = [f for f in callee.localDescription.sdp.splitlines() if "fingerprint:sha-256" in f]
        assert wanted[0].endswith(str(taps.peer_fingerprint(caller)))
        assert taps.peer_fingerprint(caller, "md2") is None
        (direct,) = taps.direct_pairs(caller)
        assert taps.pair_facts(direct).remote_address == pair.remote_address
        assert 0 < await taps.check_pair(caller, direct, resends=0) < 1
    finally:
        await caller.close()
        await callee.close()
    got = [packet.payload for packet in arrived]
    assert got[got.index(payloads[1]) : got.index(payloads[-1]) + 1] == payloads[1:]


@in_loop
async def test_filtered_datagrams_are_swallowed_both_ways() -> None:
    caller, callee, _ = await _connected()
    seen: list[bool] = []
    enough = asyncio.Event()

    def refuse(_data: bytes, _address: taps.Address, sent: bool) -> bool:
        seen.append(sent)
        if len(seen) >= 4 and set(seen) == {True, False}:
            enough.set()
        return False

    taps.filter_datagrams(callee, refuse)
    try:
        await caller.setRemoteDescription(callee.localDescription)
        async with asyncio.timeout(5):
            await enough.wait()
        assert taps.nominated_pair(caller) is None
        assert taps.dtls_transport(caller).state == "new"
    finally:
        await caller.close()
        await callee.close()


@in_loop
async def test_closing_fully_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    caller, callee, _ = await _connected()
    assert asyncio.all_tasks() > before  # the callee is looking for candidates
    await taps.close_fully(caller)
    await taps.close_fully(callee)
    assert asyncio.all_tasks() == before


@in_loop
async def test_a_wrong_payload_gives_no_sound_and_no_exception() -> None:
    assert decode_all([b"\xff" * 3]).shape[1] == 2


@in_loop
async def test_silence_decodes_to_silence() -> None:
    sound = decode_all([silence_packet()] * 10)
    assert sound.shape == (9600, 2)
    assert float(np.abs(sound).max()) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("spared", [False, True])
@in_loop
async def test_decoding_is_spared_and_the_statistics_are_kept(spared: bool) -> None:
    caller, callee, _ = await _connected()
    receiver = callee.getReceivers()[0]
    enough = asyncio.Event()
    arrived: list[taps.RtpArrival] = []

    def keep(packet: taps.RtpArrival) -> None:
        arrived.append(packet)
        if len(arrived) == PACKETS:
            enough.set()

    taps.tap_rtp(receiver, keep)
    if spared:
        taps.spare_decoding(receiver)
    try:
        await caller.setRemoteDescription(callee.localDescription)
        async with asyncio.timeout(10):
            await enough.wait()
        assert receiver.track._queue.empty() == spared  # type: ignore[attr-defined]
        stats = (await receiver.getStats()).values()
        assert [s.packetsReceived for s in stats if s.type == "inbound-rtp"] == [len(arrived)]
    finally:
        await caller.close()
        await callee.close()
