"""Step `turn`: every URL by itself, over its own transport, up to relayed data."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from polyai_diag.analysis.fallback import comparison
from polyai_diag.analysis.turn_username import expires_at
from polyai_diag.model import Status
from polyai_diag.probes.dns import look_up
from polyai_diag.probes.proxy import proxy_name
from polyai_diag.probes.turn import Round, TurnAttempt, TurnProbe
from polyai_diag.probes.turn_allocation import Holdings
from polyai_diag.probes.turn_compare import THOROUGH_S, USUAL_S, StartLine
from polyai_diag.probes.turn_way import Way, show_chain, turn_tls_context
from polyai_diag.probes.waiting import happens_within, together
from polyai_diag.steps.control import ask_controls
from polyai_diag.steps.gateway import find_ice_servers
from polyai_diag.steps.stun import PUBLIC_STUN_URL
from polyai_diag.steps.turn_ways import MAX_URLS, turn_urls, turn_ways
from polyai_diag.steps.walk import Walk, run_check
from polyai_diag.target import parse_ice_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyai_diag.model import Json, StepResult
    from polyai_diag.probes.stun_transport import Address
    from polyai_diag.probes.trace import Trace
    from polyai_diag.probes.turn_compare import Measured
    from polyai_diag.target import IceUrl, Target

AGAIN_S = 6.0
"""How long servers are asked again, one way at a time, that our own probes had filled."""
LOOK_UP_S = 1.0
MAX_STUN_SERVERS = 6
NOT_PROBED = "TURN over DTLS is not probed"  # no well-kept library speaks it


async def check_turn(target: Target) -> StepResult:
    """Take every TURN URL, over UDP, TCP and TLS, from its name to an echo through the relay."""
    return await run_check(turn, "turn", target)


async def turn(walk: Walk, trace: Trace) -> None:
    """Ask all URLs at once, and set side by side what works."""
    await find_ice_servers(walk, trace)
    urls = turn_urls(walk)
    if not urls:
        trace.end(Status.SKIPPED, walk.why_no("TURN server"))
        return
    if len(urls) > MAX_URLS:
        trace.data["urls_left_out"] = len(urls) - MAX_URLS
        urls = urls[:MAX_URLS]
    trace.progress(f"Asking {len(urls)} TURN URL{'s' * (len(urls) != 1)} for relayed addresses")
    not_probed = [Way(url, server, None) for url, server in urls if url.transport == "dtls"]
    ways, stun_servers = await asyncio.gather(turn_ways(walk, urls, trace), _stun_servers(walk))
    try:
        await _ask(walk, ways, stun_servers, trace)
    finally:
        said = (_row(TurnProbe(way, detail=NOT_PROBED)) for way in not_probed)
        trace.data.setdefault("urls", []).extend(said)


async def _ask(
    walk: Walk, ways: Sequence[Way], stun_servers: Sequence[Address], trace: Trace
) -> None:
    holdings: defaultdict[str, Holdings] = defaultdict(Holdings)
    around = Round(
        turn_tls_context(walk.target.ca_file),
        trace,
        StartLine(len(ways)),
        StartLine(sum(way.configured for way in ways)),
        stun_servers,
        THOROUGH_S if walk.target.thorough else USUAL_S,
    )
    attempts = [TurnAttempt(way, around, holdings[way.url.host]) for way in ways]
    # A call goes straight to a configured server, or not at all: aiortc knows of no proxy.
    direct = [attempt.probe for attempt in attempts if attempt.way.proxy is None]
    walk.turn_probes = tuple(probe for probe in direct if probe.way.configured)
    looking = _look_at_chains(walk, ways, trace)
    try:
        await together(looking, *(attempt.run() for attempt in attempts))
        await happens_within(AGAIN_S, _ask_again(attempts))
    finally:
        trace.data["urls"] = [_row(attempt.probe) for attempt in attempts]
    _judge(attempts, trace)


async def _ask_again(attempts: Sequence[TurnAttempt]) -> None:
    """Ask servers that our own probes had filled, one way after the other."""
    for attempt in attempts:
        if attempt.ask_again and attempt.way.configured:
            await attempt.run_alone()


async def _stun_servers(walk: Walk) -> list[Address]:
    """Return whom to ask through a relay: the configured servers, a public one where allowed."""
    urls = [url for server in walk.servers for url in server.parsed if url.transport == "udp"]
    urls.sort(key=lambda url: url.is_turn)
    if walk.target.third_party:
        urls.append(parse_ice_url(PUBLIC_STUN_URL))
    found = await asyncio.gather(*map(_addresses, list(dict.fromkeys(urls))[:MAX_STUN_SERVERS]))
    return list(dict.fromkeys(address for addresses in found for address in addresses))


async def _addresses(url: IceUrl) -> list[Address]:
    try:
        async with asyncio.timeout(LOOK_UP_S):
            found = await look_up(url.host, url.port)
    except (OSError, UnicodeError):
        return []  # the step `stun` says so
    return [(address.host, address.port) for address in found[:2]]


async def _look_at_chains(walk: Walk, ways: Sequence[Way], trace: Trace) -> None:
    """Keep whose certificates `turns:` shows; where nobody known vouches, who signs elsewhere."""
    wanted = [way for way in ways if way.url.transport == "tls" and way.configured]
    chains = await together(*(show_chain(way, trace, walk.target.ca_file) for way in wanted))
    if walk.route is not None and any(chain is not None and chain.foreign for chain in chains):
        await ask_controls(walk, trace)


def _judge(attempts: Sequence[TurnAttempt], trace: Trace) -> None:
    """Let the step fail for a URL that no way leads to; compare what works."""
    of_url: defaultdict[str, list[TurnProbe]] = defaultdict(list)
    for attempt in attempts:
        if attempt.way.configured:
            of_url[attempt.probe.url].append(attempt.probe)
    dead = [p for p in of_url.values() if not any(one.ok for one in p) and p[0].failure]
    if dead:
        trace.fail(f"{len(dead)} of {len(of_url)} TURN URLs do not relay")
    compared = comparison(trace.data["urls"])
    if compared is not None:
        trace.data["comparison"] = compared


# --- what it found, for people ----------------------------------------------------------------


def _row(probe: TurnProbe) -> dict[str, Json]:
    way = probe.way
    expires = expires_at(way.server.username)
    return {
        "url": probe.url,
        "transport": way.url.transport,
        "configured": way.configured,
        "through": proxy_name(way.proxy) if way.proxy else None,
        "stage": probe.stage,
        "ok": probe.ok,
        "failure": probe.failure,
        "detail": probe.detail,
        "setup_ms": probe.setup_ms,
        **_measured(probe.measured),
        "relayed_address": probe.relayed_address,
        "server_address": str(way.address) if way.address else None,
        "proof": probe.proof,
        "expires": f"{expires:%Y-%m-%dT%H:%M:%SZ}" if expires else None,
    }


_FIGURES = (
    *("rtt_p50_ms", "rtt_p95_ms", "jitter_ms", "loss_percent"),
    *("longest_stall_ms", "throughput_kbps", "stalls", "loss_interval_percent"),
)


def _measured(measured: Measured | None) -> dict[str, Json]:
    """Return what its packets did; `measured` tells whether they went by the relay."""
    if measured is None:
        return {"measured": None, "sent": 0, "lost": 0, "lost_bursts": 0, **dict.fromkeys(_FIGURES)}
    facts = measured.facts
    interval = [round(limit, 2) for limit in facts.loss_interval_percent]
    figures = (
        *(facts.rtt_p50_ms, facts.rtt_p95_ms, facts.jitter_ms, facts.loss_percent),
        *(facts.longest_stall_ms, measured.throughput_kbps),
    )
    return {
        "measured": "relay" if measured.relayed else "server",
        "sent": facts.sent,
        "lost": facts.lost,
        "lost_bursts": facts.lost_bursts,
        **dict(zip(_FIGURES, (None if f is None else round(f, 2) for f in figures), strict=False)),
        "stalls": facts.stalls,
        "loss_interval_percent": interval,
    }
