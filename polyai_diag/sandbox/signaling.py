"""One signaling socket of the sandbox's gateway: offers in, answers, candidates and errors out."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from polyai_diag.protocol import (
    Close,
    FrameError,
    IceCandidate,
    Offer,
    answer_frame,
    candidate_frame,
    close_frame,
    error_frame,
    read_frame,
)
from polyai_diag.sandbox.calls import Call, OfferRefused
from polyai_diag.sandbox.descriptions import candidates_of, without_candidates
from polyai_diag.target import LEGACY_MODES, MODES

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from polyai_diag.sandbox.gateway import Gateway

_MAX_CALLS = 64
_MAX_HELD_CANDIDATES = 64
_MEDIA_ALONE_S = 30.0  # how long a call lives on whose signaling was taken away


class Signaling:
    """One signaling socket: one call at a time. Frames are taken in order, one after the other.

    So a candidate that comes before the answer waits for it in the socket.
    """

    def __init__(self, gateway: Gateway, socket: ServerConnection) -> None:
        self._gateway = gateway
        self._config = gateway.config
        self._faults = gateway.config.faults
        self._socket = socket
        self._call: Call | None = None
        self._held: list[IceCandidate] = []  # those that come before the offer
        self._offered = False
        self._lost = False  # we have closed the socket, and the media lives on

    async def run(self) -> None:
        """Serve until the socket closes, and end its call."""
        async with asyncio.TaskGroup() as tasks:
            if self._faults.close_without_offer is not None:
                tasks.create_task(self._close_idle(*self._faults.close_without_offer))
            try:
                async for text in self._socket:
                    await self._take(text, tasks)
            except ConnectionClosed:
                pass
            finally:
                await self._let_media_live_on()
                await self._end_call()

    async def _take(self, text: str | bytes, tasks: asyncio.TaskGroup) -> None:
        try:
            frame = read_frame(text)
        except FrameError as exc:
            await self._refuse("INVALID_MESSAGE", f"Invalid message: {exc}")
            return
        match frame:
            case Offer():
                await self._take_offer(frame, tasks)
            case IceCandidate():
                await self._take_candidate(frame)
            case Close():
                await self._end_call()
            case _:
                pass  # other types are for others; a gateway passes over them

    async def _take_offer(self, offer: Offer, tasks: asyncio.TaskGroup) -> None:
        self._offered = True
        for frame in self._faults.frames_first:
            await self._socket.send(frame)
        if self._faults.answer_nothing:
            return
        if refusal := self._refusal(offer):
            if await self._stays_open(self._faults.error_after_s):
                await self._refuse(*refusal)
            return
        if not await self._stays_open(self._faults.answer_after_s):
            return
        if self._faults.close_for_answer:
            await self._close(*self._faults.close_for_answer)
            return
        if self._faults.frame_for_answer is not None:
            await self._socket.send(self._faults.frame_for_answer)
            return
        await self._take_call(offer, tasks)

    async def _take_call(self, offer: Offer, tasks: asyncio.TaskGroup) -> None:
        call = Call(self._config, echo=offer.mode == "echo")
        self._call = call
        self._gateway.calls.add(call)
        try:
            answer = await call.answer(offer.sdp)
        except OfferRefused as exc:
            await self._end_call()
            await self._refuse("HANDLER_ERROR", str(exc))
            return
        tasks.create_task(self._watch(call))
        await self._send_answer(call.session_id, answer, tasks)
        for code in self._faults.errors_outlived:
            await self._refuse(code, "This frame was passed over")
        for candidate in self._held:
            await self._take_candidate(candidate)
        self._held.clear()
        if self._faults.signaling_lasts_s is not None:
            tasks.create_task(self._lose(self._faults.signaling_lasts_s))
        if self._faults.hangs_up_after_s is not None:
            tasks.create_task(self._hang_up(call, self._faults.hangs_up_after_s))
        if self._faults.fails_later is not None:
            tasks.create_task(self._fail(call, *self._faults.fails_later))

    def _refusal(self, offer: Offer) -> tuple[str, str] | None:
        if offer.token in (None, ""):
            return "UNAUTHORIZED", "Auth token required"
        if not self._gateway.accepts(offer.token):
            return "UNAUTHORIZED", "Invalid authentication token"
        refused = self._faults.refuse_offers
        return self._refusal_of_mode(offer) or refused or self._refusal_of_call()

    def _refusal_of_mode(self, offer: Offer) -> tuple[str, str] | None:
        if offer.mode and offer.mode not in MODES + LEGACY_MODES:
            return "INVALID_ARGUMENT", "Unknown mode"
        if offer.mode == "echo" and not self._config.allow_echo:
            return "FORBIDDEN", "Echo mode is not allowed"
        return None

    def _refusal_of_call(self) -> tuple[str, str] | None:
        if self._call:
            return "INVALID_MESSAGE", "This connection has a call already"
        if len(self._gateway.calls) >= _MAX_CALLS:
            return "HANDLER_ERROR", "Too many calls"
        return None

    async def _send_answer(self, session_id: str, answer: str, tasks: asyncio.TaskGroup) -> None:
        trickle = self._config.trickle
        frame = answer_frame(session_id, without_candidates(answer) if trickle else answer)
        if self._faults.omit_session_id:
            frame = _without(frame, "sessionId")
        await self._socket.send(frame)
        if trickle:
            tasks.create_task(self._trickle(session_id, answer))

    async def _trickle(self, session_id: str, answer: str) -> None:
        """Send the answer's candidates, and their end, in frames of their own."""
        if not await self._stays_open(self._faults.trickle_after_s):
            return
        mid, candidates = candidates_of(answer)
        with contextlib.suppress(ConnectionClosed):
            for candidate in (*candidates, ""):
                await self._socket.send(candidate_frame(session_id, candidate, mid))

    async def _take_candidate(self, frame: IceCandidate) -> None:
        if frame.candidate is None:  # the end of candidates: nothing waits for it
            return
        if self._call is None:
            if len(self._held) < _MAX_HELD_CANDIDATES:
                self._held.append(frame)
            return
        try:
            await self._call.add_candidate(frame.candidate)
        except ValueError:
            await self._refuse("INVALID_MESSAGE", "Invalid message: not an ICE candidate")

    async def _watch(self, call: Call) -> None:
        """Tell the client when the media ends before the call does."""
        state = await call.ended
        if self._call is not call or self._faults.ends_media_after_s is not None:
            return
        await self._end_call()
        frame = close_frame(call.session_id)
        if state == "failed":
            frame = error_frame(call.session_id, "MEDIA_BRIDGE_FAILURE", "The media path failed")
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(frame)

    async def _lose(self, after_s: float) -> None:
        """Close the socket as a proxy does that has waited long enough; the call stays."""
        if self._call and await self._stays_open(after_s):
            self._lost = self._call is not None
            await self._close(*self._faults.signaling_ends)

    async def _close_idle(self, after_s: float, code: int, reason: str) -> None:
        if await self._stays_open(after_s) and not self._offered:
            await self._close(code, reason)

    async def _hang_up(self, call: Call, after_s: float) -> None:
        """End the call as an agent does that has said goodbye."""
        if await self._stays_open(after_s) and self._call is call:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(close_frame(call.session_id))
            await self._end_call()

    async def _fail(self, call: Call, after_s: float, code: str, message: str) -> None:
        """End the call as an agent does that has broken down."""
        if await self._stays_open(after_s) and self._call is call:
            with contextlib.suppress(ConnectionClosed):
                await self._refuse(code, message)
            await self._end_call()

    async def _stays_open(self, for_s: float) -> bool:
        """Wait for so long; False, and at once, when the socket closes meanwhile."""
        if for_s > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(for_s):
                    await self._socket.wait_closed()
                    return False
        return True

    async def _let_media_live_on(self) -> None:
        """Keep a call whose signaling was taken away until its media ends, or for a limit."""
        if self._lost and self._call:
            ends: list[asyncio.Future[Any]] = [self._call.ended, self._gateway.closing]
            await asyncio.wait(ends, timeout=_MEDIA_ALONE_S, return_when=asyncio.FIRST_COMPLETED)

    async def _end_call(self) -> None:
        call, self._call = self._call, None
        if call:
            self._gateway.calls.discard(call)
            await call.close()

    async def _refuse(self, code: str, message: str) -> None:
        frame = error_frame(None, code, message)
        if self._faults.flat_errors:
            frame = json.dumps({"type": "error", "code": code, "message": message})
        if not self._faults.hush_errors:
            await self._socket.send(frame)
        if self._faults.error_close:
            await self._close(*self._faults.error_close)

    async def _close(self, code: int, reason: str) -> None:
        """Close the WebSocket so that the client sees this code (RFC 6455 §7.4.1)."""
        if code == CloseCode.ABNORMAL_CLOSURE:
            self._socket.transport.abort()
        elif code == CloseCode.NO_STATUS_RCVD:
            async with self._socket.send_context():
                self._socket.protocol.send_close()
        else:
            await self._socket.close(code, reason)


def _without(frame: str, name: str) -> str:
    fields = json.loads(frame)
    del fields[name]
    return json.dumps(fields)
