"""Step `call`: ICE, DTLS, and RTP both ways."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

from polyai_diag.analysis.candidates import summarize
from polyai_diag.analysis.quality import jitter_ms, loss
from polyai_diag.analysis.sdp import parse_sdp
from polyai_diag.media import aiortc_taps as taps
from polyai_diag.steps.signaling import open_session
from polyai_diag.steps.walk import Walk, run_check

if TYPE_CHECKING:
    from polyai_diag.model import Json, StepResult
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
    trace.data["local_candidates"] = summarize(parse_sdp(own.offer).candidates)
    if not await own.accept(walk.answer, trace):
        trace.fail("the answer cannot be used")
        return False
    if walk.signaling is not None:
        walk.signaling.on_candidate(own.add_candidate)
    return await _stages(own, trace)


async def _stages(own: Call, trace: Trace) -> bool:
    started_s = time.monotonic()
    trace.progress("Checking candidate pairs", 0.1)
    if not await own.connect_ice(trace):
        trace.fail("ICE found no pair that works")
        return False
    trace.data["ice_ms"] = round((time.monotonic() - started_s) * 1000, 1)
    _note_pair(own, trace)
    trace.progress("DTLS handshake", 0.4)
    started_s = time.monotonic()
    if not await own.connect_dtls(trace):
        trace.fail("the DTLS handshake did not finish")
        return False
    trace.data["dtls_ms"] = round((time.monotonic() - started_s) * 1000, 1)
    trace.progress("Counting packets", 0.6)
    if not await own.receive_rtp(trace, COUNT_S):
        trace.fail("connected, and no audio packets arrive")
        return False
    await _note_packets(own, trace)
    return True


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
        payload_types=sorted({a.payload_type for a in own.packets.arrivals}),
    )


async def packet_facts(own: Call) -> dict[str, Json]:
    """Count all packets of the call so far: sent, received, lost, and their jitter."""
    arrivals = own.packets.arrivals
    lost = loss([a.sequence_number for a in arrivals])
    jitter = jitter_ms([a.arrival_s for a in arrivals], [a.timestamp for a in arrivals])
    return {
        "packets_sent": await own.packets_sent(),
        "packets_received": len(arrivals),
        "loss_percent": round(lost.percent, 2),
        "loss_interval_percent": [round(lost.low_percent, 2), round(lost.high_percent, 2)],
        "jitter_ms": round(jitter, 2) if jitter is not None else None,
    }
