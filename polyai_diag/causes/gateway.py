"""The gateway's HTTP: the proxy before it, the WebSocket upgrade, the ICE servers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from polyai_diag.causes.engine import Facts, Layer, Seen, cause
from polyai_diag.causes.network import broken_tls
from polyai_diag.failures import Failure
from polyai_diag.model import Actor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.model import Evidence

_NOT_A_WEBSOCKET = (200, 404)  # what a web server says that knows nothing of the signaling path
_BLOCK_PAGE = re.compile(
    r"block(ed|ing| page)|access (is |has been )?(denied|restricted)|(web|url|content)[ -]?filter|"
    r"(web|security|acceptable[ -]use) policy|firewall|zscaler|fortiguard|fortinet|forcepoint|"
    r"websense|blue ?coat|netskope|umbrella|sophos|barracuda|palo ?alto|squid",
    re.IGNORECASE,
)
"""Words of the pages that filters and proxies show in place of what was asked for."""
_WHAT_CLIENTS_DO = (
    "Published clients then go on without a word, with a public STUN server and no TURN: behind a "
    "strict firewall their calls fail in ICE"
)
_STRIPPED = re.compile(r"upgrade|websocket", re.IGNORECASE)


def _refused_upgrades(facts: Facts) -> Iterator[Seen]:
    yield from facts.failed("websocket_upgrade", failures=[Failure.HTTP_STATUS])


def _blocked(seen: Seen) -> str | None:
    """Who stands between, in words, where the answer to the upgrade tells of somebody."""
    status, body = seen.note("status"), str(seen.note("body") or "")
    if status in (426, 505) or (status == 400 and _STRIPPED.search(body)):
        how = "in an HTTP version without Upgrade" if status == 505 else "without Upgrade"
        return f"HTTP {status}: the gateway was asked {how}: a proxy changed what this machine sent"
    is_page = "html" in str(seen.note("content_type") or "") or body.lstrip().startswith("<")
    found = _BLOCK_PAGE.search(body) if is_page else None
    return f"HTTP {status} with a block page ({_page_text(body)})" if found else None


def _page_text(body: str) -> str:
    """The words of a page, without its markup."""
    text = re.sub(
        r"<(script|style)\b.*?(</\1>|$)|<[^>]*>?", " ", body, flags=re.DOTALL | re.IGNORECASE
    )
    return " ".join(text.split())[:200]


@cause(
    "proxy-blocks-websocket",
    acts=Actor.NETWORK,
    layer=Layer.HTTP,
    title="The proxy does not let the WebSocket through",
    remedy=(
        "Have the proxy allow CONNECT and the WebSocket upgrade to the gateway's host on port 443, "
        "without inspection."
    ),
    reference="RFC 9110 §9.3.6",
    breaks=("gateway",),
    explains=("ice-servers-unavailable",),
    compared_with=("proxy_connect", "tls_chain"),
    alone="it may block this host alone, or all of them",
)
def proxy_blocks_websocket(facts: Facts) -> Iterator[Evidence | Seen]:
    """CONNECT refused, a login wanted, the tunnel cut, the upgrade stripped, or a block page."""
    for seen in facts.failed("proxy_connect"):
        to_a_turn_server = seen.note("url") is not None
        if not seen.note("not_measured") and not to_a_turn_server:
            yield seen
            page = _page_text(str(seen.note("body") or ""))
            if page:
                yield seen.says(f"Its page: {page}")
    for seen in _refused_upgrades(facts):
        if said := _blocked(seen):
            yield seen.says(said)
            for health in facts.succeeded("http_health"):
                yield health.compares("the same gateway answers a plain request")
    for tunnel in facts.succeeded("proxy_connect", step="gateway"):
        for seen in broken_tls(facts):
            yield tunnel.says(f"{tunnel.observation.endpoint} agreed to CONNECT")
            yield seen


@cause(
    "wrong-endpoint",
    acts=Actor.CUSTOMER,
    layer=Layer.HTTP,
    title="There is no signaling endpoint at this URL",
    remedy=(
        "Check scheme, host, port and path: PolyAI's is "
        "wss://webrtc-gateway.REGION.platform.polyai.app/api/v1/webrtc/signal."
    ),
    reference="RFC 6455 §4.1",
    breaks=("gateway",),
    explains=("ice-servers-unavailable", "websocket-refused"),
)
def wrong_endpoint(facts: Facts) -> Iterator[Evidence | Seen]:
    """404, 200 or a redirect in place of 101, or something that is no WebSocket server at all."""
    for seen in facts.succeeded("tls_chain", step="gateway", plain_url=True):
        yield seen.says(f"{seen.observation.endpoint} speaks TLS: the URL must begin with wss://")
    for seen in _refused_upgrades(facts):
        if seen.note("status") in _NOT_A_WEBSOCKET and not _blocked(seen):
            yield seen.says(f"HTTP {seen.note('status')} where 101 (Switching Protocols) was due")
    for seen in facts.failed("websocket_upgrade", failures=[Failure.HTTP_REDIRECT]):
        yield seen.says(f"HTTP {seen.note('status')}: redirected to {seen.note('location')}")
    yield from facts.failed("websocket_upgrade", failures=[Failure.HTTP_MALFORMED])
    yield from facts.failed("tls_handshake", failures=[Failure.TLS_FAILED], step="gateway")


@cause(
    "websocket-refused",
    acts=Actor.GATEWAY,
    layer=Layer.HTTP,
    title="The gateway refuses the WebSocket",
    remedy="403: ask PolyAI about this account. 429: place fewer calls. 5xx: try again, then ask.",
    reference="RFC 9110 §15",
    breaks=("gateway",),
    explains=("ice-servers-unavailable",),
)
def websocket_refused(facts: Facts) -> Iterator[Evidence | Seen]:
    """Any other status in place of 101."""
    for seen in _refused_upgrades(facts):
        if seen.note("status") not in _NOT_A_WEBSOCKET and not _blocked(seen):
            yield seen.says(f"HTTP {seen.note('status')} where 101 (Switching Protocols) was due")
    dropped = (Failure.GENERIC_TIMEOUT, Failure.CONNECTION_RESET, Failure.CONNECTION_CLOSED)
    yield from facts.failed("websocket_upgrade", failures=dropped)


@cause(
    "ice-servers-unavailable",
    acts=Actor.GATEWAY,
    layer=Layer.HTTP,
    title="The gateway gives no ICE servers",
    remedy=(
        "Have HTTPS to the gateway allowed, and ask PolyAI why /api/v1/ice-servers fails; until "
        "then give the client its TURN servers by hand."
    ),
    breaks=("call",),
)
def ice_servers_unavailable(facts: Facts) -> Iterator[Evidence | Seen]:
    """GET /api/v1/ice-servers failed, and not for a token that belongs to another region."""
    taken = list(facts.succeeded("ice_servers_fetch"))
    hosts = {seen.host for seen in taken}
    for seen in facts.failed("ice_servers_fetch"):
        status, detail = seen.note("status"), seen.note("detail")
        if seen.host in hosts or (taken and status == 401):
            continue
        said = f"answered {status}" if status else f"failed: {seen.observation.failure}"
        yield seen.says(f"{seen.observation.endpoint} {said}{f' ({detail})' if detail else ''}")
        yield seen.says(_WHAT_CLIENTS_DO)
