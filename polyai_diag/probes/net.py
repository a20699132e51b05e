"""The way to a host: DNS, TCP, TLS, and the proxy between."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import ssl
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from polyai_diag.failures import Failure
from polyai_diag.model import TargetError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from polyai_diag.probes.trace import Seen, Trace

DNS_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 4.0
TLS_TIMEOUT_S = 5.0


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


def proxy_for(host: str, *, secure: bool) -> str | None:
    """Return the proxy that the environment sets for this host (HTTPS_PROXY, NO_PROXY)."""
    proxies = urllib.request.getproxies()
    proxy = proxies.get("https" if secure else "http") or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(host):
        return None
    return _with_scheme(proxy)


async def connect_through(proxy: str, host: str, port: int, trace: Trace) -> socket.socket | None:
    """Open a connection through an HTTP (CONNECT) or SOCKS proxy."""
    from python_socks import ProxyError as Refused  # noqa: PLC0415 - loads only where a proxy is
    from python_socks.async_.asyncio import Proxy  # noqa: PLC0415

    known = {Refused: lambda _: Failure.PROXY_FAILED, ValueError: lambda _: Failure.PROXY_FAILED}
    with trace.observe("proxy_connect", proxy_name(proxy), known=known, through=f"{host}:{port}"):
        async with asyncio.timeout(CONNECT_TIMEOUT_S * 2):
            connected: socket.socket = await Proxy.from_url(proxy).connect(host, port)
            return connected
    return None


def proxy_name(proxy: str) -> str:
    """Return the proxy without its login: fit to be shown."""
    parts = urlsplit(_with_scheme(proxy))
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return a client context that trusts the system's authorities and those of `ca_file`.

    Raises TargetError when the file cannot be read as certificates.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as exc:
            reason = os.strerror(exc.errno) if type(exc) is not ssl.SSLError and exc.errno else exc
            raise TargetError(f"--ca-file {ca_file}: no certificates read ({reason})") from None
    return context


@contextlib.asynccontextmanager
async def within_tls_timeout(seen: Seen) -> AsyncIterator[None]:
    """Bound a TLS handshake, and say in `seen` what the silence was. Raises TimeoutError."""
    try:
        async with asyncio.timeout(TLS_TIMEOUT_S):
            yield
    except TimeoutError:
        seen.note(detail=f"TCP connected, and no answer to TLS in {TLS_TIMEOUT_S:.0f} s")
        raise


def note_tls(seen: Seen, connection: ssl.SSLObject | None) -> None:
    """Keep what TLS agreed on, and whose certificate was shown."""
    if connection is None:
        return
    certificate: dict[str, Any] = dict(connection.getpeercert() or {})
    seen.note(
        version=connection.version(),
        alpn=connection.selected_alpn_protocol(),
        issuer=_name(certificate.get("issuer", ())),
        subject=_name(certificate.get("subject", ())),
        not_after=certificate.get("notAfter"),
    )


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


def _with_scheme(proxy: str) -> str:
    """Take a proxy without a scheme, as the environment often has it, for an HTTP proxy."""
    return proxy if "://" in proxy else f"http://{proxy}"


def _name(parts: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    return ", ".join(f"{key}={value}" for part in parts for key, value in part)
