"""The gateway's own HTTP: /health and /api/v1/ice-servers."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from polyai_diag.failures import Failure
from polyai_diag.probes.proxy import proxy_for
from polyai_diag.secret import Secret
from polyai_diag.target import IceServer, TargetError

if TYPE_CHECKING:
    import ssl

    from polyai_diag.probes.trace import Known, Seen, Trace
    from polyai_diag.target import Target

HTTP_TIMEOUT_S = 5.0
MAX_BODY_BYTES = 64 * 1024
MAX_ICE_SERVERS = 20


def classify_http(exc: httpx.HTTPError) -> Failure:
    """Place what the HTTP library raised; TLS and TCP have been asked on their own before."""
    if isinstance(exc, httpx.TimeoutException):
        return Failure.GENERIC_TIMEOUT
    if isinstance(exc, httpx.ProxyError):
        return Failure.PROXY_FAILED
    if isinstance(exc, httpx.ConnectError):
        return Failure.CONNECTION_REFUSED
    return Failure.CONNECTION_CLOSED if isinstance(exc, httpx.ReadError) else Failure.HTTP_MALFORMED


KNOWN: Known = {httpx.HTTPError: classify_http}


async def fetch_health(target: Target, context: ssl.SSLContext, trace: Trace) -> None:
    """Ask `/health`; its `Date` header is kept, to set this machine's clock against."""
    with trace.observe("http_health", f"{target.http_base}/health", known=KNOWN) as seen:
        body = await _get(f"{target.http_base}/health", {}, context, seen)
        if seen.ok and isinstance(body, dict):
            seen.note(gateway_status=str(body.get("status")))


async def fetch_ice_servers(
    target: Target, context: ssl.SSLContext, trace: Trace
) -> tuple[IceServer, ...] | None:
    """Ask the gateway for its ICE servers, the token in a header; None when it gave none.

    A 401 says that the token is bad in this region; no call is placed.
    """
    url = f"{target.http_base}/api/v1/ice-servers"
    token = target.token.reveal() if target.token else ""
    with trace.observe("ice_servers_fetch", url, known=KNOWN) as seen:
        if not _fit_for_header(token):
            seen.fail(Failure.TOKEN_MALFORMED, "the token cannot stand in an HTTP header")
            return None
        body = await _get(url, {"Authorization": f"Bearer {token}"}, context, seen)
        if not seen.ok:
            return None
        servers = read_ice_servers(body, seen)
        seen.note(urls=[url for server in servers for url in server.urls])
        return servers
    return None


def read_ice_servers(body: Any, seen: Seen) -> tuple[IceServer, ...]:
    """Read `{"iceServers": […]}`; entries that are none are noted and left out."""
    entries = body.get("iceServers") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        seen.fail(Failure.HTTP_MALFORMED, "no iceServers list in the answer")
        return ()
    servers, unread = [], []
    for entry in entries[:MAX_ICE_SERVERS]:
        try:
            servers.append(_ice_server(entry))
        except (TargetError, TypeError) as exc:
            unread.append(str(exc))
    if unread:
        seen.note(unread=unread)
    return tuple(servers)


def _ice_server(entry: Any) -> IceServer:
    if not isinstance(entry, dict):
        raise TypeError("an entry is not an object")
    urls, username, credential = (entry.get(k) for k in ("urls", "username", "credential"))
    urls = [urls] if isinstance(urls, str) else urls
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise TypeError("an entry without urls")
    if not isinstance(username, str | None) or not isinstance(credential, str | None):
        raise TypeError("username or credential is not text")
    return IceServer(urls, username, Secret(credential) if credential is not None else None)


async def _get(url: str, headers: dict[str, str], context: ssl.SSLContext, seen: Seen) -> Any:
    """Return the JSON body of a 200, None for the rest; bounded in size and time."""
    parts = urlsplit(url)
    proxy = proxy_for(parts.hostname or "", secure=parts.scheme == "https")
    asked = {"Accept-Encoding": "identity", **headers}  # what unpacks to gigabytes is not unpacked
    async with (
        asyncio.timeout(HTTP_TIMEOUT_S),
        # The proxy is the WebSocket's, by the same rule; httpx reads the environment by its own.
        httpx.AsyncClient(
            verify=context, timeout=HTTP_TIMEOUT_S, proxy=proxy, trust_env=False
        ) as client,
        client.stream("GET", url, headers=asked) as response,
    ):
        body = b""
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                break
    seen.note(status=response.status_code, date=response.headers.get("date"))
    if response.is_redirect:
        seen.fail(Failure.HTTP_REDIRECT, location=response.headers.get("location"))
    elif response.status_code != 200:
        seen.fail(Failure.HTTP_STATUS, body=body[:400].decode("utf-8", "replace"))
    elif len(body) > MAX_BODY_BYTES:
        seen.fail(Failure.HTTP_MALFORMED, f"the answer is longer than {MAX_BODY_BYTES} bytes")
    else:
        return _json(body, seen)
    return None


def _json(body: bytes, seen: Seen) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        seen.fail(Failure.HTTP_MALFORMED, "the answer is not JSON")
        return None


def _fit_for_header(token: str) -> bool:
    return token.isascii() and token.isprintable() and token == token.strip()
