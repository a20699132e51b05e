"""Who signs for other hosts, where nobody known vouches for the gateway's certificate."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from polyai_diag.analysis.addresses import unrelated
from polyai_diag.probes.chain import read_chain
from polyai_diag.probes.dns import look_up
from polyai_diag.probes.net import CONNECT_TIMEOUT_S
from polyai_diag.probes.route import Route
from polyai_diag.target import REGIONS, Target, region_url

if TYPE_CHECKING:
    from polyai_diag.probes.trace import Trace
    from polyai_diag.steps.walk import Walk

MAX_CONTROLS = 2


async def ask_controls(walk: Walk, route: Route, trace: Trace) -> None:
    """Read the chains of hosts that have nothing to do with the gateway's."""
    hosts = control_hosts(walk)[:MAX_CONTROLS]
    await asyncio.gather(*(_ask(host, port, walk, route, trace) for host, port in hosts))


async def _ask(host: str, port: int, walk: Walk, route: Route, trace: Trace) -> None:
    with contextlib.suppress(OSError):  # a control that cannot be had proves nothing
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            addresses = () if route.proxy else tuple(await look_up(host, port))
            there = Route(host, port, addresses, route.proxy)
            await read_chain(there, trace, ca_file=walk.target.ca_file, control=True)


def control_hosts(walk: Walk) -> list[tuple[str, int]]:
    """Return another region's gateway for one of PolyAI's, and TURN servers elsewhere.

    For any other gateway PolyAI's own is a third party: asked where such may be asked.
    """
    target = walk.target
    others = [r for r in REGIONS if r != target.region][:1]
    regions = [Target(region_url(region)) for region in others]
    hosts = [(other.host, other.port) for other in regions if target.region or target.third_party]
    relays = [
        (url.host, url.port)
        for server in walk.servers
        for url in server.parsed
        if url.transport == "tls" and unrelated(url.host, target.host)
    ]
    return [*hosts, *dict.fromkeys(relays)]
