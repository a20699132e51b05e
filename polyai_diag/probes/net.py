"""The way to a host: its addresses, and TCP."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from polyai_diag.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyai_diag.probes.trace import Trace

DNS_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 4.0


@dataclass(frozen=True)
class Address:
    """One address of a host."""

    family: socket.AddressFamily
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


async def resolve(host: str, port: int, trace: Trace) -> list[Address]:
    """Look a host name up; what the trace keeps is every address, in the resolver's order.

    An address given as such is returned without asking anyone. Empty when there is none.
    """
    written = literal(host, port)
    if written is not None:
        return [written]
    with trace.observe("dns_lookup", host) as seen:
        async with asyncio.timeout(DNS_TIMEOUT_S):
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [Address(family, *sockaddr[:2]) for family, _, _, _, sockaddr in found]
        seen.note(addresses=[address.host for address in addresses])
        if not addresses:
            seen.fail(Failure.DNS_NO_ANSWER)
        return addresses
    return []


def for_udp(addresses: Sequence[Address]) -> Address:
    """Choose the address to ask over UDP: IPv4 where there is one.

    Nothing tells at once that UDP over a broken IPv6 is lost, and a silent server would be blamed
    for it. Raises IndexError when there is none.
    """
    return next((a for a in addresses if a.family == socket.AF_INET), None) or addresses[0]


async def connect_tcp(
    address: Address, trace: Trace, *, timeout_s: float = CONNECT_TIMEOUT_S, **notes: Any
) -> socket.socket | None:
    """Open a TCP connection; None when it failed, and the trace says how."""
    with (
        contextlib.ExitStack() as cleanup,
        trace.observe("tcp_connect", str(address), **notes) as seen,
    ):
        sock = socket.socket(address.family, socket.SOCK_STREAM)
        cleanup.callback(sock.close)
        sock.setblocking(False)
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().sock_connect(sock, (address.host, address.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        seen.note(local_address=sock.getsockname()[0])
        cleanup.pop_all()
        return sock
    return None


async def connect_any(addresses: list[Address], trace: Trace, **notes: Any) -> socket.socket | None:
    """Try the addresses one after the other; each attempt is kept."""
    for address in addresses:
        sock = await connect_tcp(address, trace, **notes)
        if sock is not None:
            return sock
    return None


def is_loopback(host: str) -> bool:
    """Whether an address, or the name localhost, is this very machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def literal(host: str, port: int) -> Address | None:
    """Return the address that a host is written as, None where it is a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    return Address(family, str(address), port)
