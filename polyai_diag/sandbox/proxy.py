"""An HTTP proxy on this machine: it passes, refuses, asks for a login, or looks into TLS.

Whatever host it is asked for, it leads to this machine and nowhere else.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import re
import secrets
from typing import TYPE_CHECKING, NamedTuple, Self

from polyai_diag.sandbox.certificates import Authority
from polyai_diag.sandbox.settings import ProxyMode

if TYPE_CHECKING:
    import ssl

HOST = "127.0.0.1"
_REGIONS_GATEWAY = re.compile(r"webrtc-gateway\.[a-z0-9-]+\.platform\.polyai\.app")
_CONNECT = re.compile(r"CONNECT (?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):(?P<port>\d{1,5}) HTTP/1")
_INTERCEPTS = (
    ProxyMode.INTERCEPT,
    ProxyMode.INTERCEPT_IN_STEPS,
    ProxyMode.STRIP_UPGRADE,
    ProxyMode.BLOCK_PAGE,
)
_HEAD_BYTES = 16 * 1024
_HEAD_S = 10.0
_HANDSHAKE_S = 5.0
_SLOW_S = 2.0
_CHUNK_BYTES = 64 * 1024
_Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_HOP_BY_HOP = (b"upgrade:", b"connection:", b"sec-websocket-")  # RFC 9110 §7.6.1, and its company


class Upstream(NamedTuple):
    """Where the sandbox's gateway is, and whom to trust for it."""

    port: int
    context: ssl.SSLContext
    host: str = HOST


class Proxy:
    """An `async with` block that serves; leaving it ends every connection.

    `authority` signs for the hosts that it intercepts.
    """

    def __init__(self, mode: ProxyMode, upstream: Upstream) -> None:
        in_steps = mode is ProxyMode.INTERCEPT_IN_STEPS
        self.authority = Authority("Sandbox inspecting proxy", in_steps=in_steps)
        self._mode = mode
        self._upstream = upstream
        self._login = f"sandbox:{secrets.token_urlsafe(12)}"
        self._port = 0
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, HOST, 0, limit=_HEAD_BYTES)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        if self._server:
            await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._port}"

    @property
    def url_with_login(self) -> str:
        """The same, with the login that ProxyMode.ASK_LOGIN takes."""
        return f"http://{self._login}@{HOST}:{self._port}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
        with contextlib.suppress(*gone):
            try:
                await self._answer(await _head(reader), reader, writer)
                writer.close()
                await writer.wait_closed()
            finally:
                writer.transport.abort()  # after a broken handshake nobody tells that it closed

    async def _answer(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        asked = _CONNECT.match(head.decode("latin-1"))
        if asked is None or not 0 < int(asked["port"]) < 65536:
            writer.write(_page("400 Bad Request", "This proxy takes CONNECT HOST:PORT alone."))
            return
        host, port = asked["host"].strip("[]"), int(asked["port"])
        if self._mode is ProxyMode.HANG_UP:
            return
        if self._mode is ProxyMode.SILENT:
            await reader.read()  # until the client goes
            return
        if self._mode is ProxyMode.SLOW:
            await asyncio.sleep(_SLOW_S)
        if refusal := self._refusal(head):
            writer.write(refusal)
        elif self._mode is ProxyMode.CUT:
            writer.write(_ESTABLISHED)
            await reader.read(1)
        elif self._mode in _INTERCEPTS:
            await self._intercept(host, port, (reader, writer))
        else:
            await self._pass(host, port, (reader, writer))

    def _refusal(self, head: bytes) -> bytes | None:
        match self._mode:
            case ProxyMode.REFUSE:
                return _page("403 Forbidden", "Access denied: category “Internet telephony”.")
            case ProxyMode.UNAVAILABLE:
                return _page("503 Service Unavailable", "The host does not answer.")
            case ProxyMode.ASK_WINDOWS_LOGIN:
                return _login_page("Negotiate", "NTLM")
            case ProxyMode.ASK_LOGIN:
                expected = b"Basic " + base64.b64encode(self._login.encode())
                given = re.search(rb"\r\nproxy-authorization: *([^\r]+)", head, re.IGNORECASE)
                right = given is not None and secrets.compare_digest(given[1], expected)
                return None if right else _login_page('Basic realm="sandbox"')
            case _:
                return None

    async def _pass(self, host: str, port: int, client: _Stream) -> None:
        try:
            if not _is_this_machine(host):
                raise ConnectionRefusedError
            server = await asyncio.open_connection(host, port)
        except OSError:
            client[1].write(_page("502 Bad Gateway", "No connection to that host."))
            return
        client[1].write(_ESTABLISHED)
        await _join(client, server)

    async def _intercept(self, host: str, port: int, client: _Stream) -> None:
        """Answer for this host, by a certificate made for it now."""
        reader, writer = client
        try:
            context = self.authority.server_context(host)
        except ValueError:
            writer.write(_page("400 Bad Request", "That is no host name."))
            return
        writer.write(_ESTABLISHED)
        await writer.start_tls(context, ssl_handshake_timeout=_HANDSHAKE_S)
        head = await _head(reader)  # who only looks at the certificate goes before it
        if self._mode is ProxyMode.BLOCK_PAGE:
            writer.write(_page("200 OK", "This site is blocked by your organisation’s web filter."))
            return
        try:
            server = await self._open(host, port)
        except OSError:
            writer.write(_page("502 Bad Gateway", "No connection to that host."))
            return
        server[1].write(_without_upgrade(head) if self._mode is ProxyMode.STRIP_UPGRADE else head)
        await _join(client, server)

    async def _open(self, host: str, port: int) -> _Stream:
        """Connect to what stands for this host: one of PolyAI's is the sandbox's own gateway.

        Raises OSError; for every other host of the world too.
        """
        if _REGIONS_GATEWAY.fullmatch(host):
            port = self._upstream.port
        elif not _is_this_machine(host):
            raise ConnectionRefusedError
        return await asyncio.open_connection(
            self._upstream.host,
            port,
            ssl=self._upstream.context,
            ssl_handshake_timeout=_HANDSHAKE_S,
        )


_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


async def _head(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(_HEAD_S):
        return await reader.readuntil(b"\r\n\r\n")


def _without_upgrade(head: bytes) -> bytes:
    lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith(_HOP_BY_HOP)]
    return b"\r\n".join([*kept, b"Connection: close", b"Via: 1.1 sandbox", b"", b""])


def _page(status: str, text: str, *headers: str) -> bytes:
    """Return what a proxy puts in place of what was asked for."""
    body = f"<html><head><title>{status}</title></head><body><h1>{text}</h1></body></html>\n"
    lines = [
        f"HTTP/1.1 {status}",
        "Server: sandbox proxy",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(body.encode())}",
        "Connection: close",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def _login_page(*schemes: str) -> bytes:
    headers = [f"Proxy-Authenticate: {scheme}" for scheme in schemes]
    return _page("407 Proxy Authentication Required", "Log in to the proxy.", *headers)


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _join(client: _Stream, server: _Stream) -> None:
    """Carry bytes both ways until either side ends."""
    try:
        ways = [
            asyncio.create_task(_carry(client[0], server[1])),
            asyncio.create_task(_carry(server[0], client[1])),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
    finally:
        server[1].close()
        with contextlib.suppress(OSError):
            await server[1].wait_closed()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
