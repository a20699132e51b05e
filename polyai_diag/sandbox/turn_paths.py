"""How clients reach the sandbox's TURN server: UDP endpoints, TCP and TLS connections."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from polyai_diag.sandbox.settings import StreamMode
from polyai_diag.stun_message import CHANGE_IP, CHANGE_PORT, StreamSplitter, StunMalformed

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from polyai_diag.sandbox.turn_allocation import Address, TurnLimits
    from polyai_diag.sandbox.turn_service import TurnService

_HANDSHAKE_S = 10
_WEB_ANSWER = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_UNSENT_BYTES = 1 << 20


class UdpEndpoint(asyncio.DatagramProtocol):
    """One UDP address of the server; `siblings` are all of them, itself included."""

    def __init__(
        self, service: TurnService, siblings: Mapping[Address, UdpEndpoint], *, deaf: bool
    ) -> None:
        self.closed = asyncio.get_running_loop().create_future()
        self._service = service
        self._siblings = siblings
        self._deaf = deaf

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve from now on."""
        self.transport = cast("asyncio.DatagramTransport", transport)
        self.address: Address = transport.get_extra_info("sockname")[:2]

    def connection_lost(self, _exc: Exception | None) -> None:
        """Say so to who waits in `closed`."""
        self.closed.set_result(None)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Serve one datagram; drop what is malformed, as RFC 8489 §6.3 says."""
        if self._deaf:
            return
        try:
            self._service.received(data, UdpPath(self, addr[:2]))
        except StunMalformed:
            return

    def changed(self, change: int) -> UdpEndpoint | None:
        """Return the sibling that CHANGE-REQUEST asks for (RFC 5780 §7.2), None without one."""
        host, port = self.address
        for (other_host, other_port), sibling in self._siblings.items():
            ip_changes, port_changes = other_host != host, other_port != port
            if (ip_changes, port_changes) == (bool(change & CHANGE_IP), bool(change & CHANGE_PORT)):
                return sibling
        return None


@dataclass(frozen=True)
class UdpPath:
    """One client over UDP."""

    endpoint: UdpEndpoint
    client: Address

    @property
    def server(self) -> Address:
        """The server's address that it reached."""
        return self.endpoint.address

    @property
    def other(self) -> Address | None:
        """Where both host and port differ (RFC 5780 §7.4)."""
        opposite = self.endpoint.changed(CHANGE_IP | CHANGE_PORT)
        return opposite.address if opposite else None

    @property
    def is_stream(self) -> bool:
        """It is not."""
        return False

    def send(self, data: bytes) -> None:
        """Send one datagram."""
        self.endpoint.transport.sendto(data, self.client)

    def moved(self, change: int, port: int | None) -> UdpPath | None:
        """Answer from a sibling, or to another port of the client (RFC 5780 §7.2, §7.5)."""
        endpoint = self.endpoint.changed(change)
        client = (self.client[0], port or self.client[1])
        return UdpPath(endpoint, client) if endpoint else None


class Stream(asyncio.Protocol):
    """One client over TCP or TLS: a path of its own."""

    def __init__(
        self,
        service: TurnService,
        limits: TurnLimits,
        mode: StreamMode,
        on_lost: Callable[[], None],
    ) -> None:
        self._service = service
        self._mode = mode
        self._idle_s = limits.idle_s
        self._on_lost = on_lost
        self._splitter = StreamSplitter()
        self._transport: asyncio.Transport | None = None
        self._early = b""
        self._patience: asyncio.TimerHandle | None = None

    @property
    def client(self) -> Address:
        """The client's transport address."""
        return self._extra("peername")

    @property
    def server(self) -> Address:
        """The server's address that it reached."""
        return self._extra("sockname")

    @property
    def other(self) -> Address | None:
        """None: RFC 5780 is served over UDP."""
        return None

    @property
    def is_stream(self) -> bool:
        """It is."""
        return True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve from now on, beginning with what came before (see `Gate`)."""
        self._transport = cast("asyncio.Transport", transport)
        if not transport.is_closing():
            self._lose_patience_later()
            self.data_received(b"")

    def connection_lost(self, _exc: Exception | None) -> None:
        """Free what the client held."""
        if self._patience:
            self._patience.cancel()
        self._service.gone(self)
        self._on_lost()

    def data_received(self, data: bytes) -> None:
        """Serve the messages that are whole; hang up on what is none."""
        if self._transport is None:
            self._early += data
            return
        data, self._early = self._early + data, b""
        if self._mode is not StreamMode.SERVE:
            self._turn_away(data)
            return
        try:
            for message in self._splitter.feed(data):
                self._service.received(message, self)
        except StunMalformed:
            self._transport.abort()

    def _turn_away(self, data: bytes) -> None:
        assert self._transport is not None  # noqa: S101 - no data is taken before
        if data and self._mode is StreamMode.HANG_UP:
            self._transport.close()
        elif data and self._mode is StreamMode.WEB:
            self._transport.write(_WEB_ANSWER)
            self._transport.close()

    def send(self, data: bytes) -> None:
        """Send one message; drop it while the client does not read."""
        if self._transport and self._transport.get_write_buffer_size() < _UNSENT_BYTES:
            self._transport.write(data)

    def moved(self, change: int, port: int | None) -> Stream | None:
        """Only itself: there is no other way back to a connection."""
        return None if change or port else self

    def _extra(self, name: str) -> Address:
        assert self._transport is not None  # noqa: S101 - no message is served before
        address: Address = self._transport.get_extra_info(name)[:2]
        return address

    def _lose_patience_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(self._idle_s, self._lose_patience)

    def _lose_patience(self) -> None:
        if self._service.serves(self):
            self._lose_patience_later()
        elif self._transport:
            self._transport.abort()


class Streams:
    """The connections that are open, so that they are counted and can be ended."""

    def __init__(self, service: TurnService, limits: TurnLimits, mode: StreamMode) -> None:
        self.handshakes: set[asyncio.Task[None]] = set()
        self._service = service
        self._limits = limits
        self._mode = mode
        self._open: set[asyncio.Transport] = set()
        self._closing = False

    def gate(self, context: ssl.SSLContext | None) -> Gate:
        """Make the protocol for a connection that was just accepted."""
        return Gate(self, context)

    def admit(self, transport: asyncio.Transport) -> Stream | None:
        """Take the connection in, or end it when there are too many."""
        if self._closing or len(self._open) >= self._limits.connections:
            transport.abort()
            return None
        self._open.add(transport)
        return Stream(self._service, self._limits, self._mode, lambda: self.forget(transport))

    def forget(self, transport: asyncio.Transport) -> None:
        """Take note that it ended."""
        self._open.discard(transport)

    async def close(self) -> None:
        """End them all, and let none in any more."""
        self._closing = True
        for transport in self._open:
            transport.abort()
        for handshake in self.handshakes:
            handshake.cancel()  # one that has not begun does not hear of the abort
        await asyncio.gather(*self.handshakes, return_exceptions=True)


class Gate(asyncio.Protocol):
    """Counts a connection from its first moment, and does the TLS handshake where there is one.

    asyncio's own TLS server tells of a connection only after its handshake: one that never ends
    would outlive the server.
    """

    def __init__(self, streams: Streams, context: ssl.SSLContext | None) -> None:
        self._streams = streams
        self._context = context

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection on to a Stream."""
        raw = cast("asyncio.Transport", transport)
        stream = self._streams.admit(raw)
        if stream is None:
            return
        if self._context is None:
            raw.set_protocol(stream)
            stream.connection_made(raw)
            return
        raw.pause_reading()
        task = asyncio.get_running_loop().create_task(self._secure(raw, stream, self._context))
        self._streams.handshakes.add(task)
        task.add_done_callback(self._streams.handshakes.discard)

    async def _secure(
        self, raw: asyncio.Transport, stream: Stream, context: ssl.SSLContext
    ) -> None:
        secured = None
        try:
            secured = await asyncio.get_running_loop().start_tls(
                raw, stream, context, server_side=True, ssl_handshake_timeout=_HANDSHAKE_S
            )
        except OSError:
            return  # the client's handshake, and the client hears of it
        finally:
            if secured is None:
                raw.abort()
                self._streams.forget(raw)
        if secured is not None:
            stream.connection_made(secured)
