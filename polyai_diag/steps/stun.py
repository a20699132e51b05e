"""Step `stun`: whether UDP gets out, and where it comes out."""

from __future__ import annotations

import asyncio
from statistics import median
from typing import TYPE_CHECKING

from polyai_diag.analysis.quality import jitter_of, loss_of, median_interval, rounded
from polyai_diag.analysis.udp import Udp
from polyai_diag.failures import Failure
from polyai_diag.model import Status
from polyai_diag.probes import net
from polyai_diag.probes.dns import resolve
from polyai_diag.probes.stun import (
    TRAIN_REQUESTS,
    TRAIN_REQUESTS_THOROUGH,
    Bindings,
    ask_bindings,
    has_route,
)
from polyai_diag.probes.stun_transport import shown
from polyai_diag.steps.gateway import find_ice_servers
from polyai_diag.steps.walk import Walk, run_check
from polyai_diag.target import IceUrl, parse_ice_url

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from polyai_diag.model import Json, StepResult
    from polyai_diag.probes.trace import Trace
    from polyai_diag.target import Target

PUBLIC_STUN_URL = "stun:stun.l.google.com:19302"
MAX_SERVERS = 8
MAX_OF_A_FAMILY = 2
A_SERVER = "STUN or TURN server over UDP"
_MEASURED = (
    "rtt_ms",
    "rtt_interval_ms",
    "jitter_ms",
    "jitter_interval_ms",
    "lost",
    "lost_bursts",
    "loss_percent",
    "loss_interval_percent",
)


async def check_stun(target: Target) -> StepResult:
    """Ask every STUN and TURN server for bindings over UDP, by IPv4 and IPv6.

    TCP, and TLS on its ports, to the same hosts is the control.
    """
    return await run_check(stun, "stun", target)


def udp_servers(walk: Walk) -> list[IceUrl]:
    """Choose whom to ask over UDP; TURN servers answer Binding requests too."""
    servers = _all_udp_servers(walk)
    if len(servers) <= MAX_SERVERS:
        return servers
    return [*servers[: MAX_SERVERS - 1], servers[-1]]  # the last is of another operator


def _all_udp_servers(walk: Walk) -> list[IceUrl]:
    urls = [url for server in walk.servers for url in server.parsed if url.transport == "udp"]
    if walk.target.third_party:
        urls.append(parse_ice_url(PUBLIC_STUN_URL))
    by_address: dict[tuple[str, int], IceUrl] = {}
    for url in urls:
        by_address.setdefault((url.host, url.port), url)
    return list(by_address.values())


async def stun(walk: Walk, trace: Trace) -> None:
    """Ask all of them at once."""
    await find_ice_servers(walk, trace)
    urls = udp_servers(walk)
    if not urls:
        trace.end(Status.SKIPPED, walk.why_no(A_SERVER))
        return
    trace.progress(f"Asking {len(urls)} server{'s' * (len(urls) != 1)} over UDP")
    asked = [
        row for rows in await asyncio.gather(*(_ask(u, walk, trace) for u in urls)) for row in rows
    ]
    answering = [result for result in asked if result.answered]
    walk.udp_silent = not answering if any(result.sent for result in asked) else None
    walk.stun_url = next((r.url for r in answering if r.url.startswith("stun:")), None)
    trace.data["udp"] = _standing(asked, online=walk.signaling is not None)
    left_out = len(_all_udp_servers(walk)) - len(urls)
    if left_out:
        trace.data["servers_left_out"] = left_out
    trace.data["servers"] = [_row(result) for result in asked if result.address is not None]
    if any(result.failure for result in asked):
        trace.fail(f"{len(asked) - len(answering)} of {len(asked)} servers gave no answer over UDP")


async def _ask(url: IceUrl, walk: Walk, trace: Trace) -> list[Bindings]:
    """Ask every address of one server side by side."""
    addresses = await resolve(url.host, url.port, trace)
    if not addresses:
        return [Bindings(url.url, failure=Failure.DNS_NO_ANSWER)]
    train = TRAIN_REQUESTS_THOROUGH if walk.target.thorough else TRAIN_REQUESTS
    return await asyncio.gather(
        *(
            ask_bindings(url, address, walk.context, trace, train=train)
            for address in addresses_to_ask(addresses)
        )
    )


def addresses_to_ask(addresses: Sequence[net.Address]) -> list[net.Address]:
    """Choose of a name's addresses: both families, as far as this machine has a way to them.

    Of this machine's own there is one alone: every machine calls `localhost` by two, whatever
    listens there.
    """
    if all(net.is_loopback(address.host) for address in addresses):
        return [net.for_udp(addresses)]
    by_family: dict[socket.AddressFamily, list[net.Address]] = {}
    for address in addresses:
        by_family.setdefault(address.family, []).append(address)
    chosen = [address for family in by_family.values() for address in family[:MAX_OF_A_FAMILY]]
    return [address for address in chosen if has_route(address)] or chosen[:1]


def _standing(asked: Sequence[Bindings], *, online: bool) -> str:
    """Say how it stands with UDP as a whole; one answer from anywhere opens it."""
    if any(result.answered for result in asked):
        return Udp.OPEN
    if any(result.malformed for result in asked) or not any(result.sent for result in asked):
        return "unknown"
    return Udp.BLOCKED if online or any(result.host_is_up for result in asked) else Udp.SILENT


def _row(result: Bindings) -> dict[str, Json]:
    answered_ms = result.answered_ms
    row = {
        "url": result.url,
        "family": result.family,
        "server": str(result.address),
        "mapped_address": shown(result.mapped) if result.mapped else None,
        "sent": result.sent,
        "answered": result.answered,
        "malformed": result.malformed,
        "udp": result.udp,
        **dict.fromkeys(_MEASURED),
    }
    if answered_ms:
        row["rtt_ms"] = round(median(answered_ms), 2)
        row["rtt_interval_ms"] = rounded(median_interval(answered_ms))
        lost = loss_of([ms is not None for ms in result.round_trips_ms])
        row["lost"], row["lost_bursts"] = lost.lost, lost.bursts
        row["loss_percent"] = round(lost.percent, 2)
        row["loss_interval_percent"] = rounded((lost.low_percent, lost.high_percent))
    jitter = jitter_of(result.differences_ms)
    if jitter is not None:
        row["jitter_ms"] = round(jitter.mean_ms, 2)
        row["jitter_interval_ms"] = rounded((jitter.low_ms, jitter.high_ms))
    return row
