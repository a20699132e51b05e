"""Step `nat`: what the address translation on the way does to UDP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from polyai_diag.analysis.nat import UNKNOWN, Address
from polyai_diag.model import Status
from polyai_diag.probes.dns import resolve
from polyai_diag.probes.nat import Nat, ask_nat
from polyai_diag.probes.nat_thorough import ask_hairpin, ask_lifetime
from polyai_diag.probes.stun_transport import shown
from polyai_diag.steps.gateway import find_ice_servers
from polyai_diag.steps.stun import A_SERVER, MAX_SERVERS, udp_servers
from polyai_diag.steps.walk import Walk, run_check

if TYPE_CHECKING:
    from polyai_diag.model import StepResult
    from polyai_diag.probes.trace import Trace
    from polyai_diag.target import Target


async def check_nat(target: Target) -> StepResult:
    """Find out mapping and filtering by RFC 5780; what cannot be told is `unknown`."""
    return await run_check(nat, "nat", target)


async def nat(walk: Walk, trace: Trace) -> None:
    """Ask several servers from one socket."""
    if walk.udp_silent:
        trace.end(Status.SKIPPED, "no server answers over UDP")
        return
    await find_ice_servers(walk, trace)
    trace.progress("Comparing how several servers see one socket")
    servers = await _servers(walk, trace)
    if not servers:
        trace.end(Status.SKIPPED, walk.why_no(A_SERVER))
        return
    found = await ask_nat(servers, trace)
    trace.data.update(
        mapping=found.mapping,
        filtering=found.filtering,
        translated=found.translated,
        exits=found.exits,
        mapped_addresses=[shown(address) for address in found.mapped_addresses],
    )
    if not found.mapped and walk.udp_silent is False:
        trace.end(Status.SKIPPED, "not measured: the servers answered before, and not now")
    elif not found.mapped:
        trace.fail("no server answered")
    elif walk.target.thorough:
        await _ask_thoroughly(found, trace)


async def _servers(walk: Walk, trace: Trace) -> list[Address]:
    """Return where to ask, all of one family: IPv4 where there is any."""
    urls = udp_servers(walk)
    resolved = await asyncio.gather(*(resolve(url.host, url.port, trace) for url in urls))
    found = list(dict.fromkeys((a.host, a.port) for several in resolved for a in several))
    return ([a for a in found if ":" not in a[0]] or found)[:MAX_SERVERS]


async def _ask_thoroughly(found: Nat, trace: Trace) -> None:
    """Find out what takes seconds, from a server that has answered."""
    trace.progress("Waiting for mappings to expire")
    server = found.behaviour_server or next(iter(found.mapped))
    trace.data["binding_lifetime"], trace.data["hairpin"] = await asyncio.gather(
        ask_lifetime(server, trace), _hairpin(server, found, trace)
    )


async def _hairpin(server: Address, found: Nat, trace: Trace) -> str:
    if not found.translated:
        return "no translation"
    passed = await ask_hairpin(server, trace)
    return UNKNOWN if passed is None else "yes" if passed else "no"
