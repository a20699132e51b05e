"""The sandbox's gateway: its HTTP endpoints, its signaling socket, and the calls behind it.

It speaks as the published clients expect, on 127.0.0.1 alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from polyai_diag.protocol import (
    MAX_FRAME_CHARACTERS,
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
    import ssl
    from collections.abc import Set as AbstractSet

    from websockets.http11 import Request, Response

    from polyai_diag.media.aiortc_taps import Address
    from polyai_diag.model import Json
    from polyai_diag.sandbox.faults import GatewayFaults

HOST = "127.0.0.1"
SIGNALING_PATH = "/api/v1/webrtc/signal"
ICE_SERVERS_PATH = "/api/v1/ice-servers"
_MOVED_SIGNALING_PATH = "/api/v1/webrtc/signaling"
_MAX_CALLS = 64
_MAX_HELD_CANDIDATES = 64

_websocket_log = logging.getLogger(f"{__name__}.websocket")
# Its debug lines hold tokens; a client that only looks whether the port is open is no error.
_websocket_log.setLevel(logging.WARNING)
_websocket_log.addFilter(lambda record: record.msg != "opening handshake failed")


@dataclass(frozen=True, repr=False)
class GatewayConfig:
    """What a gateway serves, and to whom; `relayed_addresses` are the TURN server's own."""

    token: str
    ice_servers: list[dict[str, Json]]
    allow_echo: bool
    trickle: bool
    faults: GatewayFaults
    relayed_addresses: AbstractSet[Address]


class Gateway:
    """An `async with` block that serves; leaving it ends every call and closes every socket."""

    def __init__(self, config: GatewayConfig, ssl_context: ssl.SSLContext) -> None:
        self.config = config
        self.calls: set[Call] = set()
        self.port = 0
        self._ssl_context = ssl_context
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve_socket,
            HOST,
            0,
            ssl=self._ssl_context,
            process_request=self._process_request,
            max_size=MAX_FRAME_CHARACTERS,
            compression=None,
            close_timeout=1,
            logger=_websocket_log,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    def accepts(self, token: object) -> bool:
        """Whether this is the token."""
        given = token if isinstance(token, str) else ""
        right = hmac.compare_digest(
            given.encode("utf-8", "surrogatepass"), self.config.token.encode()
        )
        return right and not self.config.faults.reject_tokens

    # --- HTTP ---------------------------------------------------------------------------------

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        url = urlsplit(request.path)
        moved = self.config.faults.move_signaling
        if url.path == (_MOVED_SIGNALING_PATH if moved else SIGNALING_PATH):
            return None
        if url.path == "/health":
            health = {"status": "healthy", "activeSessions": len(self.calls)}
            return _json(connection, HTTPStatus.OK, health)
        if url.path == ICE_SERVERS_PATH:
            return self._ice_servers(connection, request, url.query)
        return connection.respond(HTTPStatus.NOT_FOUND, "404 page not found\n")

    def _ice_servers(self, connection: ServerConnection, request: Request, query: str) -> Response:
        if request.method == "OPTIONS":
            return _preflight(connection)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            token = parse_qs(query).get("token", [""])[0]
        if not self.accepts(token.strip()):
            return _json(connection, HTTPStatus.UNAUTHORIZED, {"error": "invalid auth token"})
        return _json(connection, HTTPStatus.OK, {"iceServers": self.config.ice_servers})

    # --- WebSocket ----------------------------------------------------------------------------

    async def _serve_socket(self, socket: ServerConnection) -> None:
        await _Signaling(self, socket).run()


class _Signaling:
    """One signaling socket: one call at a time. Frames are taken in order, one after the other.

    So a candidate that comes before the answer waits for it in the socket.
    """

    def __init__(self, gateway: Gateway, socket: ServerConnection) -> None:
        self._gateway = gateway
        self._config = gateway.config
        self._socket = socket
        self._call: Call | None = None
        self._held: list[IceCandidate] = []  # those that come before the offer

    async def run(self) -> None:
        """Serve until the socket closes, and end its call."""
        async with asyncio.TaskGroup() as tasks:
            try:
                async for text in self._socket:
                    await self._take(text, tasks)
            except ConnectionClosed:
                pass
            finally:
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
        if self._config.faults.answer_nothing:
            return
        if refusal := self._refusal(offer):
            await self._refuse(*refusal)
            return
        call = Call(
            echo=offer.mode == "echo",
            faults=self._config.faults,
            relayed_addresses=self._config.relayed_addresses,
        )
        self._call = call
        self._gateway.calls.add(call)
        try:
            answer = await call.answer(offer.sdp)
        except OfferRefused as exc:
            await self._end_call()
            await self._refuse("HANDLER_ERROR", str(exc))
            return
        tasks.create_task(self._watch(call))
        await self._send_answer(call.session_id, answer)
        for candidate in self._held:
            await self._take_candidate(candidate)
        self._held.clear()

    def _refusal(self, offer: Offer) -> tuple[str, str] | None:
        if offer.token in (None, ""):
            return "UNAUTHORIZED", "Auth token required"
        if not self._gateway.accepts(offer.token):
            return "UNAUTHORIZED", "Invalid authentication token"
        return self._refusal_of_mode(offer) or self._refusal_of_call()

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

    async def _send_answer(self, session_id: str, answer: str) -> None:
        if not self._config.trickle:
            await self._socket.send(answer_frame(session_id, answer))
            return
        await self._socket.send(answer_frame(session_id, without_candidates(answer)))
        mid, candidates = candidates_of(answer)
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
        if self._call is not call:
            return
        await self._end_call()
        frame = close_frame(call.session_id)
        if state == "failed":
            frame = error_frame(call.session_id, "MEDIA_BRIDGE_FAILURE", "The media path failed")
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(frame)

    async def _end_call(self) -> None:
        call, self._call = self._call, None
        if call:
            self._gateway.calls.discard(call)
            await call.close()

    async def _refuse(self, code: str, message: str) -> None:
        await self._socket.send(error_frame(None, code, message))


def _json(connection: ServerConnection, status: HTTPStatus, body: dict[str, Any]) -> Response:
    response = connection.respond(status, json.dumps(body))
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cache-Control"] = "no-store"
    return response


def _preflight(connection: ServerConnection) -> Response:
    """Let a browser send the Authorization header from another origin."""
    response = connection.respond(HTTPStatus.NO_CONTENT, "")
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Headers"] = "Authorization"
    return response
