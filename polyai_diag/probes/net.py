"""Addresses of a host, and TCP to them."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from polyai_diag.probes.trace import Trace

CONNECT_TIMEOUT_S = 4.0
LATE_S = 1.5  # for the other addresses once one is up: a lost SYN is sent again after 1 s


@dataclass(frozen=True)
class Address:
    """One address of a host."""

    family: socket.AddressFamily
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def for_udp(addresses: Sequence[Address]) -> Address:
    """Choose the address to ask over UDP: IPv4 where there is one.

    Nothing tells at once that UDP over a broken IPv6 is lost, and a silent server would be blamed
    for it. Raises IndexError when there is none.
    """
    return next((a for a in addresses if a.family == socket.AF_INET), None) or addresses[0]


async def open_tcp(address: Address) -> socket.socket:
    """Open a TCP connection. Raises OSError; the caller sets the limit."""
    with contextlib.ExitStack() as cleanup:
        sock = socket.socket(address.family, socket.SOCK_STREAM)
        cleanup.callback(sock.close)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (address.host, address.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        cleanup.pop_all()
        return sock


async def connect_tcp(
    address: Address, trace: Trace, *, timeout_s: float = CONNECT_TIMEOUT_S, **notes: Any
) -> socket.socket | None:
    """Open a TCP connection; None when it failed, and the trace says how."""
    return await _connect(address, trace, asyncio.timeout(timeout_s), **notes)


async def _connect(
    address: Address, trace: Trace, limit: asyncio.Timeout, **notes: Any
) -> socket.socket | None:
    with trace.observe("tcp_connect", str(address), **notes) as seen:
        async with limit:
            sock = await open_tcp(address)
        seen.note(local_address=sock.getsockname()[0])
        return sock
    return None


class Race:
    """TCP connections to every address of a host at once, each of them kept in the trace.

    Other than RFC 8305, no address is held back: all of them are to be known. `first()` is the
    connection to use; the rest is let in or given up when the `racing` block ends.
    """

    def __init__(self, addresses: Sequence[Address], trace: Trace, **notes: Any) -> None:
        self._limits = [asyncio.timeout(CONNECT_TIMEOUT_S) for _ in addresses]
        self._tasks = [
            asyncio.create_task(_connect(address, trace, limit, **notes), name=f"connect {address}")
            for address, limit in zip(addresses, self._limits, strict=True)
        ]
        self._taken: socket.socket | None = None

    async def first(self) -> socket.socket | None:
        """Return the first connection that is up, None when no address took one."""
        for done in asyncio.as_completed(self._tasks):
            self._taken = await done
            if self._taken is not None:
                self._hurry()
                return self._taken
        return None

    async def others(self) -> None:
        """Wait for what is still open, and close it."""
        for sock in await asyncio.gather(*self._tasks):
            if sock is not None and sock is not self._taken:
                sock.close()

    def abandon(self) -> None:
        """Give up what is still open, and close what is up but was not taken.

        Nothing is awaited: a cancel that came here would leave the connection taken to nobody.
        """
        for task in self._tasks:
            if not task.done():
                task.cancel()
            elif not task.cancelled() and (sock := task.result()) is not self._taken and sock:
                sock.close()

    def _hurry(self) -> None:
        loop = asyncio.get_running_loop()
        late = loop.time() + LATE_S
        for limit, task in zip(self._limits, self._tasks, strict=True):
            if not task.done() and not limit.expired() and (limit.when() or late) > late:
                limit.reschedule(late)


@contextlib.contextmanager
def racing(addresses: Sequence[Address], trace: Trace, **notes: Any) -> Iterator[Race]:
    """Connect to all of them; whatever is open at the block's end and was not taken is closed."""
    race = Race(addresses, trace, **notes)
    try:
        yield race
    finally:
        race.abandon()


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
