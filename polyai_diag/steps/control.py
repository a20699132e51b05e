"""Hosts elsewhere, to compare with: whether they are reached, and who signs for them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from polyai_diag.analysis.addresses import unrelated
from polyai_diag.probes.chain import read_chain
from polyai_diag.probes.dns import look_up
from polyai_diag.probes.proxy import proxy_for
from polyai_diag.probes.route import Route
from polyai_diag.target import REGIONS, Target, region_url

if TYPE_CHECKING:
    from polyai_diag.probes.trace import Trace
    from polyai_diag.steps.walk import Walk

MAX_CONTROLS = 2
CONTROL_S = 2.5  # a lost SYN goes out again after 1 s


async def ask_controls(walk: Walk, trace: Trace) -> None:
    """Read the chains of hosts that have nothing to do with the gateway's."""
    hosts = control_hosts(walk)[:MAX_CONTROLS]
    await asyncio.gather(*(_ask(host, port, walk, trace) for host, port in hosts))


async def _ask(host: str, port: int, walk: Walk, trace: Trace) -> None:
    with contextlib.suppress(OSError):  # a control that cannot be had proves nothing
        async with asyncio.timeout(CONTROL_S):
            proxy = proxy_for(walk.target)
            addresses = () if proxy else tuple(await look_up(host, port))
            there = Route(host, port, addresses, proxy)
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
