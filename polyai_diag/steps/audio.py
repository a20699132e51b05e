"""Step `audio`: sound out and back, or the agent's voice where the gateway loops nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from polyai_diag.analysis.e_model import band_of, burst_ratio_of, estimate, mouth_to_ear_ms
from polyai_diag.model import InputError
from polyai_diag.probes.waiting import happens_within
from polyai_diag.steps.call import connect_call
from polyai_diag.steps.lasting import ending_of, goes_on, keep_ending, while_it_lasts
from polyai_diag.steps.listening import listen
from polyai_diag.steps.looping import loop_by_call, loop_by_opus, loop_by_relay
from polyai_diag.steps.packets import packet_facts
from polyai_diag.steps.walk import Walk, run_check

if TYPE_CHECKING:
    from polyai_diag.model import Json, StepResult
    from polyai_diag.probes.ice import Call
    from polyai_diag.probes.signaling import Signaling
    from polyai_diag.probes.trace import Trace
    from polyai_diag.steps.walk import Check
    from polyai_diag.target import Target


async def check_audio(target: Target, *, through: str = "call") -> StepResult:
    """Send a probe sound out and back, and compare what returns with what was sent.

    `through` says by which way: `call`, the gateway's echo, or where that is refused, a listen to
    the agent; `relay`, out to a TURN server and back, where no gateway takes part and no call is
    placed; `opus`, no network at all, the floor that the others are compared with.
    Raises InputError for any other.
    """
    if through not in _WAYS:
        raise InputError(f"no way is called {through!r}; accepted: {', '.join(_WAYS)}")
    return await run_check(_WAYS[through], "audio", target)


async def audio(walk: Walk, trace: Trace) -> None:
    """Measure the sound of the call, and keep it up for as long as was asked."""
    if not await connect_call(walk, trace) or walk.call is None:
        return
    own, started_s = walk.call, time.monotonic()
    trace.data["mode"] = "echo" if walk.echo else "agent"
    measuring = loop_by_call(walk, own, trace) if walk.echo else listen(walk, own, trace)
    measured = await while_it_lasts(walk, own, measuring)
    trace.data.update(await packet_facts(own))
    trace.data["quality"] = _quality(trace.data)
    if measured is None or not await goes_on(walk, own):
        await keep_ending(walk, own, trace, started_s)
    elif walk.signaling is not None and (walk.target.hold_s > 0 or walk.signaling.ended.is_set()):
        await _hold(walk, own, walk.signaling, trace)


def _quality(data: dict[str, Any]) -> Json:
    """Estimate what a listener would say; None without a round trip or a band."""
    checks, edge_hz = data.get("checks") or {}, data.get("bandwidth_hz")
    if "rtt_ms" not in checks or edge_hz is None or not data["packets_due"]:
        return None
    return estimate(
        one_way_ms=mouth_to_ear_ms(checks["rtt_ms"]),
        loss_percent=data["loss_percent"],
        burst_ratio=burst_ratio_of(data["mean_burst"], data["loss_percent"]),
        band=band_of(edge_hz),
    ).data


async def _hold(walk: Walk, own: Call, signaling: Signaling, trace: Trace) -> None:
    """Keep the call up, and see whether anything ends it."""
    seconds = walk.target.hold_s
    trace.progress(f"Holding the call for {seconds:.0f} s")
    with trace.observe("call_hold", "gateway", asked_s=seconds) as seen:
        gone = happens_within(seconds, signaling.ended.wait())
        held = await while_it_lasts(walk, own, gone) is False
        ending = None if held else await ending_of(walk, own)
        if ending is not None:
            seen.fail(ending.failure, ending.detail, **ending.notes)
    if ending is not None and not ending.notes.get("media_lives_on"):
        trace.fail(ending.detail)


async def _relay(walk: Walk, trace: Trace) -> None:
    trace.data["mode"] = "relay"
    await loop_by_relay(walk, trace)


async def _opus(walk: Walk, trace: Trace) -> None:
    trace.data["mode"] = "opus"
    await loop_by_opus(walk, trace)


_WAYS: dict[str, Check] = {"call": audio, "relay": _relay, "opus": _opus}
