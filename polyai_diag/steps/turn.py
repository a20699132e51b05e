"""Step `turn`: every URL by itself, over its own transport, up to relayed data."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from polyai_diag.model import Status
from polyai_diag.probes.turn import TurnProbe, probe_turn
from polyai_diag.probes.turn_allocation import Holdings
from polyai_diag.steps.gateway import find_ice_servers
from polyai_diag.steps.walk import Walk, run_check

if TYPE_CHECKING:
    from polyai_diag.model import StepResult
    from polyai_diag.probes.trace import Trace
    from polyai_diag.target import IceServer, IceUrl, Target

MAX_URLS = 12


async def check_turn(target: Target) -> StepResult:
    """Take every TURN URL, over UDP, TCP and TLS, from its name to an echo through the relay."""
    return await run_check(turn, "turn", target)


def turn_urls(walk: Walk) -> list[tuple[IceUrl, IceServer]]:
    """Every TURN URL with the server entry that it stands in."""
    pairs = [(url, server) for server in walk.servers for url in server.parsed if url.is_turn]
    return pairs[:MAX_URLS]


async def turn(walk: Walk, trace: Trace) -> None:
    """Ask all URLs at once."""
    await find_ice_servers(walk, trace)
    urls = turn_urls(walk)
    if not urls:
        trace.end(Status.SKIPPED, "no TURN server is configured")
        return
    trace.progress(f"Asking {len(urls)} TURN URL{'s' * (len(urls) != 1)} for relayed addresses")
    holdings: defaultdict[str, Holdings] = defaultdict(Holdings)
    probing = [
        asyncio.create_task(probe_turn(url, server, walk.context, trace, holdings[url.host]))
        for url, server in urls
    ]
    try:
        for done in asyncio.as_completed(probing):
            probe = await done
            walk.turn_probes = (*walk.turn_probes, probe)
            trace.data.setdefault("urls", []).append(_row(probe))
    finally:
        for task in probing:
            task.cancel()
        await asyncio.gather(*probing, return_exceptions=True)
    order = {url.url: number for number, (url, _) in enumerate(urls)}
    trace.data["urls"].sort(key=lambda row: order[row["url"]])
    failed = [probe for probe in walk.turn_probes if not probe.ok and probe.failure]
    if failed:
        trace.fail(f"{len(failed)} of {len(urls)} TURN URLs do not relay")


def _row(probe: TurnProbe) -> dict[str, object]:
    ordered = sorted(probe.round_trips_ms)
    return {
        "url": probe.url,
        "transport": probe.transport,
        "stage": probe.stage,
        "ok": probe.ok,
        "setup_ms": probe.setup_ms,
        "rtt_p50_ms": _percentile(ordered, 0.5),
        "rtt_p95_ms": _percentile(ordered, 0.95),
        "sent": probe.sent,
        "lost": probe.sent - len(ordered),
        "relayed_address": probe.relayed_address,
        "failure": probe.failure,
        "detail": probe.detail,
    }


def _percentile(ordered: list[float], share: float) -> float | None:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else None
