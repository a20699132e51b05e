"""The control beside STUN over UDP: whether the same host answers over TCP and TLS."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

from polyai_diag.failures import classify
from polyai_diag.probes import net

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Awaitable

    from polyai_diag.probes.trace import Trace
    from polyai_diag.target import IceUrl

_T = TypeVar("_T")

LIMIT_S = 3.3
"""TCP and TLS together end by the verdict on UDP. A lost SYN goes out again after 1 s, and 3 s."""
TLS_PORTS = (443, 5349)


class Control:
    """One host, asked over TCP, and on the ports of TLS also over that, while UDP is asked.

    A stage that is broken off, because UDP answers and nobody needs it, is not kept.
    """

    def __init__(self, url: IceUrl, address: net.Address, trace: Trace) -> None:
        self._url = url
        self._address = address
        self._trace = trace
        self._until_s = asyncio.get_running_loop().time() + LIMIT_S
        self.round_trip_s: float | None = None  # of TCP; None while it is not up
        self.ended = asyncio.Event()

    async def run(self, context: ssl.SSLContext) -> None:
        """Connect, shake hands, hang up; the trace says how it went."""
        try:
            started_s = time.monotonic()
            sock = await self._stage("tcp_connect", net.open_tcp(self._address))
            if sock is None:
                return
            self.round_trip_s = time.monotonic() - started_s
            if self._address.port in TLS_PORTS:
                await self._stage("tls_control", self._shake_hands(sock, context))
            sock.close()
        finally:
            self.ended.set()

    async def _stage(self, operation: str, awaited: Awaitable[_T]) -> _T | None:
        """Await a stage and keep how it ended; None where it failed."""
        started_s, failure, result = time.monotonic(), None, None
        try:
            async with asyncio.timeout_at(self._until_s):
                result = await awaited
        except OSError as exc:
            failure = classify(exc)
        notes = {"control": True, "url": self._url.url}
        self._trace.keep(operation, str(self._address), started_s, failure, notes)
        return result

    async def _shake_hands(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        try:
            transport, _ = await asyncio.get_running_loop().create_connection(
                asyncio.Protocol, sock=sock, ssl=context, server_hostname=self._url.host
            )
        except BaseException:
            sock.close()
            raise
        transport.abort()
