"""Reaching the gateway: names, connections, certificates, HTTP, and the signaling itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.causes.engine import Facts, Layer, Seen, cause
from polyai_diag.failures import Failure
from polyai_diag.model import Actor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.model import Evidence

_BAD_CERTIFICATE = {
    Failure.TLS_UNTRUSTED: "signed by an authority that is not known here",
    Failure.TLS_EXPIRED: "expired",
    Failure.TLS_NOT_YET_VALID: "not valid yet: is this machine's clock right?",
    Failure.TLS_WRONG_HOST: "made for another host",
}
_NOT_A_WEBSOCKET = (200, 404)  # what a web server says that knows nothing of the signaling path
_CODES_WITH_A_CAUSE = (
    "UNAUTHORIZED",
    "FORBIDDEN",
    "INVALID_ARGUMENT",
    "INVALID_MESSAGE",
    "AGENT_FAILURE",
    "MEDIA_BRIDGE_FAILURE",
)


@cause(
    "dns-failure",
    acts=Actor.NETWORK,
    layer=Layer.NETWORK,
    title="The gateway's name cannot be looked up",
    remedy="Check the URL's spelling; if it is right, have the network's DNS server looked at.",
    reference="RFC 1035",
    breaks=("gateway",),
)
def dns_failure(facts: Facts) -> Iterator[Evidence | Seen]:
    """No such name, no server, or no answer."""
    for seen in facts.failed("dns_lookup", step="gateway"):
        said = {
            Failure.DNS_NXDOMAIN: "no such name",
            Failure.DNS_SERVER_FAILED: "no DNS server answers",
        }.get(seen.observation.failure or Failure.DNS_NO_ANSWER, "no address")
        yield seen.says(f"{seen.observation.endpoint}: {said}")


@cause(
    "gateway-unreachable",
    acts=Actor.NETWORK,
    layer=Layer.NETWORK,
    title="The gateway cannot be reached",
    remedy="Have outbound TCP to the gateway's host and port allowed (443 for PolyAI's).",
    breaks=("gateway",),
)
def gateway_unreachable(facts: Facts) -> Iterator[Evidence | Seen]:
    """TCP fails to every address, or breaks before TLS is up."""
    if not any(facts.succeeded("tcp_connect", step="gateway")):
        yield from facts.failed("tcp_connect", step="gateway")
    broken = (Failure.GENERIC_TIMEOUT, Failure.CONNECTION_RESET)
    yield from facts.failed("tls_handshake", failures=broken, step="gateway")


@cause(
    "tls-certificate-invalid",
    acts=Actor.NETWORK,
    layer=Layer.NETWORK,
    title="A server's certificate cannot be trusted",
    remedy=(
        "For a private authority give its certificate with --ca-file; otherwise ask the network "
        "team whether a proxy inspects TLS, and the server's owner for a valid certificate."
    ),
    reference="RFC 5280 §6, RFC 9525",
    breaks=("gateway", "call"),
    explains=("ice-servers-unavailable", "turn-unreachable"),
    per_host=True,
)
def tls_certificate_invalid(facts: Facts) -> Iterator[Evidence | Seen]:
    """Expired, not yet valid, of another host, or of an unknown authority: which."""
    for seen in facts.failed("tls_handshake", failures=_BAD_CERTIFICATE):
        said = _BAD_CERTIFICATE[seen.observation.failure or Failure.TLS_UNTRUSTED]
        yield seen.says(f"{seen.observation.endpoint}: the certificate is {said}")


@cause(
    "proxy-blocks-websocket",
    acts=Actor.NETWORK,
    layer=Layer.HTTP,
    title="The proxy does not let the WebSocket through",
    remedy="Have the proxy allow CONNECT to the gateway's host on port 443, without inspection.",
    reference="RFC 9110 §9.3.6",
    breaks=("gateway",),
)
def proxy_blocks_websocket(facts: Facts) -> Iterator[Evidence | Seen]:
    """CONNECT refused, or a login wanted."""
    yield from facts.failed("proxy_connect")


@cause(
    "wrong-endpoint",
    acts=Actor.CUSTOMER,
    layer=Layer.HTTP,
    title="There is no signaling endpoint at this URL",
    remedy=(
        "Check host, port and path: PolyAI's is "
        "wss://webrtc-gateway.REGION.platform.polyai.app/api/v1/webrtc/signal."
    ),
    reference="RFC 6455 §4.1",
    breaks=("gateway",),
    explains=("ice-servers-unavailable",),
)
def wrong_endpoint(facts: Facts) -> Iterator[Evidence | Seen]:
    """404, 200 or a redirect in place of 101, or something that is no WebSocket server at all."""
    for seen in facts.failed("websocket_upgrade", failures=[Failure.HTTP_STATUS]):
        if seen.note("status") in _NOT_A_WEBSOCKET:
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
    for seen in facts.failed("websocket_upgrade", failures=[Failure.HTTP_STATUS]):
        if seen.note("status") not in _NOT_A_WEBSOCKET:
            yield seen.says(f"HTTP {seen.note('status')} where 101 (Switching Protocols) was due")
    dropped = (Failure.GENERIC_TIMEOUT, Failure.CONNECTION_RESET, Failure.CONNECTION_CLOSED)
    yield from facts.failed("websocket_upgrade", failures=dropped)


@cause(
    "signaling-timeout",
    acts=Actor.GATEWAY,
    layer=Layer.SIGNALING,
    title="The gateway does not answer the offer",
    remedy="Try again; if it stays silent, send PolyAI this report: callSid and time are in it.",
    breaks=("signaling",),
)
def signaling_timeout(facts: Facts) -> Iterator[Evidence | Seen]:
    """The offer went out, and nothing came back."""
    for seen in facts.failed("offer_answer", failures=[Failure.GENERIC_TIMEOUT]):
        waited_s = seen.observation.duration_ms / 1000
        yield seen.says(f"Offer sent, nothing came back in {waited_s:.0f} s")


@cause(
    "signaling-closed",
    acts=Actor.GATEWAY,
    layer=Layer.SIGNALING,
    title="The gateway hangs up before it answers",
    remedy="Send PolyAI this report: the close code is in it.",
    reference="RFC 6455 §7.4",
    breaks=("signaling",),
)
def signaling_closed(facts: Facts) -> Iterator[Evidence | Seen]:
    """The WebSocket was closed between offer and answer."""
    for seen in facts.failed("offer_answer", failures=[Failure.WEBSOCKET_CLOSED]):
        code, reason = seen.note("close_code"), seen.note("close_reason")
        said = "Closed without a code" if code is None else f"Closed with code {code}"
        yield seen.says(f"{said} ({reason or 'no reason given'})")


@cause(
    "signaling-protocol-violation",
    acts=Actor.GATEWAY,
    layer=Layer.SIGNALING,
    title="The gateway sends a frame that cannot be read",
    remedy="Send PolyAI this report. Is a proxy between that rewrites WebSocket messages?",
    breaks=("signaling", "call"),
)
def signaling_protocol_violation(facts: Facts) -> Iterator[Evidence | Seen]:
    """Not JSON, not an object, a field missing or of a wrong type: which."""
    for seen in facts.failed("offer_answer", failures=[Failure.FRAME_INVALID]):
        yield seen.says(f"In place of the answer: {seen.note('detail')}")
    for seen in facts.failed("answer_apply", failures=[Failure.SDP_REJECTED]):
        yield seen.says(f"The answer's SDP cannot be used: {seen.note('detail')}")


@cause(
    "signaling-lost",
    acts=Actor.NETWORK,
    layer=Layer.SIGNALING,
    title="The signaling connection is lost in mid-call",
    remedy="60 s of idleness is a proxy's usual limit: have it raised for the gateway's host.",
    reference="RFC 6455 §7.4",
    breaks=("audio",),
)
def signaling_lost(facts: Facts) -> Iterator[Evidence | Seen]:
    """Gone after the answer: code and second; media may live on."""
    for seen in facts.failed("call_hold", failures=[Failure.WEBSOCKET_CLOSED]):
        after_s = seen.observation.duration_ms / 1000
        yield seen.says(f"After {after_s:.0f} s of holding, {seen.note('detail')}")


@cause(
    "ice-servers-unavailable",
    acts=Actor.GATEWAY,
    layer=Layer.HTTP,
    title="The gateway gives no ICE servers",
    remedy="Have HTTPS to the gateway allowed; some clients use a public STUN server meanwhile.",
    breaks=("call",),
)
def ice_servers_unavailable(facts: Facts) -> Iterator[Evidence | Seen]:
    """GET /api/v1/ice-servers failed."""
    for seen in facts.failed("ice_servers_fetch"):
        status, detail = seen.note("status"), seen.note("detail")
        said = f"answered {status}" if status else f"failed: {seen.observation.failure}"
        yield seen.says(f"{seen.observation.endpoint} {said}{f' ({detail})' if detail else ''}")


@cause(
    "agent-failure",
    acts=Actor.GATEWAY,
    layer=Layer.SIGNALING,
    title="The agent could not be started",
    remedy="Check that the agent is deployed; then send PolyAI this report.",
    breaks=("signaling",),
)
def agent_failure(facts: Facts) -> Iterator[Evidence | Seen]:
    """AGENT_FAILURE."""
    yield from _answered(facts, "AGENT_FAILURE")


@cause(
    "media-bridge-failure",
    acts=Actor.GATEWAY,
    layer=Layer.SIGNALING,
    title="The gateway could not set the media up",
    remedy="Try again; if it stays, send PolyAI this report.",
    breaks=("signaling",),
)
def media_bridge_failure(facts: Facts) -> Iterator[Evidence | Seen]:
    """MEDIA_BRIDGE_FAILURE."""
    yield from _answered(facts, "MEDIA_BRIDGE_FAILURE")


@cause(
    "gateway-error",
    acts=Actor.GATEWAY,
    layer=Layer.SIGNALING,
    title="The gateway reports an error of its own",
    remedy="Try again; if it stays, send PolyAI this report.",
    breaks=("signaling",),
)
def gateway_error(facts: Facts) -> Iterator[Evidence | Seen]:
    """HANDLER_ERROR, or a code that nobody knows."""
    for seen in facts.failed("offer_answer", failures=[Failure.GATEWAY_ERROR]):
        if seen.note("code") not in _CODES_WITH_A_CAUSE:
            yield seen.says(f"Offer answered {seen.note('code')}: {seen.note('message')}")


def _answered(facts: Facts, code: str) -> Iterator[Evidence]:
    for seen in facts.failed("offer_answer", code=code):
        yield seen.says(f"Offer answered {code}: {seen.note('message')}")
