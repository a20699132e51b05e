"""The proxy between: which one the environment sets, and a connection through it."""

from __future__ import annotations

import asyncio
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from polyai_diag.failures import Failure

if TYPE_CHECKING:
    import socket

    from polyai_diag.probes.trace import Trace

PROXY_TIMEOUT_S = 8.0


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
        async with asyncio.timeout(PROXY_TIMEOUT_S):
            connected: socket.socket = await Proxy.from_url(proxy).connect(host, port)
            return connected
    return None


def proxy_name(proxy: str) -> str:
    """Return the proxy without its login: fit to be shown."""
    parts = urlsplit(_with_scheme(proxy))
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def _with_scheme(proxy: str) -> str:
    """Take a proxy without a scheme, as the environment often has it, for an HTTP proxy."""
    return proxy if "://" in proxy else f"http://{proxy}"
