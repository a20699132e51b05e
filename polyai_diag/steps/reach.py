"""Reaching a gateway: the WebSocket on the shortest way, and beside it all that tells why not."""

from __future__ import annotations

import asyncio
import contextlib
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from polyai_diag.failures import CERTIFICATE_DATES, Failure
from polyai_diag.probes.again import ask_again, may_pass
from polyai_diag.probes.chain import read_chain
from polyai_diag.probes.dns import ask_resolvers, resolve
from polyai_diag.probes.gateway_http import (
    fetch_health,
    read_clock_unverified,
)
from polyai_diag.probes.mtu import probe_signaling_mtu
from polyai_diag.probes.net import literal
from polyai_diag.probes.portal import look_for_portal
from polyai_diag.probes.proxy import proxy_for
from polyai_diag.probes.route import Route
from polyai_diag.probes.signaling import Signaling
from polyai_diag.probes.waiting import happens_within
from polyai_diag.probes.websocket import open_websocket
from polyai_diag.steps.control import ask_controls

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from typing import Any

    from websockets.asyncio.client import ClientConnection

    from polyai_diag.model import Observation
    from polyai_diag.probes.net import Race
    from polyai_diag.probes.trace import Trace
    from polyai_diag.steps.walk import Walk

STAGES = {
    "dns_lookup": "DNS",
    "proxy_connect": "Proxy",
    "tcp_connect": "TCP",
    "tls_handshake": "TLS",
    "websocket_upgrade": "WebSocket",
}
"""The way to the WebSocket: operations, and what they are called."""

_NO_HTTP = (Failure.CONNECTION_CLOSED, Failure.CONNECTION_RESET, Failure.HTTP_MALFORMED)

STUCK_S = 2.0
"""A way that is not open by then is looked at from the side."""


async def find_route(walk: Walk, trace: Trace) -> Route | None:
    """Find the way to the gateway unless it is known; None when its name has no address."""
    if walk.route is not None:
        return walk.route
    target = walk.target
    tls = walk.context if target.secure else None
    proxy = proxy_for(target)
    addresses = () if proxy else tuple(await resolve(target.host, target.port, trace))
    if not addresses and not proxy:
        trace.fail("the host name has no address")
        return None
    walk.route = Route(target.host, target.port, addresses, proxy, tls)
    return walk.route


async def open_signaling(walk: Walk, trace: Trace) -> bool:
    """Open the WebSocket unless it is open; False when it cannot be.

    One that was closed meanwhile is opened again: a gateway need not wait for an offer as long as
    our own steps before it take.
    """
    if walk.signaling is not None and not walk.signaling.ended.is_set():
        return True
    if walk.signaling is not None:
        await walk.signaling.close()
        walk.signaling = None
    route = await find_route(walk, trace)
    if route is None:
        return False
    if route.proxy is not None:
        return await _open(walk, route, None, trace)
    with route.racing(trace) as race:
        return await _open(walk, route, race, trace)


async def _open(walk: Walk, route: Route, race: Race | None, trace: Trace) -> bool:
    """Take the first attempt, or one of three more where it failed at once."""
    begun = len(trace.observations)
    sock = await (race.first() if race else route.open(trace))
    connection = None
    if sock is not None:
        connection = await open_websocket(walk.target, sock, walk.context, trace)
    last = _broken(trace.observations[begun:])
    if connection is None and any(may_pass(o.failure, o.notes, o.duration_ms / 1000) for o in last):
        connection = await _open_again(walk, route, trace)
    if connection is None:
        trace.fail(_why_not(last, route))
        return False
    walk.signaling = Signaling(connection)
    return True


async def _open_again(walk: Walk, route: Route, trace: Trace) -> ClientConnection | None:
    async def ask(attempt: int) -> ClientConnection | None:
        sock = await route.open(trace, attempt=attempt)
        if sock is None:
            return None
        return await open_websocket(walk.target, sock, walk.context, trace, attempt=attempt)

    return await ask_again(ask, lambda connection: connection.close())


def _broken(observations: Sequence[Observation]) -> list[Observation]:
    """Return what failed at the stage that the way broke at: of TCP one for each address."""
    failed = [o for o in observations if o.operation in STAGES and o.failure is not None]
    for stage in reversed(STAGES):
        if found := [seen for seen in failed if seen.operation == stage]:
            return found
    return []


def _why_not(broken: Sequence[Observation], route: Route) -> str:
    if any(seen.operation in ("tls_handshake", "websocket_upgrade") for seen in broken):
        return "the WebSocket could not be opened"
    return "the proxy did not connect" if route.proxy else "no address accepts a connection"


class Reach:
    """One gateway, reached once: `run()` opens the WebSocket and asks all the rest beside it.

    What waits for the WebSocket alone may go on at `trace.ready()`.
    """

    def __init__(self, walk: Walk, trace: Trace) -> None:
        self._walk = walk
        self._trace = trace
        self._ended = asyncio.Event()  # the way to the WebSocket, well or ill
        self._opened = False
        self._asked_controls = False
        self.opened_after_ms: float | None = None

    async def run(self) -> bool:
        """Return whether the WebSocket is open."""
        started_s = time.monotonic()
        self._walk.ice_servers_asked = True  # or it cannot be asked: another step need not try
        async with asyncio.TaskGroup() as beside:
            if self._looks_names_up():
                beside.create_task(ask_resolvers(self._walk.target.host, self._trace))
            beside.create_task(self._look_around())
            route = await find_route(self._walk, self._trace)
            if route is not None and route.proxy is None:
                self._ask_beside(route, beside)
                with route.racing(self._trace) as race:
                    self._take(await _open(self._walk, route, race, self._trace), started_s)
                    await race.others()
            elif route is not None:
                self._take(await _open(self._walk, route, None, self._trace), started_s)
                if not self._refused_by_proxy():
                    self._ask_beside(route, beside)
            self._ended.set()
        if route is not None and self._stalled():
            await probe_signaling_mtu(route, self._trace)
        if route is not None and self._speaks_no_http():
            await self._look_for_tls(route)
        return self._opened

    def _take(self, opened: bool, started_s: float) -> None:
        self._opened = opened
        if opened:
            self.opened_after_ms = round((time.monotonic() - started_s) * 1000, 1)
            self._trace.ready()
        self._ended.set()

    def _looks_names_up(self) -> bool:
        target = self._walk.target
        return proxy_for(target) is None and literal(target.host, target.port) is None

    def _stalled(self) -> bool:
        """Whether TCP was up, and then nothing came: large packets may be lost on the way."""
        return any(
            seen.operation in ("tls_handshake", "websocket_upgrade")
            and seen.failure is Failure.GENERIC_TIMEOUT
            for seen in self._trace.observations
        )

    def _speaks_no_http(self) -> bool:
        """Whether an upgrade without TLS met no HTTP, or the 400 of a server that wants TLS."""
        return not self._walk.target.secure and any(
            seen.operation == "websocket_upgrade"
            and (seen.failure in _NO_HTTP or seen.notes.get("status") == HTTPStatus.BAD_REQUEST)
            for seen in self._trace.observations
        )

    async def _look_for_tls(self, route: Route) -> None:
        ca_file = self._walk.target.ca_file
        with contextlib.suppress(OSError):
            await read_chain(route, self._trace, ca_file=ca_file, control=True, plain_url=True)

    def _refused_by_proxy(self) -> bool:
        last = self._trace.observations[-1]
        refused = last.operation == "proxy_connect" and last.failure is not None
        return refused and not self._opened

    def _ask_beside(self, route: Route, beside: asyncio.TaskGroup) -> None:
        """Ask at the same time, on connections of their own: the WebSocket waits for none."""
        target, trace = self._walk.target, self._trace
        health = fetch_health(target, route, trace)
        beside.create_task(self._kept("http_health", f"{target.http_base}/health", health))
        beside.create_task(self._ask_ice_servers(route))
        if target.secure:
            beside.create_task(self._look_at_chain(route))

    async def _kept(self, operation: str, endpoint: str, asked: Coroutine[Any, Any, Any]) -> Any:
        """Return what was asked; a connection that failed is kept where the WebSocket's did not.

        Where that failed as well, it has said so in every detail.
        """
        try:
            return await asked
        except OSError as exc:
            if await self._is_open_at_last():
                self._trace.keep_failure(operation, endpoint, exc)
        return None

    async def _is_open_at_last(self) -> bool:
        await self._ended.wait()
        return self._opened

    async def _ask_ice_servers(self, route: Route) -> None:
        """Ask even where servers are given: the answer tells whether the token is good here."""
        await self._walk.fetch_ice_servers(route, self._trace, self._is_open_at_last)

    async def _look_at_chain(self, route: Route) -> None:
        """Read the certificates, and where nobody known vouches for them, look for who signs."""
        target = self._walk.target
        endpoint = f"{target.host}:{target.port}"
        asked = read_chain(route, self._trace, ca_file=target.ca_file)
        chain = await self._kept("tls_chain", endpoint, asked)
        await self._ended.wait()
        if any(seen.failure in CERTIFICATE_DATES for seen in self._trace.observations):
            await read_clock_unverified(target, route, self._trace)
        if chain is not None and chain.foreign:
            await self._ask_controls()

    async def _look_around(self) -> None:
        """Look where the way to the WebSocket is not open in time, or failed before HTTP."""
        ended = await happens_within(STUCK_S, self._ended.wait())
        spoke = any("status" in seen.notes for seen in self._trace.observations)
        if ended and (self._opened or spoke):
            return
        async with asyncio.TaskGroup() as looking:
            looking.create_task(self._ask_controls())
            if self._looks_names_up():
                looking.create_task(look_for_portal(self._walk.target, self._trace))

    async def _ask_controls(self) -> None:
        """Ask hosts elsewhere, once; of several gateways in one run each is the others' control."""
        if not (self._walk.one_of_many or self._asked_controls):
            self._asked_controls = True
            await ask_controls(self._walk, self._trace)
