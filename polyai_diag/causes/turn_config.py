"""TURN that is missing: none at all, or none that goes where UDP does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.causes.engine import Facts, Layer, Seen, cause
from polyai_diag.causes.turn_ways import is_configured, url_of
from polyai_diag.causes.udp import ice_url, turn_is_configured, udp_blocked
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Evidence, Guide

if TYPE_CHECKING:
    from collections.abc import Iterator


@cause(
    "turn-not-configured",
    acts=Actor.CUSTOMER,
    layer=Layer.TURN,
    guide=Guide.ICE,
    title="No TURN server is configured, and nothing direct gets through",
    remedy="Configure a TURN server, over TCP or TLS where UDP is blocked.",
    reference="RFC 8445 §2",
    breaks=("call",),
    explains=("ice-failed",),
)
def turn_not_configured(facts: Facts) -> Iterator[Evidence | Seen]:
    """UDP is blocked, or every direct pair failed, and there is no relay to fall back to."""
    if turn_is_configured(facts):
        return
    failed = list(facts.failed("ice_connect", failures=[Failure.ICE_FAILED]))
    for seen in failed:
        yield seen.says(
            "No direct pair works (a firewall here, or the gateway), and no TURN server is "
            "configured"
        )
    blocked = next(iter(udp_blocked(facts)), None)
    if blocked is not None and not failed:
        position = blocked.position if isinstance(blocked, Seen) else blocked.observation
        said = "UDP is blocked, and no TURN server is configured to go round it"
        yield Evidence(step=blocked.step, observation=position, text=said)


@cause(
    "turn-tcp-not-configured",
    acts=Actor.CUSTOMER,
    layer=Layer.TURN,
    guide=Guide.ICE,
    title="TURN over TCP or TLS would work here, and is not configured",
    remedy="Add the URL that works to the ICE servers: a call then gets through without UDP.",
    reference="RFC 8656 §3.1, RFC 7065 §3.1",
    breaks=("call",),
    explains=(
        "udp-blocked",
        "stun-unreachable",
        "turn-unreachable",
        "ice-failed",
        "ice-no-candidates",
    ),
)
def turn_tcp_not_configured(facts: Facts) -> Iterator[Evidence | Seen]:
    """Only UDP is configured and none of it works; another transport, tried now, does."""
    asked = list(facts.seen("turn_challenge", "turn_allocate"))
    configured = [seen for seen in asked if is_configured(seen)]
    granted = [s for s in asked if s.note("relayed_address") and s.observation.failure is None]
    if not configured or any(is_configured(seen) for seen in granted):
        return
    if all((url := ice_url(seen)) and url.transport == "udp" for seen in configured):
        for seen in granted:
            yield seen.says(f"{url_of(seen)} works, and only UDP is configured")
