"""Sound out and back, with what was sent to compare with: by the call, a relay, or Opus alone."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from polyai_diag.analysis.audio import limits
from polyai_diag.analysis.audio.loopback import LoopbackFacts, analyze_loopback
from polyai_diag.analysis.audio.signal import probe_signal
from polyai_diag.failures import Failure
from polyai_diag.media.loopback import (
    Loop,
    MediaStopped,
    RelayLoop,
    RelayUnreachable,
    loop_back,
    opus_alone,
)
from polyai_diag.media.opus import FRAME_SAMPLES
from polyai_diag.model import Status
from polyai_diag.steps.gateway import find_ice_servers
from polyai_diag.steps.pictures import as_json, keep_looped
from polyai_diag.steps.saved import save_sound
from polyai_diag.steps.turn_ways import turn_urls
from polyai_diag.target import IceServer

if TYPE_CHECKING:
    from polyai_diag.analysis.audio.signal import ProbeSignal
    from polyai_diag.media.packets import PacketLog
    from polyai_diag.media.tracks import PacketTrack
    from polyai_diag.probes.ice import Call
    from polyai_diag.probes.trace import Known, Seen, Trace
    from polyai_diag.steps.walk import Walk

LOUD = 1e-3
_TRANSPORTS = ("udp", "tcp", "tls")
_STOPPED: Known = {MediaStopped: lambda _: Failure.CALL_ENDED}
_UNREACHABLE: Known = {**_STOPPED, RelayUnreachable: lambda _: Failure.ICE_FAILED}


async def loop_by_call(walk: Walk, own: Call, trace: Trace) -> bool:
    """Play the probe to a gateway that echoes, and compare; False when nothing came of it."""
    with trace.observe("audio_loopback", "gateway", known=_STOPPED) as seen:
        await _loop(walk, own.track, own.packets, trace, seen)
    return _ended(seen, trace)


async def loop_by_relay(walk: Walk, trace: Trace) -> None:
    """Play the probe from one peer of ours to another, by a TURN server: no gateway takes part."""
    await find_ice_servers(walk, trace)
    usable = [asked for asked in turn_urls(walk) if asked[0].transport in _TRANSPORTS]
    if not usable:
        trace.end(Status.SKIPPED, walk.why_no("TURN server"))
        return
    url, server = min(usable, key=lambda asked: _TRANSPORTS.index(asked[0].transport))
    only = IceServer(url.url, server.username, server.credential)
    trace.progress("Meeting by the relay")
    with trace.observe("relay_loopback", url.url, known=_UNREACHABLE) as seen:
        async with RelayLoop(only, walk.context) as relay:
            await _loop(walk, relay.track, relay.packets, trace, seen)
    _ended(seen, trace)


async def loop_by_opus(walk: Walk, trace: Trace) -> None:
    """Encode and decode the probe in this process: what no path can better."""
    signal = probe_signal(thorough=walk.target.thorough)
    with trace.observe("opus_loopback", "this machine") as seen:
        started_s = time.monotonic()
        received = await asyncio.to_thread(opus_alone, signal.pcm)
        facts = await asyncio.to_thread(analyze_loopback, signal, received)
        trace.data.update(_facts(facts))
        keep_looped(trace, signal, received, facts)
        seen.note(took_ms=round((time.monotonic() - started_s) * 1000))


async def _loop(
    walk: Walk, track: PacketTrack, packets: PacketLog, trace: Trace, seen: Seen
) -> None:
    signal = probe_signal(thorough=walk.target.thorough)
    floor = await asyncio.to_thread(_floor, walk.target.thorough)
    trace.progress(f"Sending {signal.seconds:.0f} s of sound out and back")
    loop = await loop_back(track, packets, signal.pcm)
    await save_sound(walk, trace, received=loop.received, sent=signal.pcm)
    lost = loop.lost if loop.lost.any() else None
    facts = await asyncio.to_thread(analyze_loopback, signal, loop.received, lost, loop.carriers)
    _note(signal, facts, floor, loop, trace)
    keep_looped(trace, signal, loop.received, facts, floor=floor, arrivals=loop.arrivals)
    seen.note(level_dbfs=round(facts.level_dbfs, 1), chirps_found=facts.chirps_found)
    _judge(facts, loop, seen)


def _judge(facts: LoopbackFacts, loop: Loop, seen: Seen) -> None:
    """Let it fail where what was sent did not come back at all."""
    wrong_rate = facts.rate_ratio is not None and abs(facts.rate_ratio - 1) > limits.RATE_RATIO_OFF
    if not len(loop.received):
        seen.fail(Failure.NO_RTP, "packets stopped arriving")
    elif facts.level_dbfs < limits.SILENT_DBFS:
        seen.fail(Failure.SILENCE, f"{facts.level_dbfs:.0f} dBFS came back of a tone of -20")
    elif (silent_s := _silent_at_the_end_s(facts)) >= limits.STOPPED_LEAST_S:
        seen.fail(
            Failure.SILENCE, f"sound came back at first, and none in the last {silent_s:.1f} s"
        )
    elif not facts.chirps_found and not wrong_rate:
        seen.fail(Failure.PROBE_SOUND_LOST, "sound came back, but not the one that was sent")


def _silent_at_the_end_s(facts: LoopbackFacts) -> float:
    return next((w.until_s - w.at_s for w in facts.weak if w.stopped and w.to_end), 0.0)


def _ended(seen: Seen, trace: Trace) -> bool:
    if not seen.ok:
        trace.fail(str(seen.notes["detail"]))
    return seen.ok


@functools.cache
def _floor(thorough: bool) -> LoopbackFacts:
    """Return what Opus alone makes of the probe: the same every time."""
    signal = probe_signal(thorough=thorough)
    return analyze_loopback(signal, opus_alone(signal.pcm))


def _note(
    signal: ProbeSignal, facts: LoopbackFacts, floor: LoopbackFacts, loop: Loop, trace: Trace
) -> None:
    offset = facts.offset_samples
    delay_ms = None if offset is None else round(loop.delay_ms(offset), 2)
    trace.data.update(_facts(facts), delay_ms=delay_ms, left_out=_left_out(signal, facts, loop))
    trace.data["opus_alone"] = {
        name: as_json(getattr(floor, name))
        for name in ("gain_db", "thd_n_db", "sinad_db", "noise_dbfs", "bandwidth_hz")
    }


def _left_out(signal: ProbeSignal, facts: LoopbackFacts, loop: Loop) -> int | None:
    """Return how many packets' sound the echo leaves out; silence need not be sent (DTX)."""
    if facts.offset_samples is None:
        return None
    loud = np.abs(signal.pcm).max(axis=1) > LOUD
    at = np.flatnonzero(loop.unsent) - round(facts.offset_samples)
    at = at[(at >= 0) & (at < len(loud))]
    return round(float(loud[at].sum()) / FRAME_SAMPLES)


def _facts(facts: LoopbackFacts) -> dict[str, Any]:
    """Return what was measured, by its name; the spectrum is kept apart."""
    apart = {"offset_samples", "frequency_hz", "sent_dbfs", "received_dbfs"}
    return {
        field.name: as_json(getattr(facts, field.name))
        for field in dataclasses.fields(facts)
        if field.name not in apart
    }
