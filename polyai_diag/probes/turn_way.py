"""The way to one TURN server: UDP, TCP or TLS, straight to an address or through the proxy."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from polyai_diag.failures import Failure
from polyai_diag.probes import net
from polyai_diag.probes.chain import read_chain
from polyai_diag.probes.proxy import connect_through, proxy_name
from polyai_diag.probes.route import Route
from polyai_diag.probes.stun_transport import StunTransport, stream_over
from polyai_diag.probes.tls import note_tls, tls_context

if TYPE_CHECKING:
    import socket
    import ssl

    from polyai_diag.model import Json
    from polyai_diag.probes.chain import Chain
    from polyai_diag.probes.trace import Trace
    from polyai_diag.target import IceServer, IceUrl

ALPN = "stun.turn"
"""RFC 7443 §4."""
CHAIN_S = 4.0


class Way(NamedTuple):
    """One way that is tried: a URL at one address of its host, or through a proxy."""

    url: IceUrl
    server: IceServer
    address: net.Address | None  # None: the proxy looks the name up
    proxy: str | None = None
    configured: bool = True

    @property
    def host(self) -> str:
        """Where a proxy is asked to connect to."""
        return self.address.host if self.address else self.url.host

    @property
    def port(self) -> int:
        """The same; an alternate server has one of its own."""
        return self.address.port if self.address else self.url.port

    def notes(self) -> dict[str, Json]:
        """Return what tells it from the other ways of its URL."""
        told: dict[str, Json] = {}
        if self.address is not None:
            told["server"] = str(self.address)
        if not self.configured:
            told["configured"] = False
        if self.proxy is not None:
            told["through"] = proxy_name(self.proxy)
        return told


def turn_tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return a client context for `turns:`. Raises TargetError for a file that cannot be read."""
    return tls_context(ca_file, alpn=ALPN)


async def connect(
    way: Way, tls: ssl.SSLContext, trace: Trace, *, until_s: float, **told: Json
) -> StunTransport | None:
    """Connect by TCP, and shake hands for `turns:`; None when it failed, and the trace says how.

    `until_s` is the moment of `time.monotonic()` at which it is given up.
    """
    notes = {"url": way.url.url, **way.notes(), **told}
    sock = await _open(way, trace, until_s, notes)
    if sock is None:
        return None
    if way.url.transport != "tls":
        stream, _ = await stream_over(sock, way.host, way.port)
        return stream
    with trace.observe("tls_handshake", _written(way.url), **notes) as seen:
        try:
            async with asyncio.timeout(max(0.1, until_s - time.monotonic())):
                stream, agreed = await stream_over(sock, way.url.host, way.url.port, tls)
        except TimeoutError:
            seen.note(detail="TCP connected, and no answer to TLS")
            raise
        note_tls(seen, agreed)
        return stream
    return None


async def show_chain(way: Way, trace: Trace, ca_file: str | None) -> Chain | None:
    """Keep the certificates that a `turns:` server shows, on a connection of its own.

    None where there is none to be had: the probe beside it says what fails.
    """
    addresses = (way.address,) if way.address else ()
    route = Route(way.url.host, way.url.port, addresses, way.proxy)
    notes = {"url": way.url.url, **way.notes()}
    try:
        async with asyncio.timeout(CHAIN_S):
            return await read_chain(route, trace, ca_file=ca_file, alpn=ALPN, **notes)
    except OSError:
        return None


async def _open(
    way: Way, trace: Trace, until_s: float, notes: dict[str, Json]
) -> socket.socket | None:
    if way.proxy is not None:
        return await connect_through(way.proxy, way.host, way.port, trace, **notes)
    if way.address is None:
        with trace.observe("tcp_connect", _written(way.url), **notes) as seen:
            seen.fail(Failure.DNS_NO_ANSWER)
        return None
    left_s = max(0.1, until_s - time.monotonic())
    timeout_s = min(net.CONNECT_TIMEOUT_S, left_s)
    return await net.connect_tcp(way.address, trace, timeout_s=timeout_s, **notes)


def _written(url: IceUrl) -> str:
    return f"[{url.host}]:{url.port}" if ":" in url.host else f"{url.host}:{url.port}"
