"""A STUN and TURN server on loopback: UDP, TCP and TLS, with faults on request.

It binds 127.0.0.1 and, for RFC 5780, 127.0.0.2, or ::1; nothing else. It relays to loopback only.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from polyai_diag.sandbox.rhythm import listens_at
from polyai_diag.sandbox.settings import TurnFaults
from polyai_diag.sandbox.turn_allocation import Address, TurnLimits
from polyai_diag.sandbox.turn_paths import Streams, UdpEndpoint
from polyai_diag.sandbox.turn_service import TurnService

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

__all__ = ["TurnFaults", "TurnLimits", "TurnServer"]

HOST = "127.0.0.1"
OTHER_HOST = "127.0.0.2"
_BIND_ATTEMPTS = 20


class TurnServer:
    """Serves inside `async with`; leaving it closes every socket and task.

    Ports are ephemeral unless given. Without `ssl_context` there is no `turns:`.
    `users` maps user names to passwords and is asked at each request.
    """

    def __init__(  # noqa: PLR0913 - each option has a name
        self,
        *,
        users: Mapping[str, str],
        host: str = HOST,
        ssl_context: ssl.SSLContext | None = None,
        realm: str = "sandbox.invalid",
        faults: TurnFaults | None = None,
        limits: TurnLimits | None = None,
        port: int = 0,
        tls_port: int = 0,
    ) -> None:
        self._faults = faults or TurnFaults()
        limits = limits or TurnLimits()
        self._host = host
        self._service = TurnService(host, users, realm, self._faults, limits)
        self._streams = Streams(self._service, limits, self._faults.streams)
        self._ssl_context = ssl_context
        self._asked = (port, tls_port)
        self._udp: dict[Address, UdpEndpoint] = {}
        self._listeners: list[asyncio.Server] = []
        self._dead = ExitStack()
        self._dead_port = 0  # where nobody listens; 0: no URL leads there

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Bind and serve. Raises OSError when a port that was asked for is taken."""
        try:
            await self._listen()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop, and return when every socket is closed."""
        for listener in self._listeners:
            listener.close()
        await self._streams.close()
        await self._service.close()
        for listener in self._listeners:
            await listener.wait_closed()
        for endpoint in self._udp.values():
            endpoint.transport.abort()
        await asyncio.gather(*(endpoint.closed for endpoint in self._udp.values()))
        self._dead.close()

    @property
    def udp_port(self) -> int:
        """STUN and TURN over UDP."""
        return next(iter(self._udp))[1]

    @property
    def tcp_port(self) -> int:
        """TURN over TCP: the same number as `udp_port`."""
        return self.udp_port

    @property
    def tls_port(self) -> int:
        """TURN over TLS. Raises ValueError without an `ssl_context`."""
        if self._ssl_context is None:
            raise ValueError("this server has no TLS: it was given no ssl_context")
        port: int = self._listeners[-1].sockets[0].getsockname()[1]
        return port

    @property
    def relayed_addresses(self) -> AbstractSet[Address]:
        """The relayed addresses that are allocated: a live view."""
        return self._service.relayed_addresses

    @property
    def allocations(self) -> int:
        """How many allocations are alive."""
        return self._service.allocations

    def urls(self) -> list[str]:
        """Return what `iceServers` takes: STUN, TURN over UDP and TCP, and TLS where served."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        turn_port = self._dead_port if self._faults.dead_urls else self.udp_port
        by_transport = {
            "udp": f"turn:{host}:{turn_port}?transport=udp",
            "tcp": f"turn:{host}:{turn_port}?transport=tcp",
        }
        if self._ssl_context is not None:
            tls_port = self._dead_port if self._faults.dead_urls else self.tls_port
            by_transport["tls"] = f"turns:{host}:{tls_port}?transport=tcp"
        given_out = [by_transport[t] for t in self._faults.transports if t in by_transport]
        stun_port = self._dead_port if self._faults.dead_stun_url else self.udp_port
        return [f"stun:{host}:{stun_port}", *given_out]

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        port, tls_port = self._asked
        if self._faults.dead_urls or self._faults.dead_stun_url:
            self._dead_port = _taken_port(self._host, self._dead)
        datagram_sockets, tcp_socket = _bind_where_free(self._host, port)
        try:
            for bound in datagram_sockets:
                _, endpoint = await loop.create_datagram_endpoint(
                    lambda: UdpEndpoint(self._service, self._udp, deaf=self._faults.drop_udp),
                    sock=bound,
                )
                self._udp[endpoint.address] = endpoint
            plain = await loop.create_server(lambda: self._streams.gate(None), sock=tcp_socket)
            self._listeners.append(plain)
        except BaseException:
            for bound in (*datagram_sockets, tcp_socket):
                bound.close()
            raise
        if self._ssl_context is not None:
            context = self._ssl_context
            place = listens_at(self._host, tls_port, self._faults.tls_reset_rhythm)
            self._listeners.append(
                await loop.create_server(lambda: self._streams.gate(context), **place)
            )


def _bind_where_free(host: str, port: int) -> tuple[list[socket.socket], socket.socket]:
    """Bind UDP sockets, primary first, and the TCP socket with the primary's number."""
    for attempt in range(1, _BIND_ATTEMPTS + 1):
        with ExitStack() as unless_done:
            try:
                tcp = unless_done.enter_context(_bound(socket.SOCK_STREAM, host, port))
                primary = tcp.getsockname()[1]
                udp = [unless_done.enter_context(_bound(socket.SOCK_DGRAM, host, primary))]
                if host == HOST and _has_other_host():
                    alternate = unless_done.enter_context(_bound(socket.SOCK_DGRAM, host, 0))
                    udp.append(alternate)
                    for number in (primary, alternate.getsockname()[1]):
                        other = _bound(socket.SOCK_DGRAM, OTHER_HOST, number)
                        udp.append(unless_done.enter_context(other))
            except OSError:
                if port or attempt == _BIND_ATTEMPTS:
                    raise
                continue
            unless_done.pop_all()
            return udp, tcp
    raise AssertionError("the last attempt returns or raises")


def _taken_port(host: str, stack: ExitStack) -> int:
    """Bind a port and do nothing with it: TCP is refused there, UDP meets silence."""
    for attempt in range(1, _BIND_ATTEMPTS + 1):
        tcp = _bound(socket.SOCK_STREAM, host, 0)
        port: int = tcp.getsockname()[1]
        try:
            udp = _bound(socket.SOCK_DGRAM, host, port)
        except OSError:
            tcp.close()
            if attempt == _BIND_ATTEMPTS:
                raise
            continue
        stack.callback(tcp.close)
        stack.callback(udp.close)
        return port
    raise AssertionError("the last attempt returns or raises")


def _has_other_host() -> bool:
    """Whether a second loopback address exists: not on macOS, unless it was added."""
    try:
        _bound(socket.SOCK_DGRAM, OTHER_HOST, 0).close()
    except OSError:
        return False
    return True


def _bound(kind: socket.SocketKind, host: str, port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only for sockets that name TCP.
    protocol = socket.IPPROTO_TCP if kind is socket.SOCK_STREAM else socket.IPPROTO_UDP
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        if kind is socket.SOCK_STREAM and os.name == "posix":
            # A port that was asked for can be had again at once; Windows means theft by it.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except BaseException:
        made.close()
        raise
    return made
