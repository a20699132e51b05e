"""Step `gateway`: DNS, TCP, TLS and the WebSocket upgrade, timed apart; /health, ICE servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.analysis.trust import SYSTEM
from polyai_diag.model import Status
from polyai_diag.probes.proxy import proxy_name
from polyai_diag.steps.reach import STAGES, Reach, find_route
from polyai_diag.steps.regions import ask_regions
from polyai_diag.steps.walk import Walk, run_check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.model import Json, Observation, StepResult
    from polyai_diag.probes.trace import Trace
    from polyai_diag.target import Target


async def check_gateway(target: Target) -> StepResult:
    """Reach the gateway: DNS, TCP, TLS, WebSocket upgrade; ask its health and ICE servers."""
    return await run_check(gateway, "gateway", target)


async def gateway(walk: Walk, trace: Trace) -> None:
    """Open the WebSocket that the later steps share, and ask all that can be asked beside it."""
    if walk.target.all_regions:
        trace.progress("Asking every region")
        await ask_regions(walk, trace)
        return
    trace.progress("Reaching the gateway")
    try:
        await Reach(walk, trace).run()
    finally:
        trace.data.update(_facts(walk, trace.observations))
    _say_not_measured(trace)


async def find_ice_servers(walk: Walk, trace: Trace) -> None:
    """Ask the gateway for its ICE servers where none are given, and no step has asked yet."""
    async with walk.asking_ice_servers:
        if walk.ice_servers is not None or walk.ice_servers_asked:
            return
        walk.ice_servers_asked = True
        route = await find_route(walk, trace)
        if route is not None:
            await walk.fetch_ice_servers(route, trace)


def _say_not_measured(trace: Trace) -> None:
    """Say so where only a login kept us from it: that is neither well nor ill."""
    for seen in trace.observations:
        if seen.operation == "proxy_connect" and seen.notes.get("not_measured"):
            trace.end(Status.SKIPPED, str(seen.notes["detail"]))


# --- what it found, for people ----------------------------------------------------------------


def _facts(walk: Walk, observations: list[Observation]) -> dict[str, Json]:
    facts: dict[str, Json] = {
        "stages": list(_stages(observations)),
        "addresses": [_address(o) for o in observations if o.operation == "tcp_connect"],
        "resolvers": [_resolver(o) for o in observations if o.operation == "dns_query"],
        "ice_urls": [url for server in walk.servers for url in server.urls],
    }
    if walk.route is not None and walk.route.proxy is not None:
        facts["proxy"] = proxy_name(walk.route.proxy)
    for seen in observations:
        if seen.operation == "tls_chain" and not seen.notes.get("control") and not seen.failure:
            facts["tls"] = _tls(seen, observations)
        elif seen.operation == "clock_read":
            wanted = ("offset_s", "uncertainty_s", "verified")
            facts["clock"] = {name: seen.notes[name] for name in wanted}
    return facts


def _stages(observations: list[Observation]) -> Iterator[dict[str, Json]]:
    """Say how long each stage took; of several addresses that are up, the first counts."""
    for operation, name in STAGES.items():
        seen = [o for o in observations if o.operation == operation]
        well = sorted((o for o in seen if o.failure is None), key=lambda o: o.duration_ms)
        for one in well[:1] or seen[:1]:
            yield {"name": name, "ms": round(one.duration_ms, 2), "ok": one.failure is None}


def _address(seen: Observation) -> dict[str, Json]:
    return {
        "address": seen.endpoint,
        "family": "IPv6" if seen.endpoint.startswith("[") else "IPv4",
        "ms": round(seen.duration_ms, 2),
        "ok": seen.failure is None,
        "failure": seen.failure,
    }


def _resolver(seen: Observation) -> dict[str, Json]:
    notes = seen.notes
    said = ", ".join(notes.get("addresses", ())) or notes.get("rcode", "no answer")
    return {
        "server": seen.endpoint,
        "type": notes["type"],
        "answer": "no address" if said == "NOERROR" else said,
        "ms": round(seen.duration_ms, 2),
    }


def _tls(chain: Observation, observations: list[Observation]) -> dict[str, Json]:
    """Whose root vouches: where no file tells and the handshake went well, the system's store."""
    shaken = any(o.operation == "tls_handshake" and o.failure is None for o in observations)
    certificates = chain.notes["chain"]
    return {
        "version": chain.notes["version"],
        "alpn": chain.notes["alpn"],
        "vouched_by": chain.notes["vouched_by"] or (SYSTEM if shaken else None),
        "days_left": min((c["days_left"] for c in certificates), default=None),
        "chain": certificates,
    }
