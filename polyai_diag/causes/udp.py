"""UDP: whether it gets out, server by server; what the NAT makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.causes.engine import Facts, Layer, Seen, cause, describe
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Evidence, Guide
from polyai_diag.target import IceUrl, TargetError, parse_ice_url

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATORS_LEAST = 2
"""One silent server may be down; two of different operators are not by chance."""

_UDP_UNANSWERED = (
    Failure.GENERIC_TIMEOUT,
    Failure.CONNECTION_REFUSED,
    Failure.HOST_UNREACHABLE,
    Failure.NETWORK_UNREACHABLE,
    Failure.PERMISSION_DENIED,
)


@cause(
    "udp-blocked",
    acts=Actor.NETWORK,
    layer=Layer.UDP,
    guide=Guide.ICE,
    title="UDP is blocked between this network and the internet",
    remedy=(
        "Ask the network team to allow outbound UDP to the STUN and TURN servers. Until then "
        "configure TURN over TCP or TLS: a call works through it, with more delay."
    ),
    reference="RFC 8445 §2, RFC 8656 §3.1",
    breaks=("call",),
    explains=("stun-unreachable", "ice-failed", "turn-not-configured"),
)
def udp_blocked(facts: Facts) -> Iterator[Evidence | Seen]:
    """No UDP server of two operators or more answers, while TCP to the same host works.

    A firewall that rejects answers by ICMP, in the servers' name: that is no answer of theirs.
    """
    silent, operators = _silent_udp(facts)
    control = _control(facts, {seen.host for seen in silent})
    if not silent or len(operators) < OPERATORS_LEAST or control is None:
        return
    for seen in silent:
        if seen.observation.operation == "ice_connect":
            yield seen.says("The gateway's own media addresses do not answer over UDP either")
        else:
            sent = seen.note("sent")
            asked = f"{sent} requests over UDP" if sent else "asked over UDP"
            is_silent = seen.observation.failure is Failure.GENERIC_TIMEOUT
            said = "no answer" if is_silent else f"rejected ({seen.observation.failure})"
            yield seen.says(f"{seen.observation.endpoint}: {asked}, {said}")
    yield control


def _silent_udp(facts: Facts) -> tuple[list[Seen], set[str]]:
    """What was asked over UDP, if none of it answered; and how many operators that was."""
    asked = [*facts.seen("stun_binding"), *_turn_udp(facts)]
    direct = list(_direct_checks(facts))
    answered = any(s.observation.failure not in _UDP_UNANSWERED for s in asked)
    if not asked or answered or any(_succeeded(s) for s in direct):
        return [], set()
    operators = {seen.host for seen in asked} | ({"the gateway's media"} if direct else set())
    return [*asked, *direct], operators


def _turn_udp(facts: Facts) -> Iterator[Seen]:
    for seen in facts.seen("turn_challenge"):
        url = ice_url(seen)
        if url is not None and url.transport == "udp":
            yield seen


def _direct_checks(facts: Facts) -> Iterator[Seen]:
    """ICE checks from this machine's own sockets to the gateway."""
    for seen in facts.seen("ice_connect"):
        if any(pair["local_type"] != "relay" for pair in seen.note("pairs") or ()):
            yield seen


def _succeeded(seen: Seen) -> bool:
    pairs = seen.note("pairs") or ()
    return any(p["local_type"] != "relay" and p["state"] == "succeeded" for p in pairs)


def _control(facts: Facts, hosts: set[str]) -> Evidence | None:
    """Something else that works at the same time: best to the same host, else to the gateway."""
    connected = [*facts.succeeded("tcp_connect"), *facts.succeeded("tls_handshake")]
    for seen in connected:
        if seen.step in ("stun", "turn") and seen.host in hosts:
            where = seen.observation.endpoint
            return seen.says(f"Control: TCP to the same host works ({where}); the host is up")
    for seen in connected:
        if seen.step == "gateway":
            return seen.says("Control (weaker): TCP to the gateway works; this host is online")
    return None


@cause(
    "stun-unreachable",
    acts=Actor.NETWORK,
    layer=Layer.UDP,
    guide=Guide.ICE,
    title="A STUN or TURN server does not answer over UDP",
    remedy="Check the server's address; have outbound UDP to its port allowed.",
    reference="RFC 8489 §6.2.1",
    breaks=("call",),
)
def stun_unreachable(facts: Facts) -> Iterator[Evidence | Seen]:
    """This server is silent or refuses."""
    for seen in facts.failed("stun_binding"):
        others = any(o.host != seen.host for o in facts.succeeded("stun_binding"))
        compared = "; others answer" if others else ""
        yield seen.says(f"{describe(seen.observation)}{compared}")
    yield from facts.failed("dns_lookup", step="stun")
    if not any(facts.succeeded("nat_mapping")):
        yield from facts.failed("nat_mapping")


def ice_url(seen: Seen) -> IceUrl | None:
    """Return the STUN or TURN URL that was asked, None where it is none."""
    try:
        return parse_ice_url(str(seen.note("url") or seen.observation.endpoint))
    except TargetError:
        return None
