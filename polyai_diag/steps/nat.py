"""Step `nat`: what the address translation on the way does to UDP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.model import Status
from polyai_diag.probes.dns import resolve
from polyai_diag.probes.nat import ask_nat
from polyai_diag.probes.stun_transport import shown
from polyai_diag.steps.gateway import find_ice_servers
from polyai_diag.steps.stun import NO_SERVER, udp_servers
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
    addresses: dict[tuple[str, int], None] = {}
    for url in udp_servers(walk):
        for address in await resolve(url.host, url.port, trace):
            if ":" not in address.host:
                addresses.setdefault((address.host, address.port))
    if not addresses:
        trace.end(Status.SKIPPED, NO_SERVER)
        return
    found = await ask_nat(list(addresses), trace)
    trace.data.update(
        mapping=found.mapping,
        filtering=found.filtering,
        mapped_addresses=[shown(address) for address in found.mapped],
    )
    if not found.mapped:
        trace.fail("no server answered")
