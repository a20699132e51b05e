"""What listens in the gateway's place: no gateway, each in a way of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING

from polyai_diag.sandbox.settings import Stranger

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

_BEHIND_TLS = (Stranger.SHELL, Stranger.HUSH, Stranger.CUT)
_CHUNK_BYTES = 64 * 1024
_SAYS = {
    Stranger.WEB: b"HTTP/1.1 400 Bad Request\r\nServer: web\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n",
    Stranger.ALERT: bytes([21, 3, 3, 0, 2, 2, 40]),  # RFC 8446 §6: fatal, handshake_failure
    Stranger.SHELL: b"SSH-2.0-OpenSSH_9.2\r\n",
}
_NO_LINGER = struct.pack("ii", 1, 0)  # a close is then a reset


@contextlib.asynccontextmanager
async def listening(kind: Stranger, context: ssl.SSLContext, host: str) -> AsyncIterator[int]:
    """Listen for a block; yield the port. What is open ends with the block."""
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(_serve(kind, reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    tls = context if kind in _BEHIND_TLS else None
    server = await asyncio.start_server(accept, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()


async def _serve(
    kind: Stranger, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    with contextlib.suppress(OSError):
        try:
            if await reader.read(_CHUNK_BYTES):
                await _answer(kind, reader, writer)
        finally:
            writer.transport.abort()


async def _answer(
    kind: Stranger, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    if kind is Stranger.RESET:
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    elif kind in _SAYS:
        writer.write(_SAYS[kind])
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    elif kind in (Stranger.SILENT, Stranger.HUSH):
        await reader.read()  # until the client goes
