"""A relay that was granted, and does not carry what the call needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyai_diag.analysis.addresses import best_reached
from polyai_diag.causes.engine import Facts, Layer, Seen, cause, endpoint_host
from polyai_diag.causes.turn_ways import is_configured, near, url_of
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Evidence, Guide

if TYPE_CHECKING:
    from collections.abc import Iterator

_FAILED_PAIR = ("failed", "in_progress")


@cause(
    "turn-peer-refused",
    acts=Actor.GATEWAY,
    layer=Layer.TURN,
    guide=Guide.ICE,
    title="The TURN server refuses to relay to the gateway's media addresses",
    remedy="Have the TURN server's owner allow the gateway's addresses as peers.",
    reference="RFC 8656 §9.2",
    breaks=("call",),
    explains=("ice-failed",),
)
def turn_peer_refused(facts: Facts) -> Iterator[Evidence | Seen]:
    """403 for an address that the call needs; for the server's own it is common hardening."""
    needed = _remote_hosts(facts)
    for seen in facts.seen("turn_permission", "turn_channel"):
        peer = str(seen.note("peer") or "")
        refused = seen.note("hardened") or seen.observation.failure is Failure.STUN_FORBIDDEN
        if refused and is_configured(seen) and endpoint_host(peer) in needed:
            yield seen.says(f"{url_of(seen)} refuses {peer}, where the gateway's media is (403)")


@cause(
    "turn-relay-blackhole",
    acts=Actor.GATEWAY,
    layer=Layer.TURN,
    guide=Guide.ICE,
    title="The TURN server grants a relay that carries nothing",
    remedy=(
        "Have the TURN server's owner open UDP from its relay ports to the internet (49152 to "
        "65535 unless set otherwise), and check the external address that it is told to use."
    ),
    reference="RFC 8656 §3.1, §7.2",
    breaks=("call",),
    explains=("ice-failed",),
)
def turn_relay_blackhole(facts: Facts) -> Iterator[Evidence | Seen]:
    """Allocated and permitted; no binding through it is answered, and no relay pair works.

    Silence from one allocation to another on one server proves nothing.
    """
    proven = _proven(facts)
    if any(pair["state"] == "succeeded" for pair in _relay_pairs(facts)):
        return
    for seen in facts.failed("turn_relayed_binding", failures=[Failure.GENERIC_TIMEOUT]):
        counts = is_configured(seen) and not seen.note("own_address")
        if counts and url_of(seen) not in proven and _answers_others(facts, seen):
            yield seen.says(f"{url_of(seen)}: {seen.note('detail')}, which answer without it")
    if not proven and _permitted(facts):
        yield from _dead_relay_pairs(facts)


def _dead_relay_pairs(facts: Facts) -> Iterator[Evidence]:
    for seen in facts.failed("ice_connect"):
        pairs = [p for p in seen.note("pairs") or () if p["local_type"] == "relay"]
        if pairs and all(pair["state"] in _FAILED_PAIR for pair in pairs):
            yield seen.says(f"None of {len(pairs)} pairs by the relay works, and no data passes it")


def _proven(facts: Facts) -> set[str]:
    """Return the URLs whose relay was seen to carry a packet."""
    echoes = [s for s in facts.succeeded("turn_relayed_echo") if s.note("answered")]
    return {url_of(seen) for seen in (*echoes, *facts.succeeded("turn_relayed_binding"))}


def _permitted(facts: Facts) -> bool:
    """Whether a configured server has let a peer in."""
    permitted = near(facts.succeeded("turn_permission"))
    return any(is_configured(seen) and not seen.note("hardened") for seen in permitted)


def _answers_others(facts: Facts, asked: Seen) -> bool:
    """Whether one of the servers asked is up: it answers us, or answered through another relay."""
    servers = set(asked.note("servers") or ())
    up = {seen.note("server") for seen in facts.succeeded("stun_binding", "turn_relayed_binding")}
    return bool(servers & up)


def _relay_pairs(facts: Facts) -> Iterator[dict[str, Any]]:
    for seen in facts.seen("ice_connect"):
        yield from (p for p in seen.note("pairs") or () if p["local_type"] == "relay")


def _remote_hosts(facts: Facts) -> list[str]:
    """Return the gateway's addresses that a relay could reach, where ICE found no way to any.

    One that nobody could reach is refused with good reason: a private one of another network.
    """
    failed = facts.failed("ice_connect")
    pairs = (p for seen in failed for p in seen.note("pairs") or () if p.get("obstacle") is None)
    return best_reached(endpoint_host(pair["remote_address"]) for pair in pairs)
