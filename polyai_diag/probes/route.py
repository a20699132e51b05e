"""The way to one host and port: straight to its addresses, or through a proxy."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyai_diag.probes.net import Address, Race, racing
from polyai_diag.probes.proxy import connect_through
from polyai_diag.probes.tls import TLS_TIMEOUT_S
from polyai_diag.probes.trace import Trace

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import AsyncIterator

    from polyai_diag.model import Json

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Route:
    """Where connections to a host go, and how TLS on them is checked."""

    host: str
    port: int
    addresses: tuple[Address, ...] = ()
    proxy: str | None = None
    tls: ssl.SSLContext | None = None  # None: no TLS

    def racing(self, trace: Trace, **notes: Json) -> contextlib.AbstractContextManager[Race]:
        """Connect to every address; without a proxy only."""
        return racing(self.addresses, trace, host=self.host, **notes)

    async def open(self, trace: Trace | None = None, **notes: Json) -> socket.socket | None:
        """Open one TCP connection; None when there is none. Without a trace nothing is kept."""
        trace = trace or Trace("beside")
        if self.proxy is not None:
            return await connect_through(self.proxy, self.host, self.port, trace, **notes)
        with self.racing(trace, **notes) as race:
            return await race.first()

    @contextlib.asynccontextmanager
    async def stream(self, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Stream]:
        """Open a connection for a block, TLS included; nothing of it is kept.

        `tls` takes the place of the route's own context. Raises OSError (ssl.SSLError).
        """
        sock = await self.open()
        if sock is None:
            raise ConnectionError("no TCP connection")
        context = tls or self.tls
        try:
            async with asyncio.timeout(TLS_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(
                    sock=sock, ssl=context, server_hostname=self.host if context else None
                )
        except BaseException:
            sock.close()
            raise
        try:
            yield reader, writer
        finally:
            writer.transport.abort()
