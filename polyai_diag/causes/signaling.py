"""Signaling: what comes back on the offer, and for how long the WebSocket lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.causes.engine import Facts, Layer, Seen, cause
from polyai_diag.causes.refusals import ENDED_BY_IT, errors, in_words
from polyai_diag.causes.repeats import as_before
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.model import Evidence

SLOW_SETUP_MS = 5_000.0
"""From the click to the first audio; published clients give up at 30 s."""

_CODES_WITH_A_CAUSE = (
    "UNAUTHORIZED",
    "FORBIDDEN",
    "INVALID_ARGUMENT",
    "INVALID_MESSAGE",
    "AGENT_FAILURE",
    "MEDIA_BRIDGE_FAILURE",
)
_SETUP = {
    "dns_lookup": "the name lookup",
    "proxy_connect": "the proxy",
    "tcp_connect": "TCP",
    "tls_handshake": "TLS",
    "websocket_upgrade": "the WebSocket upgrade",
    "ice_servers_fetch": "fetching ICE servers",
    "ice_gather": "gathering candidates",
    "offer_answer": "the answer to the offer",
    "ice_connect": "ICE",
    "dtls_handshake": "DTLS",
}
"""The stages of a client's set-up, one after the other, as the steps observe them."""


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
        within = f" in {waited_s:.0f} s" if waited_s else ""  # a log may tell no times
        yield seen.says(f"Offer sent, nothing came back{within}")


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
    breaks=("signaling", "opus", "call"),
)
def signaling_protocol_violation(facts: Facts) -> Iterator[Evidence | Seen]:
    """Not JSON, not an object, a field missing or of a wrong type: which."""
    for seen in facts.failed("offer_answer", failures=[Failure.FRAME_INVALID]):
        yield seen.says(f"In place of the answer: {seen.note('detail')}")
    for seen in facts.failed("answer_apply", failures=[Failure.SDP_REJECTED]):
        yield seen.says(f"The answer's SDP cannot be used: {seen.note('detail')}")
    for seen in facts.failed("sdp_compare", "sdp_read", failures=[Failure.SDP_REJECTED]):
        if seen.note("cause") == "signaling-protocol-violation":
            yield seen.says(f"The answer's SDP cannot be used: {seen.note('detail')}")


@cause(
    "signaling-lost",
    acts=Actor.NETWORK,
    layer=Layer.SIGNALING,
    title="The signaling connection is lost in mid-call",
    remedy=(
        "60 s of idleness is a proxy's usual limit: have it raised for the gateway's host. Clients "
        "that cannot connect again end the call."
    ),
    reference="RFC 6455 §7.4",
    breaks=("audio",),
)
def signaling_lost(facts: Facts) -> Iterator[Evidence | Seen]:
    """Gone after the answer: code and second; media may live on."""
    for seen in facts.failed("call_hold", failures=[Failure.WEBSOCKET_CLOSED]):
        lives_on, after_s = seen.note("media_lives_on"), seen.note("after_answer_s")
        audio = {True: "; the audio goes on", False: ", and the audio too"}.get(lives_on, "")
        when = "After the answer" if after_s is None else f"{after_s} s after the answer"
        yield seen.says(f"{when} {seen.note('detail')}{audio}{as_before(facts, seen)}")
        if lives_on:
            yield seen.compares("the media of the same call lives on")


@cause(
    "agent-failure",
    acts=Actor.GATEWAY,
    layer=Layer.SIGNALING,
    title="The agent could not be started",
    remedy="Check that the agent is deployed; then send PolyAI this report.",
    breaks=("signaling", "call", "audio"),
    explains=ENDED_BY_IT,
)
def agent_failure(facts: Facts) -> Iterator[Evidence | Seen]:
    """AGENT_FAILURE."""
    yield from map(in_words, errors(facts, "AGENT_FAILURE"))


@cause(
    "media-bridge-failure",
    acts=Actor.GATEWAY,
    layer=Layer.SIGNALING,
    title="The gateway could not set the media up",
    remedy="Try again; if it stays, send PolyAI this report.",
    breaks=("signaling", "call", "audio"),
    explains=ENDED_BY_IT,
)
def media_bridge_failure(facts: Facts) -> Iterator[Evidence | Seen]:
    """MEDIA_BRIDGE_FAILURE."""
    yield from map(in_words, errors(facts, "MEDIA_BRIDGE_FAILURE"))


@cause(
    "gateway-error",
    acts=Actor.GATEWAY,
    layer=Layer.SIGNALING,
    title="The gateway reports an error of its own",
    remedy="Try again; if it stays, send PolyAI this report.",
    breaks=("signaling", "call", "audio"),
    explains=ENDED_BY_IT,
)
def gateway_error(facts: Facts) -> Iterator[Evidence | Seen]:
    """HANDLER_ERROR, or a code that nobody knows."""
    for seen in errors(facts):
        if seen.note("code") not in _CODES_WITH_A_CAUSE:
            yield in_words(seen)


@cause(
    "setup-slow",
    acts=Actor.NETWORK,
    layer=Layer.SIGNALING,
    title="The call takes long to set up",
    remedy="Look at the slow stage that is named; published clients give up after 30 s.",
    breaks=("audio",),
    effect=lambda _: Severity.WARNING,
)
def setup_slow(facts: Facts) -> Iterator[Evidence | Seen]:
    """All stages together take over 5 s, each of them well: which one is slow."""
    if _quickest(facts, "offer_answer") is None:
        return
    stages = [s for s in (_quickest(facts, operation) for operation in _SETUP) if s is not None]
    first_audio_ms = _first_audio_ms(facts)
    whole_ms = sum(stage.observation.duration_ms for stage in stages) + first_audio_ms
    if whole_ms <= SLOW_SETUP_MS:
        return
    slowest = max(stages, key=lambda stage: stage.observation.duration_ms)
    slow_ms = slowest.observation.duration_ms
    named = _SETUP[slowest.observation.operation]
    if first_audio_ms > slow_ms:
        named, slow_ms = "waiting for the first audio after that", first_audio_ms
    yield slowest.says(
        f"{whole_ms / 1000:.1f} s from the click to the first audio; {named} took "
        f"{slow_ms / 1000:.1f} s of it"
    )
    connected = _quickest(facts, "tcp_connect")
    if connected is not None:
        took_ms = connected.observation.duration_ms
        yield connected.compares(f"TCP to the gateway took {took_ms:.0f} ms")


def _quickest(facts: Facts, operation: str) -> Seen | None:
    step = "gateway" if operation in ("dns_lookup", "tcp_connect", "tls_handshake") else None
    return min(
        (s for s in facts.succeeded(operation, step=step) if not s.note("code")),  # no refusal
        key=lambda seen: seen.observation.duration_ms,
        default=None,
    )


def _first_audio_ms(facts: Facts) -> float:
    value = facts.step("audio").data.get("first_audio_ms")
    return value if isinstance(value, int | float) else 0.0
