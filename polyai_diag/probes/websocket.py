"""The signaling WebSocket: TLS and the upgrade (RFC 6455 §4)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import (
    ConnectionClosed,
    InvalidMessage,
    InvalidStatus,
    WebSocketException,
)
from websockets.uri import parse_uri

from polyai_diag.failures import Failure
from polyai_diag.probes.http import shown_body
from polyai_diag.probes.tls import note_tls, within_tls_timeout

if TYPE_CHECKING:
    import socket
    import ssl

    from polyai_diag.model import Json
    from polyai_diag.probes.trace import Known, Trace
    from polyai_diag.target import Target

UPGRADE_TIMEOUT_S = 5.0
_log = logging.getLogger(__name__)
_log.setLevel(logging.INFO)  # below it the library logs frames, and the token is in one
_HTTP_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
MAX_MESSAGE_BYTES = 512 * 1024


def classify_websocket(exc: WebSocketException) -> Failure:
    """Place what the WebSocket library raised."""
    if isinstance(exc, InvalidStatus):
        redirect = 300 <= exc.response.status_code < 400
        return Failure.HTTP_REDIRECT if redirect else Failure.HTTP_STATUS
    if isinstance(exc, ConnectionClosed):
        return Failure.WEBSOCKET_CLOSED
    if isinstance(exc.__cause__, EOFError):
        return Failure.CONNECTION_CLOSED
    return Failure.HTTP_MALFORMED


KNOWN: Known = {WebSocketException: classify_websocket}


async def open_websocket(
    target: Target, sock: socket.socket, context: ssl.SSLContext, trace: Trace, **notes: Json
) -> ClientConnection | None:
    """TLS and the upgrade on a connected socket, timed apart; None when either failed.

    The socket is closed with the connection, or here.
    """
    connection = await _start(target, sock, context, trace, **notes)
    if connection is None:
        sock.close()
        return None
    with (
        contextlib.ExitStack() as cleanup,
        trace.observe("websocket_upgrade", target.url, known=KNOWN, **notes) as seen,
    ):
        cleanup.callback(connection.transport.abort)
        try:
            async with asyncio.timeout(UPGRADE_TIMEOUT_S):
                await connection.handshake()
        except InvalidStatus as exc:
            seen.note(**_status_notes(exc))
            raise
        except InvalidMessage:
            if not connection.begins_with:
                raise  # closed without a word
            said = f"no HTTP answer: it begins with {connection.begins_with!r}"
            seen.fail(Failure.HTTP_MALFORMED, said)
            return None
        except TimeoutError:
            answered = _HTTP_STATUS.match(connection.begins_with)
            if answered is not None:
                status = int(answered[1])
                seen.fail(Failure.HTTP_STATUS, "an HTTP answer without end", status=status)
                return None
            seen.note(
                detail=f"connected, and no answer to the upgrade in {UPGRADE_TIMEOUT_S:.0f} s"
            )
            raise
        cleanup.pop_all()
        return connection
    return None


class _Connection(ClientConnection):
    """Keeps how the server's answer begins: it tells what listens there, where no HTTP does."""

    begins_with = b""

    def data_received(self, data: bytes) -> None:
        if not self.begins_with:
            self.begins_with = bytes(data[:40])
        super().data_received(data)


async def _start(
    target: Target, sock: socket.socket, context: ssl.SSLContext, trace: Trace, **notes: Json
) -> _Connection | None:
    loop = asyncio.get_running_loop()
    uri = parse_uri(target.url)

    def factory() -> _Connection:
        protocol = ClientProtocol(uri, max_size=MAX_MESSAGE_BYTES, logger=_log)
        return _Connection(protocol, close_timeout=1)

    if not target.secure:
        return (await loop.create_connection(factory, sock=sock))[1]
    with trace.observe("tls_handshake", f"{target.host}:{target.port}", **notes) as seen:
        async with within_tls_timeout(seen):
            transport, connection = await loop.create_connection(
                factory, sock=sock, ssl=context, server_hostname=target.host
            )
        note_tls(seen, transport.get_extra_info("ssl_object"))
        return connection
    return None


def _status_notes(exc: InvalidStatus) -> dict[str, Any]:
    response = exc.response
    shown = ("Location", "Server", "Via", "Content-Type", "Upgrade")
    kept = {name: response.headers.get(name) for name in shown if name in response.headers}
    return {
        "status": response.status_code,
        **{name.lower().replace("-", "_"): value for name, value in kept.items()},
        "body": shown_body(bytes(response.body or b"")),
    }
