"""Step `call`: ICE, DTLS, and RTP both ways."""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import TYPE_CHECKING

from polyai_diag.analysis.candidates import candidate_rows
from polyai_diag.media import aiortc_taps as taps
from polyai_diag.probes.dns import resolve
from polyai_diag.probes.mtu import probe_udp_mtu
from polyai_diag.probes.net import for_udp
from polyai_diag.probes.pairs import pair_rows
from polyai_diag.steps.lasting import keep_ending, keep_error, while_it_lasts
from polyai_diag.steps.packets import check_facts, packet_facts
from polyai_diag.steps.signaling import open_session
from polyai_diag.steps.stun import udp_servers
from polyai_diag.steps.turn_peers import ask_for_peers
from polyai_diag.steps.walk import Walk, run_check
from polyai_diag.target import parse_ice_url

if TYPE_CHECKING:
    from polyai_diag.model import StepResult
    from polyai_diag.probes.ice import Call
    from polyai_diag.probes.trace import Trace
    from polyai_diag.target import Target

COUNT_S = 1.0


async def check_call(target: Target) -> StepResult:
    """Connect the call: candidate pairs, the DTLS handshake, RTP both ways. It is closed after."""
    return await run_check(call, "call", target)


async def call(walk: Walk, trace: Trace) -> None:
    """Connect, and count a second of packets."""
    await connect_call(walk, trace)


async def connect_call(walk: Walk, trace: Trace) -> bool:
    """Connect the call unless it is connected; False when a stage fails."""
    walk.media_wanted = True
    if not await open_session(walk, trace) or walk.call is None or walk.answer is None:
        return False
    if walk.call.packets.arrivals:
        return True
    own = walk.call
    trace.data["local_candidates"] = candidate_rows(own.local_candidates)
    if not await own.accept(walk.answer, trace):
        trace.fail("the answer cannot be used")
        return False
    if walk.signaling is not None:
        walk.signaling.on_candidate(own.add_candidate)
    started_s = time.monotonic()
    connected = await while_it_lasts(walk, own, _stages(walk, own, trace))
    if connected is None:
        trace.data["checks"] = check_facts(own.consent.checks_ms, own.consent.set_aside)
        await keep_ending(walk, own, trace, started_s)
    elif not connected:
        keep_error(walk, own, trace, started_s)
    return bool(connected)


async def _stages(walk: Walk, own: Call, trace: Trace) -> bool:
    started_s = time.monotonic()
    trace.progress("Checking candidate pairs", 0.1)
    connected = await own.connect_ice(trace)
    _note_candidates(own, trace)
    if not connected:
        trace.fail("ICE found no pair that works")
        await ask_for_peers(walk, [(c.address, c.port) for c in own.remote_candidates], trace)
        return False
    trace.data["ice_ms"] = round((time.monotonic() - started_s) * 1000, 1)
    _note_pair(own, trace)
    # Where no UDP gets out at all, the gateway's ports are not the ones to ask about.
    if not own.goes_through_relay or walk.target.relay_only or walk.udp_silent:
        return await _media(walk, own, trace)
    async with asyncio.TaskGroup() as beside:
        beside.create_task(own.check_directly(trace))
        return await _media(walk, own, trace)


async def _media(walk: Walk, own: Call, trace: Trace) -> bool:
    started_s = time.monotonic()
    trace.progress("DTLS handshake", 0.4)
    if not await own.connect_dtls(trace):
        trace.fail("the DTLS handshake did not finish")
        trace.data["checks"] = check_facts(own.consent.checks_ms, own.consent.set_aside)
        await _measure_packet_size(walk, trace)
        return False
    trace.data["dtls_ms"] = round((time.monotonic() - started_s) * 1000, 1)
    trace.progress("Counting packets", 0.6)
    received = await own.receive_rtp(trace, COUNT_S)
    if not received:
        trace.fail("connected, and no audio packets arrive")
    if not received or walk.target.thorough:
        await _measure_packet_size(walk, trace)
    await _note_packets(own, trace)
    return received


async def _measure_packet_size(walk: Walk, trace: Trace) -> None:
    """Look how large a datagram may be, on the way to the server that answered over UDP."""
    urls = [walk.stun_url] if walk.stun_url else [url.url for url in udp_servers(walk)]
    for url in map(parse_ice_url, urls[:1]):
        addresses = await resolve(url.host, url.port, trace)
        if addresses:
            await probe_udp_mtu(for_udp(addresses), trace)


def _note_candidates(own: Call, trace: Trace) -> None:
    remote = candidate_rows(own.remote_candidates)
    trace.data["remote_candidates"] = [
        {**row, "obstacle": why} for row, why in zip(remote, own.obstacles, strict=True)
    ]
    trace.data["pairs"] = pair_rows(taps.candidate_pairs(own.pc))


def _note_pair(own: Call, trace: Trace) -> None:
    pair = taps.nominated_pair(own.pc)
    if pair is not None:
        trace.data["nominated"] = {
            "local_type": pair.local_type,
            "local_address": pair.local_address,
            "remote_type": pair.remote_type,
            "remote_address": pair.remote_address,
            "relay_transport": taps.relay_transport(own.pc),
        }


async def _note_packets(own: Call, trace: Trace) -> None:
    with trace.observe("pair_check", "gateway") as seen:
        round_trips = await own.check_round_trips()
        seen.note(round_trips_ms=[round(ms, 2) for ms in round_trips])
    trace.data.update(
        await packet_facts(own),
        rtt_ms=round(median(round_trips), 2) if round_trips else None,
    )
