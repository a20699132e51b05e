"""The gateway's own HTTP: /health with its clock, and /api/v1/ice-servers."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import h11

from polyai_diag.failures import Failure
from polyai_diag.probes.http import KNOWN, Answer, get, read_json
from polyai_diag.secret import Secret
from polyai_diag.target import ICE_SERVERS_PATH, IceServer, TargetError

if TYPE_CHECKING:
    from polyai_diag.probes.route import Route, Stream
    from polyai_diag.probes.trace import Seen, Trace
    from polyai_diag.target import Target

HTTP_TIMEOUT_S = 5.0
MAX_ICE_SERVERS = 20
_READ_AND_REFUSED = b"invalid auth token"
"""The gateway's words in a 401 for a token that it has read."""


async def fetch_health(target: Target, route: Route, trace: Trace) -> None:
    """Ask `/health`, and set this machine's clock against the answer's `Date`.

    Raises OSError when there is no connection.
    """
    url = f"{target.http_base}/health"
    async with route.stream() as stream:
        with trace.observe("http_health", url, known=KNOWN) as seen:
            async with asyncio.timeout(HTTP_TIMEOUT_S):
                answer = await _timed_get(target, stream, trace, verified=True)
            body = read_json(answer, seen)
            if seen.ok and isinstance(body, dict):
                seen.note(gateway_status=str(body.get("status")))


async def read_clock_unverified(target: Target, route: Route, trace: Trace) -> None:
    """Read the gateway's `Date` where its certificate cannot be checked by this clock.

    No token is sent: whoever answers is not proven to be the gateway. Nothing is kept when
    nobody does.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.suppress(OSError, h11.RemoteProtocolError):
        async with asyncio.timeout(HTTP_TIMEOUT_S), route.stream(tls=context) as stream:
            await _timed_get(target, stream, trace, verified=False)


async def _timed_get(target: Target, stream: Stream, trace: Trace, *, verified: bool) -> Answer:
    """Ask `/health`, and keep how far the gateway's clock is ahead of ours (RFC 9110 §6.6.1).

    The answer was made within the round trip, and `Date` leaves its second's fraction out.
    """
    asked_s, started_s = time.time(), time.monotonic()
    answer = await get(stream, _authority(target), "/health")
    took_s = time.monotonic() - started_s
    date = _unix_time(answer.headers.get("date", ""))
    if date is not None:
        url = f"{target.http_base}/health"
        with trace.observe("clock_read", url, verified=verified) as seen:
            seen.note(
                date=answer.headers["date"],
                offset_s=round(date + 0.5 - (asked_s + took_s / 2), 2),
                uncertainty_s=round(took_s / 2 + 0.5, 2),
            )
    return answer


def _unix_time(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


async def fetch_ice_servers(
    target: Target, route: Route, token: str, trace: Trace, **notes: Any
) -> tuple[IceServer, ...] | None:
    """Ask for the ICE servers: it tests a token without placing a call. None when there are none.

    The token goes in a header, and in the query where the gateway does not read that: a query
    lands in the logs of proxies. Raises OSError when there is no connection.
    """
    if not _fit_for_header(token):
        with trace.observe("ice_servers_fetch", target.ice_servers_url, **notes) as seen:
            seen.fail(Failure.TOKEN_MALFORMED, "the token cannot stand in an HTTP header")
        return None
    in_header = {"Authorization": f"Bearer {token}"}
    servers, refused = await _ask(target, route, trace, ICE_SERVERS_PATH, in_header, **notes)
    if refused and _READ_AND_REFUSED not in refused:
        in_query = f"{ICE_SERVERS_PATH}?token={quote(token, safe='')}"
        servers, _ = await _ask(target, route, trace, in_query, by="query", **notes)
    return servers


async def _ask(
    target: Target,
    route: Route,
    trace: Trace,
    path: str,
    headers: dict[str, str] | None = None,
    **notes: Any,
) -> tuple[tuple[IceServer, ...] | None, bytes]:
    """Return the servers, and the body of a 401."""
    async with route.stream() as stream:
        with trace.observe(
            "ice_servers_fetch", target.ice_servers_url, known=KNOWN, **notes
        ) as seen:
            async with asyncio.timeout(HTTP_TIMEOUT_S):
                answer = await get(stream, _authority(target), path, headers)
            body = read_json(answer, seen)
            if answer.status == HTTPStatus.UNAUTHORIZED:
                return None, answer.body or b"401"
            servers = read_ice_servers(body, seen) if seen.ok else None
            if servers is not None:
                seen.note(urls=[url for server in servers for url in server.urls])
            return servers, b""
    return None, b""


def read_ice_servers(body: Any, seen: Seen) -> tuple[IceServer, ...] | None:
    """Read `{"iceServers": […]}`; entries that are none are noted and left out."""
    entries = body.get("iceServers") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        seen.fail(Failure.HTTP_MALFORMED, "no iceServers list in the answer")
        return None
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


def _fit_for_header(token: str) -> bool:
    return token.isascii() and token.isprintable() and token == token.strip()


def _authority(target: Target) -> str:
    return target.http_base.split("://", 1)[1]
