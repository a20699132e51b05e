"""Step `stun`: whether UDP gets out, and where it comes out."""

from __future__ import annotations

import asyncio
from statistics import median
from typing import TYPE_CHECKING

from polyai_diag.failures import Failure
from polyai_diag.model import Status
from polyai_diag.probes import net
from polyai_diag.probes.dns import resolve
from polyai_diag.probes.stun import Bindings, ask_bindings
from polyai_diag.probes.stun_transport import shown
from polyai_diag.steps.gateway import find_ice_servers
from polyai_diag.steps.walk import Walk, run_check
from polyai_diag.target import IceUrl, parse_ice_url

if TYPE_CHECKING:
    from polyai_diag.model import StepResult
    from polyai_diag.probes.trace import Trace
    from polyai_diag.target import Target

PUBLIC_STUN_URL = "stun:stun.l.google.com:19302"
MAX_SERVERS = 8
NO_SERVER = "no STUN or TURN server over UDP is known"


async def check_stun(target: Target) -> StepResult:
    """Ask every STUN and TURN server for a binding over UDP, TCP to the same hosts as control."""
    return await run_check(stun, "stun", target)


def udp_servers(walk: Walk) -> list[IceUrl]:
    """Every server that is asked over UDP: TURN servers answer Binding requests too."""
    urls = [url for server in walk.servers for url in server.parsed if url.transport == "udp"]
    if walk.target.third_party:
        urls.append(parse_ice_url(PUBLIC_STUN_URL))
    by_address = {(url.host, url.port): url for url in reversed(urls)}
    return list(reversed(by_address.values()))[:MAX_SERVERS]


async def stun(walk: Walk, trace: Trace) -> None:
    """Ask all of them at once."""
    await find_ice_servers(walk, trace)
    urls = udp_servers(walk)
    if not urls:
        trace.end(Status.SKIPPED, NO_SERVER)
        return
    trace.progress(f"Asking {len(urls)} server{'s' * (len(urls) != 1)} over UDP")
    asked = await asyncio.gather(*(_ask(url, trace) for url in urls))
    answering = [result for result in asked if result.answered]
    walk.udp_silent = any(result.sent for result in asked) and not answering
    walk.stun_url = next((r.url for r in answering if r.url.startswith("stun:")), None)
    trace.data["udp"] = "open" if answering else "silent" if walk.udp_silent else "unknown"
    trace.data["servers"] = [_row(result) for result in asked]
    if any(result.failure for result in asked):
        trace.fail(f"{len(asked) - len(answering)} of {len(asked)} servers gave no answer over UDP")


async def _ask(url: IceUrl, trace: Trace) -> Bindings:
    """Ask over UDP, and connect by TCP at the same time: the control that the host is up."""
    addresses = await resolve(url.host, url.port, trace)
    if not addresses:
        return Bindings(url.url, failure=Failure.DNS_NO_ANSWER)
    address = net.for_udp(addresses)
    result, _ = await asyncio.gather(
        ask_bindings(url, address, trace), _control(url, address, trace)
    )
    return result


async def _control(url: IceUrl, address: net.Address, trace: Trace) -> None:
    sock = await net.connect_tcp(address, trace, timeout_s=2.0, control=True, url=url.url)
    if sock is not None:
        sock.close()


def _row(result: Bindings) -> dict[str, object]:
    return {
        "url": result.url,
        "mapped_address": shown(result.mapped) if result.mapped else None,
        "rtt_ms": round(median(result.round_trips_ms), 2) if result.round_trips_ms else None,
        "sent": result.sent,
        "answered": result.answered,
    }
