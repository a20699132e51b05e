"""The proxy between: which one is set, and a connection through it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

import h11

from polyai_diag.failures import Failure
from polyai_diag.probes.dns import look_up
from polyai_diag.probes.net import CONNECT_TIMEOUT_S, open_tcp
from polyai_diag.secret import Secret

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from polyai_diag.model import Json
    from polyai_diag.probes.trace import Known, Seen, Trace
    from polyai_diag.target import Target

MAX_HEAD_BYTES = 16 * 1024
MAX_PAGE_BYTES = 4 * 1024
PAGE_TIMEOUT_S = 1.0
_SPOKEN = ("basic",)
"""Login schemes that a name and a password are enough for."""


def proxy_for(target: Target) -> str | None:
    """Return the proxy that leads to the target: its own, else the environment's.

    The environment's are HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, but for hosts in NO_PROXY.
    """
    if target.proxy is not None:
        return target.proxy.reveal()
    proxies = urllib.request.getproxies()
    proxy = proxies.get("https" if target.secure else "http") or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(target.host):
        return None
    return _with_scheme(proxy)


def proxy_name(proxy: str) -> str:
    """Return the proxy without its login: fit to be shown."""
    parts = urlsplit(_with_scheme(proxy))
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def logins(target: Target) -> Iterator[Secret]:
    """Yield `name:password` of every proxy that is set, in use or not."""
    given = [target.proxy.reveal()] if target.proxy else []
    for proxy in (*given, *urllib.request.getproxies().values()):
        with contextlib.suppress(ValueError):  # what is no URL has no login
            login = _login_in(urlsplit(_with_scheme(proxy)))
            if login is not None:
                yield login


def _login_in(proxy: SplitResult) -> Secret | None:
    if proxy.username is None:
        return None
    return Secret(f"{unquote(proxy.username)}:{unquote(proxy.password or '')}")


async def connect_through(
    proxy: str, host: str, port: int, trace: Trace, **notes: Json
) -> socket.socket | None:
    """Open a connection through an HTTP (CONNECT, RFC 9110 §9.3.6) or SOCKS proxy.

    None when it was refused, and the trace says how. Where the proxy asks for a login that this
    tool does not speak, the observation carries `not_measured`.
    """
    from python_socks import ProxyError  # noqa: PLC0415 - loads only where a proxy is

    known: Known = {
        ProxyError: lambda _: Failure.PROXY_FAILED,
        h11.RemoteProtocolError: lambda _: Failure.PROXY_FAILED,
        ValueError: lambda _: Failure.PROXY_FAILED,
    }
    asked = {**notes, "through": f"{host}:{port}"}
    with trace.observe("proxy_connect", proxy_name(proxy), known=known, **asked) as seen:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            return await _through(urlsplit(proxy), host, port, seen)
    return None


async def _through(proxy: SplitResult, host: str, port: int, seen: Seen) -> socket.socket | None:
    if proxy.scheme == "https":
        said = "not measured: a proxy that is itself reached over TLS is not spoken to by this tool"
        seen.fail(Failure.PROXY_FAILED, said, not_measured=True)
        return None
    if proxy.scheme != "http":
        return await _through_socks(proxy, host, port)
    sock = await _reach(proxy)
    try:
        if await _ask_connect(sock, proxy, host, port, seen):
            return sock
    except BaseException:
        sock.close()
        raise
    sock.close()
    return None


async def _through_socks(proxy: SplitResult, host: str, port: int) -> socket.socket:
    from python_socks.async_.asyncio import Proxy  # noqa: PLC0415

    # socks5h is curl's word for: let the proxy look the name up, which is what we always do.
    url = proxy._replace(scheme=proxy.scheme.removesuffix("h")).geturl()
    connected: socket.socket = await Proxy.from_url(url, rdns=True).connect(host, port)
    return connected


async def _reach(proxy: SplitResult) -> socket.socket:
    """Connect to the proxy itself, address by address. Raises OSError."""
    refused = OSError("the proxy has no address")
    for address in await look_up(proxy.hostname or "", proxy.port or 80):
        try:
            return await open_tcp(address)
        except OSError as exc:
            refused = exc
    raise refused


async def _ask_connect(
    sock: socket.socket, proxy: SplitResult, host: str, port: int, seen: Seen
) -> bool:
    loop = asyncio.get_running_loop()
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    headers = [("Host", authority), *_login_header(proxy)]
    request = h11.Request(method="CONNECT", target=authority, headers=headers)
    await loop.sock_sendall(sock, http.send(request) or b"")
    event, read = http.next_event(), 0
    while not isinstance(event, h11.Response):
        if event is h11.NEED_DATA:
            data = await loop.sock_recv(sock, 4096)
            http.receive_data(data)
            read += len(data)
        if read > MAX_HEAD_BYTES:  # 100 (Continue) without end
            raise h11.RemoteProtocolError("the proxy's answer has no end")
        event = http.next_event()
    if 200 <= event.status_code < 300:
        return True
    await _note_refusal(sock, http, event, seen)
    return False


def _login_header(proxy: SplitResult) -> list[tuple[str, str]]:
    login = _login_in(proxy)
    if login is None:
        return []
    basic = base64.b64encode(login.reveal().encode()).decode()
    return [("Proxy-Authorization", f"Basic {basic}")]


async def _note_refusal(
    sock: socket.socket, http: h11.Connection, response: h11.Response, seen: Seen
) -> None:
    headers = [
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers
    ]
    offers = [value.split()[0] for name, value in headers if _asks_login(name) and value.split()]
    reason = response.reason.decode("latin-1")
    said = f"the proxy answered {response.status_code} {reason}".rstrip()
    strange = response.status_code == 407 and not {o.lower() for o in offers} & set(_SPOKEN)
    if strange and offers:
        said = f"not measured: the proxy takes only the login {' or '.join(offers)}, which a \
browser of this network speaks and this tool does not"
        seen.note(not_measured=True)
    wanted = ("server", "via", "content-type")
    seen.note(**{n.replace("-", "_"): v for n, v in headers if n in wanted})
    page = (await _page(sock, http)).decode("utf-8", "replace")
    seen.fail(
        Failure.PROXY_FAILED, said, status=response.status_code, offers=offers, body=page[:400]
    )


def _asks_login(header: str) -> bool:
    return header == "proxy-authenticate"


async def _page(sock: socket.socket, http: h11.Connection) -> bytes:
    """Read how the proxy's page begins: it often says who blocks, and why."""
    page = b""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(PAGE_TIMEOUT_S):
            while len(page) < MAX_PAGE_BYTES:
                event = http.next_event()
                if event is h11.NEED_DATA:
                    http.receive_data(await loop.sock_recv(sock, 4096))
                elif isinstance(event, h11.Data):
                    page += bytes(event.data)
                else:
                    break
    except (OSError, h11.RemoteProtocolError):
        pass  # the status has told enough
    return page


def _with_scheme(proxy: str) -> str:
    """Take a proxy without a scheme, as the environment often has it, for an HTTP proxy."""
    return proxy if "://" in proxy else f"http://{proxy}"
