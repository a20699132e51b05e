"""The sandbox's gateway: its HTTP endpoints, its signaling socket, and the calls behind it.

It speaks as the published clients expect, on one loopback address alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve

from polyai_diag.protocol import MAX_FRAME_CHARACTERS
from polyai_diag.sandbox.rhythm import Rhythm, listens_at
from polyai_diag.sandbox.signaling import Signaling
from polyai_diag.target import ICE_SERVERS_PATH

if TYPE_CHECKING:
    import ssl
    from collections.abc import Set as AbstractSet

    from websockets.http11 import Request, Response

    from polyai_diag.media.aiortc_taps import Address
    from polyai_diag.model import Json
    from polyai_diag.sandbox.calls import Call
    from polyai_diag.sandbox.settings import GatewayFaults, Page, PathFaults, SoundFaults
    from polyai_diag.sandbox.tokens import Tokens

SIGNALING_PATH = "/api/v1/webrtc/signal"
_MOVED_SIGNALING_PATH = "/api/v1/webrtc/signaling"

_websocket_log = logging.getLogger(f"{__name__}.websocket")
# Its debug lines hold tokens; a client that only looks whether the port is open is no error.
_websocket_log.setLevel(logging.WARNING)
_websocket_log.addFilter(lambda record: record.msg != "opening handshake failed")


@dataclass(frozen=True, repr=False)
class GatewayConfig:
    """What a gateway serves, where and to whom; `relayed_addresses` are the TURN server's own."""

    host: str
    tokens: Tokens
    ice_servers: list[dict[str, Json]]
    allow_echo: bool
    trickle: bool
    faults: GatewayFaults
    sound: SoundFaults
    path: PathFaults
    relayed_addresses: AbstractSet[Address]


class Gateway:
    """An `async with` block that serves; leaving it ends every call and closes every socket."""

    def __init__(self, config: GatewayConfig, ssl_context: ssl.SSLContext | None) -> None:
        self.config = config
        self.calls: set[Call] = set()
        self.port = 0
        self.closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ssl_context = ssl_context
        self._server: Server | None = None
        self._upgrades = Rhythm(config.faults.upgrade_rhythm)
        self._fetches = Rhythm(config.faults.ice_servers_rhythm)

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve_socket,
            **listens_at(self.config.host, 0, self.config.faults.reset_rhythm),
            ssl=self._ssl_context,
            process_request=self._process_request,
            process_response=self._process_response,
            max_size=MAX_FRAME_CHARACTERS,
            compression=None,
            close_timeout=1,
            logger=_websocket_log,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closing.set_result(None)
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    def accepts(self, token: object) -> bool:
        """Whether this is a token that is good here and now, by the gateway's own clock."""
        return not self.config.faults.reject_tokens and self.config.tokens.accept(
            token, self._now_s()
        )

    def _now_s(self) -> float:
        return time.time() + self.config.faults.clock_ahead_s

    # --- HTTP ---------------------------------------------------------------------------------

    async def _process_request(
        self, connection: ServerConnection, request: Request
    ) -> Response | None:
        url = urlsplit(request.path)
        faults = self.config.faults
        if url.path == (_MOVED_SIGNALING_PATH if faults.move_signaling else SIGNALING_PATH):
            await _wait(connection, faults.upgrade_after_s)
            if faults.upgrade and self._upgrades.fails():
                return _shown(connection, faults.upgrade)
            return None
        if url.path == "/health":
            health = {"status": "healthy", "activeSessions": len(self.calls)}
            return _json(connection, HTTPStatus.OK, health)
        if url.path == ICE_SERVERS_PATH:
            await _wait(connection, faults.ice_servers_after_s)
            return self._ice_servers(connection, request, url.query)
        return connection.respond(HTTPStatus.NOT_FOUND, "404 page not found\n")

    def _ice_servers(self, connection: ServerConnection, request: Request, query: str) -> Response:
        if request.method == "OPTIONS":
            return _preflight(connection)
        page = self.config.faults.ice_servers
        if page and self._fetches.fails():
            return _shown(connection, page)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            token = parse_qs(query).get("token", [""])[0]
        if not self.accepts(token.strip()):
            return _json(connection, HTTPStatus.UNAUTHORIZED, {"error": "invalid auth token"})
        return _json(connection, HTTPStatus.OK, {"iceServers": self.config.ice_servers})

    def _process_response(
        self, _connection: ServerConnection, _request: Request, response: Response
    ) -> None:
        del response.headers["Date"]
        response.headers["Date"] = formatdate(self._now_s(), usegmt=True)

    async def _serve_socket(self, socket: ServerConnection) -> None:
        await Signaling(self, socket).run()


async def _wait(connection: ServerConnection, for_s: float) -> None:
    """Keep the client waiting, for as long as it does."""
    if for_s > 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                await connection.wait_closed()


def _shown(connection: ServerConnection, page: Page) -> Response:
    status = HTTPStatus(page.status)
    response = connection.respond(status, page.body or f"{status.phrase}\n")
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = page.content_type
    if page.location:
        response.headers["Location"] = page.location
    return response


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
