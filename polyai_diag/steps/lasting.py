"""A call while it lasts: what is done in it is cut short when the call ends first, and why."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from websockets.exceptions import ConnectionClosed

from polyai_diag.failures import Failure
from polyai_diag.probes.waiting import happens_within

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from polyai_diag.model import Json
    from polyai_diag.probes.ice import Call
    from polyai_diag.probes.signaling import Signaling
    from polyai_diag.probes.trace import Trace
    from polyai_diag.steps.walk import Walk

WORD_S = 0.5  # the media may end a moment before the gateway's word of it is here
OUTLIVES_S = 0.5  # after the WebSocket is gone: what was on its way has arrived by then
QUIET_S = 1.0
SILENT_S = 4.0
TOGETHER_S = 2.0  # an error and an end no further apart are one thing; calls outlive other errors
LOOK_EVERY_S = 0.25


class Ending(NamedTuple):
    """Why a call has ended."""

    failure: Failure
    detail: str
    notes: dict[str, Json]


async def while_it_lasts(
    walk: Walk, own: Call, doing: Coroutine[object, object, bool]
) -> bool | None:
    """Do something in the call; where the call ends first, stop it, and return None."""
    working = asyncio.create_task(doing)
    endings = [asyncio.create_task(ending) for ending in _endings(walk, own)]
    try:
        await asyncio.wait([working, *endings], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, *endings):
            task.cancel()
        await asyncio.gather(working, *endings, return_exceptions=True)


def _endings(walk: Walk, own: Call) -> list[Coroutine[object, object, object]]:
    endings: list[Coroutine[object, object, object]] = [own.media_ends(), own.consent.lost.wait()]
    if walk.signaling is not None:
        endings.append(_said_close(walk.signaling))
    if walk.echo:
        endings.append(_falls_silent(own))
    return endings


async def _said_close(signaling: Signaling) -> None:
    """Wait for the gateway's `close`; a WebSocket that is lost is no end of the media."""
    await signaling.ended.wait()
    if not signaling.closed_by_gateway:
        await asyncio.Event().wait()


async def _falls_silent(own: Call) -> None:
    """Wait until our own packets come back no more, though the path answers."""
    while not _is_silent(own):  # noqa: ASYNC110 - a packet that does not come tells nobody
        await asyncio.sleep(LOOK_EVERY_S)


def _is_silent(own: Call) -> bool:
    """Whether checks were answered for long after the last packet."""
    begun = bool(own.packets.arrivals)
    return begun and own.consent.answered_s - own.consent.packet_s > SILENT_S


async def goes_on(walk: Walk, own: Call) -> bool:
    """Return whether the media goes on; where it is quiet just now, once that is decided."""
    while not (own.consent.lost.is_set() or own.media_is_over or (walk.echo and _is_silent(own))):
        heard_s = own.consent.packet_s if walk.echo else own.consent.heard_s
        if time.monotonic() - heard_s < QUIET_S:
            return True
        await asyncio.sleep(LOOK_EVERY_S)
    return False


async def ending_of(walk: Walk, own: Call) -> Ending | None:
    """Say what has ended the call; None where it goes on."""
    signaling = walk.signaling
    if signaling is None:
        return await _media_ending(None, own)
    hung_up = await happens_within(WORD_S, signaling.ended.wait())
    if error := _error(signaling, own):
        return error
    return await (_signaling_ending if hung_up else _media_ending)(signaling, own)


def _error(signaling: Signaling, own: Call) -> Ending | None:
    """Return the gateway's error that the media ended with, or never began."""
    error, last_s = signaling.error, own.consent.heard_s or signaling.answered_s
    if error is None or abs(signaling.error_s - last_s) > TOGETHER_S:
        return None
    notes: dict[str, Json] = {
        "code": error.code,
        "message": error.message,
        "after_answer_s": round(signaling.error_s - signaling.answered_s, 1),
    }
    return Ending(Failure.GATEWAY_ERROR, f"the gateway reported {error}", notes)


async def _signaling_ending(signaling: Signaling, own: Call) -> Ending:
    notes: dict[str, Json] = {"after_answer_s": round(signaling.ended_s - signaling.answered_s, 1)}
    if signaling.closed_by_gateway:
        return Ending(Failure.CALL_ENDED, "the gateway sent close", notes)
    said = f"the WebSocket was closed with code {signaling.close_code}"
    notes |= {
        "close_code": signaling.close_code,
        "media_lives_on": await _media_outlives(signaling, own),
    }
    return Ending(Failure.WEBSOCKET_CLOSED, said, notes)


async def _media_ending(signaling: Signaling | None, own: Call) -> Ending | None:
    """Say how the media ended while the WebSocket is open; None where it goes on."""
    consent = own.consent
    since_s: dict[str, Json] = {
        "after_connecting_s": round(consent.heard_s - consent.started_s, 1),
        "checks_sent": consent.sent,
        "checks_answered": len(consent.round_trips_ms),
    }
    if consent.lost.is_set():
        answers = await _answers(signaling)
        notes = {**since_s, "websocket_answers": answers}
        return Ending(Failure.CONSENT_LOST, consent.why_lost, notes)
    if own.media_is_over:
        return Ending(Failure.CALL_ENDED, "the gateway ended the media (DTLS close)", since_s)
    if _is_silent(own):
        since_s["after_connecting_s"] = round(consent.packet_s - consent.started_s, 1)
        said = f"no audio packet has come for {SILENT_S:.0f} s, though the media path answers"
        return Ending(Failure.CALL_ENDED, said, since_s)
    return None


async def _answers(signaling: Signaling | None) -> bool:
    """Return whether the gateway still answers on the WebSocket."""
    if signaling is None:
        return False
    try:
        await signaling.ping()
    except (OSError, ConnectionClosed):
        return False
    return True


async def _media_outlives(signaling: Signaling, own: Call) -> bool:
    """Whether audio still arrives a while after the WebSocket is gone."""
    due_s = signaling.ended_s + OUTLIVES_S
    await asyncio.sleep(max(due_s + OUTLIVES_S - time.monotonic(), 0))
    return bool(own.packets.arrivals) and own.packets.arrivals[-1].arrival_s > due_s


def keep_error(walk: Walk, own: Call, trace: Trace, started_s: float) -> None:
    """Keep the gateway's error where it kept the call from being connected."""
    error = _error(walk.signaling, own) if walk.signaling else None
    if error is not None:
        notes = {**error.notes, "detail": error.detail}
        trace.keep("call_watch", "gateway", started_s, error.failure, notes)


async def keep_ending(walk: Walk, own: Call, trace: Trace, started_s: float) -> None:
    """Keep why the call ended, and let the step fail."""
    ending = await ending_of(walk, own)
    if ending is not None:
        notes = {**ending.notes, "detail": ending.detail}
        trace.keep("call_watch", "gateway", started_s, ending.failure, notes)
        trace.fail(ending.detail)
