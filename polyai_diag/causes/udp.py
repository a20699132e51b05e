"""UDP: whether it gets out, server by server; what the NAT makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.analysis.addresses import PUBLIC, kind_of
from polyai_diag.causes.engine import Facts, Layer, Seen, cause, describe, endpoint_host
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Evidence, Guide, Severity
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
        "Allow outbound UDP to the STUN and TURN servers (the firewall request lists them). Until "
        "then configure TURN over TCP or TLS: a call works through it, with more delay."
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
    control = _control(facts, {asked_host(seen) for seen in silent})
    if not silent or len(operators) < OPERATORS_LEAST or control is None:
        return
    for seen in silent:
        if seen.observation.operation == "ice_connect":
            yield seen.says("The gateway's own media addresses do not answer over UDP either")
        else:
            yield seen.says(_unanswered_words(seen))
    yield control


def _unanswered_words(seen: Seen) -> str:
    sent, is_ipv6 = seen.note("sent"), seen.note("family") == "IPv6"
    asked = f"{sent} requests over UDP" if sent else "asked over UDP"
    is_silent = seen.observation.failure is Failure.GENERIC_TIMEOUT
    said = "no answer" if is_silent else f"rejected ({seen.observation.failure})"
    return f"{seen.observation.endpoint}{' by IPv6' * is_ipv6}: {asked}, {said}"


def _silent_udp(facts: Facts) -> tuple[list[Seen], set[str]]:
    """What was asked over UDP, if none of it answered; and the operators that were asked."""
    asked = [s for s in (*facts.seen("stun_binding"), *_turn_udp(facts)) if not _cut_short(s)]
    direct = list(_direct_checks(facts))
    answered = any(s.observation.failure not in _UDP_UNANSWERED for s in asked)
    if not asked or answered or any(_succeeded(s) for s in direct):
        return [], set()
    operators = {operator_of(asked_host(seen)) for seen in asked}
    return [*asked, *direct], operators | ({"the gateway's media"} if direct else set())


def _cut_short(seen: Seen) -> bool:
    return seen.observation.failure is Failure.INTERRUPTED


def asked_host(seen: Seen) -> str:
    """Return the host of the URL that was asked, whatever address of it."""
    url = ice_url(seen)
    return url.host.lower() if url else seen.host


def operator_of(host: str) -> str:
    """Return what stands for a host's operator: its domain, or the number where it has no name.

    The last two labels stand for the domain: too coarse for `co.uk`, where it errs to one
    operator, and to the milder finding.
    """
    return host if _kind(host) else ".".join(host.lower().rstrip(".").split(".")[-2:])


def _turn_udp(facts: Facts) -> Iterator[Seen]:
    for seen in facts.seen("turn_challenge"):
        url = ice_url(seen)
        if url is not None and url.transport == "udp":
            yield seen


def _direct_checks(facts: Facts) -> Iterator[Seen]:
    """ICE checks from this machine's own sockets to the gateway."""
    for seen in facts.seen("ice_connect"):
        pairs = [p for p in seen.note("pairs") or () if p.get("obstacle") is None]
        if any(pair.get("local_type") != "relay" for pair in pairs):
            yield seen


def _succeeded(seen: Seen) -> bool:
    direct = [p for p in seen.note("pairs") or () if p.get("local_type") != "relay"]
    return any(pair.get("state") == "succeeded" for pair in direct)


def _control(facts: Facts, hosts: set[str]) -> Evidence | None:
    """Something else that works at the same time: best to the same host, else to the gateway."""
    for same in _host_is_up(facts, hosts):
        return same
    for seen in facts.succeeded("tls_handshake", "tcp_connect", step="gateway"):
        return seen.compares("TCP to the gateway works; this host is online (a weaker control)")
    return None


def _host_is_up(facts: Facts, hosts: set[str]) -> Iterator[Evidence]:
    same = _same_host_control(facts, hosts)
    if same is not None:
        over = "TCP" if same.observation.operation == "tcp_connect" else "TLS"
        where = same.observation.endpoint
        yield same.compares(f"{over} to the same host works ({where}); the host is up")


def _same_host_control(facts: Facts, hosts: set[str]) -> Seen | None:
    """TLS or TCP to one of these hosts; what went through a proxy says nothing of this network."""
    for operation in ("tls_control", "tls_handshake", "tcp_connect"):
        for seen in facts.succeeded(operation):
            direct = seen.step in ("stun", "turn") and not seen.note("through")
            if direct and asked_host(seen) in hosts:
                return seen
    return None


@cause(
    "stun-unreachable",
    acts=Actor.NETWORK,
    layer=Layer.UDP,
    guide=Guide.ICE,
    title="A STUN or TURN server does not answer over UDP",
    remedy=(
        "Check the server's address and port; have outbound UDP to it allowed. If others answer, "
        "the call may do without it: take it out of the ICE servers, or tell its owner."
    ),
    reference="RFC 8489 §6.2.1",
    breaks=("call",),
    compared_with=("stun_binding", "turn_allocate"),
)
def stun_unreachable(facts: Facts) -> Iterator[Evidence | Seen]:
    """This server is silent or refuses."""
    over_ipv6_alone = {(dead.step, dead.position) for dead, _ in _dead_over_ipv6(facts)}
    for seen in facts.failed("stun_binding"):
        if (seen.step, seen.position) not in over_ipv6_alone:
            yield seen.says(f"{describe(seen.observation)}; {_compared(facts, seen)}")
            yield from _host_is_up(facts, {asked_host(seen)})
    yield from facts.failed("dns_lookup", step="stun")
    if not any(facts.succeeded("nat_mapping", "stun_binding")):
        yield from facts.failed("nat_mapping")


def _compared(facts: Facts, seen: Seen) -> str:
    """Say what the silence was held against."""
    if any(asked_host(o) != asked_host(seen) for o in facts.succeeded("stun_binding")):
        return "others answer"
    if seen.observation.failure not in _UDP_UNANSWERED:
        return "so UDP gets through"
    control = _same_host_control(facts, {asked_host(seen)})
    if control is None:
        return "this server or the network may be down"
    over = "TCP" if control.observation.operation == "tcp_connect" else "TLS"
    _, operators = _silent_udp(facts)
    alone = "; no other operator was asked, so all UDP may be blocked" * (len(operators) == 1)
    return f"{over} to the same host works{alone}"


# --- IPv6 -------------------------------------------------------------------------------------


def _only_a_warning(_facts: Facts) -> Severity:
    return Severity.WARNING


@cause(
    "ipv6-broken",
    acts=Actor.NETWORK,
    layer=Layer.NETWORK,
    guide=Guide.ICE,
    title="IPv6 is offered and leads nowhere, while IPv4 works",
    remedy=(
        "Have this network's IPv6 repaired, or switched off: until then whatever tries IPv6 first "
        "waits in vain before it takes IPv4. If one host alone is concerned, tell its owner."
    ),
    reference="RFC 8305 §1",
    breaks=("call",),
    effect=_only_a_warning,
    explains=("turn-unreachable",),
    per_host=True,
)
def ipv6_broken(facts: Facts) -> Iterator[Evidence | Seen]:
    """A host's IPv6 addresses are silent, its IPv4 addresses answer the same way.

    A machine that has no way to IPv6 at all is told so at once, and is not broken.
    """
    broken = _dead_over_ipv6(facts)
    if not broken:
        return
    for dead, _ in broken:
        over = _protocol(dead)
        how = dead.observation.failure
        where = dead.note("server") or dead.observation.endpoint
        yield dead.says(f"{_name(dead)}: {over} to {where} by IPv6: {how}")
    dead, alive = broken[0]
    where = alive.note("server") or alive.observation.endpoint
    yield alive.compares(f"{_protocol(alive)} to the same host by IPv4 works ({where})")
    yield from _ipv6_elsewhere(facts, {_name(dead) for dead, _ in broken})


def _dead_over_ipv6(facts: Facts) -> list[tuple[Seen, Seen]]:
    """Each address of IPv6 that leads nowhere, with one of IPv4 of the same host that works."""
    groups: dict[tuple[str, str], list[Seen]] = {}
    tcp = (s for s in facts.seen("tcp_connect") if not s.note("control"))
    for seen in (*facts.seen("stun_binding"), *tcp):
        groups.setdefault((seen.observation.operation, _name(seen)), []).append(seen)
    found = []
    for group in groups.values():
        new = [seen for seen in group if _is_ipv6(seen)]
        alive = next((s for s in group if s not in new and s.observation.failure is None), None)
        if alive is not None and not any(seen.observation.failure is None for seen in new):
            found += [(seen, alive) for seen in new if _leads_nowhere(seen)]
    return found


def _leads_nowhere(seen: Seen) -> bool:
    """Whether packets went out and were lost. Without a way to IPv6 none goes out."""
    if _kind(_address(seen)) == "loopback":
        return False
    nowhere = [Failure.GENERIC_TIMEOUT, Failure.HOST_UNREACHABLE]
    if seen.note("sent"):  # over TCP these may be the machine's own word
        nowhere += [Failure.NETWORK_UNREACHABLE, Failure.PERMISSION_DENIED]
    return seen.observation.failure in nowhere


def _ipv6_elsewhere(facts: Facts, hosts: set[str]) -> Iterator[Evidence]:
    for seen in facts.succeeded("stun_binding", "tcp_connect"):
        if _is_ipv6(seen) and _name(seen) not in hosts:
            yield seen.says(f"IPv6 to {_name(seen)} works: the fault lies at or near this host")
            return


def _is_ipv6(seen: Seen) -> bool:
    return ":" in _address(seen)


def _address(seen: Seen) -> str:
    return endpoint_host(str(seen.note("server") or seen.observation.endpoint))


def _name(seen: Seen) -> str:
    return str(seen.note("host") or asked_host(seen))


def _protocol(seen: Seen) -> str:
    return "UDP" if seen.observation.operation == "stun_binding" else "TCP"


# --- NAT --------------------------------------------------------------------------------------


def _effect_of_symmetric_nat(facts: Facts) -> Severity:
    """A warning where the call must be relayed for it, a note where it need not, or can be."""
    nominated = facts.step("call").data.get("nominated")
    if isinstance(nominated, dict):
        for_it = nominated.get("local_type") == "relay" and not facts.record.target.get(
            "relay_only"
        )
        return Severity.WARNING if for_it else Severity.INFO
    if any(facts.failed("ice_connect")) and not _no_public_peer(facts):
        return Severity.INFO  # what failed would have worked through such a NAT
    return Severity.INFO if any(facts.succeeded("turn_allocate")) else Severity.WARNING


def _no_public_peer(facts: Facts) -> bool:
    """Whether the gateway offers candidates, and none that such a NAT could reach by itself."""
    pairs = [pair for seen in facts.seen("ice_connect") for pair in seen.note("pairs") or ()]
    offered = [(pair.get("remote_type"), pair.get("remote_address")) for pair in pairs]
    reachable = (
        kind in ("host", "relay") and _kind(endpoint_host(str(address))) == PUBLIC
        for kind, address in offered
    )
    return bool(offered) and not any(reachable)


@cause(
    "symmetric-nat",
    acts=Actor.CUSTOMER,
    layer=Layer.NAT,
    guide=Guide.ICE,
    title="The NAT gives each destination a port of its own (symmetric)",
    remedy=(
        "Configure a TURN server: where the other side has no public address either, only a relay "
        "connects through such a NAT. Or ask the network team for endpoint-independent mapping."
    ),
    reference="RFC 4787 §4.1",
    breaks=("call",),
    effect=_effect_of_symmetric_nat,
    explains=("ice-failed", "turn-not-configured", "media-ports-blocked"),
    explains_if=lambda facts, _explained: _no_public_peer(facts),
)
def symmetric_nat(facts: Facts) -> Iterator[Evidence | Seen]:
    """One socket, one public address, and a port that differs by destination.

    Where the public address differs too there are several exits (SD-WAN, VPN): another thing.
    """
    by_exit: dict[str, dict[str, Seen]] = {}
    for seen in facts.succeeded("nat_mapping"):
        host, _, port = str(seen.note("mapped_address")).rpartition(":")
        by_exit.setdefault(host, {}).setdefault(port, seen)
    for host, by_port in by_exit.items():
        if len(by_port) > 1:
            first, *others = by_port.items()
            ports = len(by_port)
            yield first[1].says(
                f"One socket leaves {host} by {ports} ports: {first[1].observation.endpoint} "
                f"sees port {first[0]}"
            )
            for port, seen in others:
                yield seen.says(f"{seen.observation.endpoint} sees port {port}")


# --- addresses ----------------------------------------------------------------------------------


def _kind(address: str) -> str | None:
    """Return what kind of address it is, None for a name."""
    try:
        return kind_of(address)
    except ValueError:
        return None


def turn_is_configured(facts: Facts) -> bool:
    """Whether the run was given a TURN URL, by the user or the gateway."""
    urls = facts.record.target.get("ice_urls") or ()
    return any(str(url).lower().startswith("turn") for url in urls)


def ice_url(seen: Seen) -> IceUrl | None:
    """Return the STUN or TURN URL that was asked, None where it is none."""
    try:
        return parse_ice_url(str(seen.note("url") or seen.observation.endpoint))
    except TargetError:
        return None
