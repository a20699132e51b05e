"""Step `gateway`: DNS, TCP, TLS and the WebSocket upgrade, timed apart; /health, ICE servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.probes import net
from polyai_diag.probes.http import fetch_health, fetch_ice_servers
from polyai_diag.probes.proxy import connect_through, proxy_for
from polyai_diag.probes.signaling import Signaling
from polyai_diag.probes.websocket import open_websocket
from polyai_diag.steps.walk import Walk, run_check

if TYPE_CHECKING:
    import socket

    from polyai_diag.model import StepResult
    from polyai_diag.probes.trace import Trace
    from polyai_diag.target import Target

STAGES = (
    ("dns_lookup", "DNS"),
    ("proxy_connect", "Proxy"),
    ("tcp_connect", "TCP"),
    ("tls_handshake", "TLS"),
    ("websocket_upgrade", "WebSocket"),
)


async def check_gateway(target: Target) -> StepResult:
    """Reach the gateway: DNS, TCP, TLS, WebSocket upgrade; ask its health and ICE servers."""
    return await run_check(gateway, "gateway", target)


async def gateway(walk: Walk, trace: Trace) -> None:
    """Open the WebSocket that the later steps share, and ask the gateway's own HTTP."""
    trace.progress("Reaching the gateway")
    connected = await open_signaling(walk, trace)
    _note_stages(trace)
    if not connected and not any("status" in seen.notes for seen in trace.observations):
        walk.ice_servers_asked = True  # nobody speaks HTTP there: asking would only fail again
        return
    await fetch_health(walk.target, walk.context, trace)
    await _ask_ice_servers(walk, trace)
    trace.data["ice_urls"] = [url for server in walk.servers for url in server.urls]


async def find_ice_servers(walk: Walk, trace: Trace) -> None:
    """Ask the gateway for its ICE servers where none are given, and no step has asked yet."""
    async with walk.asking_ice_servers:
        if walk.ice_servers is None and not walk.ice_servers_asked:
            await _ask_ice_servers(walk, trace)


async def _ask_ice_servers(walk: Walk, trace: Trace) -> None:
    """Ask even where servers are given: the answer tells whether the token is good here."""
    walk.ice_servers_asked = True
    if walk.target.token is None:
        return
    servers = await fetch_ice_servers(walk.target, walk.context, trace)
    if walk.ice_servers is None and servers is not None:
        walk.learn_ice_servers(servers)


async def open_signaling(walk: Walk, trace: Trace) -> bool:
    """Open the WebSocket unless it is open; False when it cannot be."""
    if walk.signaling is not None:
        return True
    sock = await _connect(walk, trace)
    if sock is None:
        return False
    connection = await open_websocket(walk.target, sock, walk.context, trace)
    if connection is None:
        trace.fail("the WebSocket could not be opened")
        return False
    walk.signaling = Signaling(connection)
    return True


async def _connect(walk: Walk, trace: Trace) -> socket.socket | None:
    target = walk.target
    proxy = proxy_for(target.host, secure=target.secure)
    if proxy is not None:
        sock = await connect_through(proxy, target.host, target.port, trace)
        if sock is None:
            trace.fail("the proxy did not connect")
        return sock
    walk.addresses = await net.resolve(target.host, target.port, trace)
    if not walk.addresses:
        trace.fail("the host name has no address")
        return None
    sock = await net.connect_any(walk.addresses, trace)
    if sock is None:
        trace.fail("no address accepts a connection")
    return sock


def _note_stages(trace: Trace) -> None:
    trace.data["stages"] = [
        {"name": name, "ms": round(o.duration_ms, 2), "ok": o.failure is None}
        for operation, name in STAGES
        for o in trace.observations
        if o.operation == operation
    ]
