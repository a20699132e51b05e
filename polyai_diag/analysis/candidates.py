"""ICE candidates in words, and which pairs of them can work (RFC 8839 §5.1, RFC 8445). Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from polyai_diag.model import Json

TYPES = ("host", "srflx", "prflx", "relay")
_PORT = re.compile("[0-9]{1,5}")
_NUMBER = re.compile("[0-9]{1,10}")

_TYPE_IN_WORDS = {
    "srflx": "the address that a STUN server sees, after address translation",
    "prflx": "met during the checks: nobody offered it",
    "relay": "a TURN server's address: what is sent there is passed on",
}
_SCOPE_IN_WORDS = {
    "public": "a public address",
    "private": "a private address: reached from within its own network",
    "loopback": "loopback: reached from its own machine alone",
    "link-local": "link-local: reached on the same cable or Wi-Fi alone",
    "mdns": "a browser's name in place of its address: known in its own network alone",
    "name": "a host name: ICE uses addresses",
}
_NARROW = ("loopback", "link-local")
# Defaults of common programs. Nobody is bound to them, hence "often".
_NETWORKS = tuple(
    (ipaddress.ip_network(network), words)
    for network, words in (
        ("100.64.0.0/10", "shared address space (RFC 6598): a carrier's NAT, often a VPN"),
        ("172.17.0.0/16", "often a container network on one machine (Docker)"),
        ("172.18.0.0/15", "often a container network on one machine (Docker)"),
        ("192.168.65.0/24", "often a container network on one machine (Docker Desktop)"),
        ("10.88.0.0/16", "often a container network on one machine (Podman)"),
        ("192.168.122.0/24", "often a network of virtual machines on one machine (libvirt)"),
        ("192.168.56.0/24", "often a network of virtual machines on one machine (VirtualBox)"),
        ("10.8.0.0/24", "often a VPN (OpenVPN)"),
        ("198.18.0.0/15", "reserved for benchmarks: often a VPN or a proxy client"),
        ("fd7a:115c:a1e0::/48", "often a VPN (Tailscale)"),
        ("fc00::/7", "a unique local IPv6 address: reached from within its own network"),
        ("64:ff9b::/96", "an IPv4 address in IPv6 (NAT64)"),
        ("2001::/32", "an IPv6 tunnel (Teredo)"),
        ("2002::/16", "an IPv6 tunnel (6to4)"),
    )
)
_SAME_NETWORK_BITS = {4: 16, 6: 48}
"""Private addresses that agree in so many bits may be of one network; others seldom are."""


@dataclass(frozen=True)
class CandidateFacts:
    """One candidate: its type, transport and address, and whether others can reach it."""

    type: str  # host, srflx, prflx, relay
    transport: str  # udp, tcp
    address: str
    port: int

    @property
    def scope(self) -> str:
        """Where it can be reached from: public, private, loopback, link-local, mdns, name."""
        if self.address.lower().endswith(".local"):
            return "mdns"
        ip = self._ip
        if ip is None:
            return "name"
        if ip.is_loopback:
            return "loopback"
        if ip.is_link_local:
            return "link-local"
        return "public" if ip.is_global else "private"

    @property
    def explained(self) -> str:
        """What the candidate is, in a few words."""
        by_type = _TYPE_IN_WORDS.get(self.type)
        if by_type is None:
            return self._place
        return by_type if self.scope == "public" else f"{by_type}; {self._place}"

    @property
    def _place(self) -> str:
        ip = self._ip
        if ip is None or self.scope in ("loopback", "link-local"):
            return _SCOPE_IN_WORDS[self.scope]
        known = next((words for network, words in _NETWORKS if ip in network), None)
        if known is not None or ip.version == 4 or self.scope != "public":
            return known or _SCOPE_IN_WORDS[self.scope]
        if ip.packed[11:13] == b"\xff\xfe":
            return "a public IPv6 address, made of the network card's own (EUI-64)"
        return "a public IPv6 address; whether a temporary one (RFC 8981) it does not tell"

    @property
    def _ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        try:
            return ipaddress.ip_address(self.address.split("%", 1)[0])
        except ValueError:
            return None


def obstacle(local: CandidateFacts, remote: CandidateFacts) -> str | None:
    """Say why our candidate cannot reach theirs; None where it could (RFC 8445 §6.1.2.2).

    A private address of another network could be reached through a VPN. That is rare enough to
    be called an obstacle where a check failed; where one succeeded nobody asks.
    """
    here, there = local._ip, remote._ip  # noqa: SLF001 - of our own class
    said = None
    if remote.transport != local.transport:
        said = f"over {remote.transport.upper()}, and here {local.transport.upper()} is checked"
    elif here is None or there is None:
        said = _SCOPE_IN_WORDS[remote.scope if there is None else local.scope]
    elif here.version != there.version:
        said = f"IPv{there.version}, and here IPv{here.version} is asked from"
    elif remote.scope != local.scope and remote.scope in _NARROW:
        said = _SCOPE_IN_WORDS[remote.scope]
    elif remote.scope != local.scope and local.scope in _NARROW:
        said = f"ours is {_SCOPE_IN_WORDS[local.scope]}"
    elif remote.scope == "private" and not _share_network(here, there):
        said = remote.explained
    return said


def unreachable(local: Sequence[CandidateFacts], remote: CandidateFacts) -> str | None:
    """Say why none of ours can reach theirs; None where one could, or where there is none of ours.

    Of several reasons the last looked for is given: that pair came furthest.
    """
    reasons = [obstacle(one, remote) for one in local if one.type in ("host", "relay")]
    if not reasons or None in reasons:
        return None
    same_family = [reason for reason in reasons if reason and not reason.startswith("IPv")]
    return (same_family or reasons)[-1]


def candidate_rows(candidates: Iterable[CandidateFacts]) -> list[dict[str, Json]]:
    """Explain candidates, a row each: type, transport, address, port, scope, explained."""
    return [
        {
            "type": facts.type,
            "transport": facts.transport,
            "address": facts.address,
            "port": facts.port,
            "scope": facts.scope,
            "explained": facts.explained,
        }
        for facts in candidates
    ]


def _share_network(
    one: ipaddress.IPv4Address | ipaddress.IPv6Address,
    other: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> bool:
    dropped_bits = one.max_prefixlen - _SAME_NETWORK_BITS[one.version]
    return int(one) >> dropped_bits == int(other) >> dropped_bits


def read_candidate(text: str) -> CandidateFacts | None:
    """Read a candidate line, with or without `a=` and `candidate:`; None when it is none."""
    fields = text.strip().removeprefix("a=").removeprefix("candidate:").split()
    if len(fields) < 8 or fields[6] != "typ" or fields[7].lower() not in TYPES:
        return None
    if not _PORT.fullmatch(fields[5]) or int(fields[5]) > 65535:
        return None
    return CandidateFacts(fields[7].lower(), fields[2].lower(), fields[4], int(fields[5]))


def candidate_faults(text: str) -> list[str]:
    """Name the parts of a candidate line that RFC 8839 §5.1 does not allow; prefixes are free."""
    fields = text.strip().removeprefix("a=").removeprefix("candidate:").split()
    if len(fields) < 8:
        return ["not an ICE candidate (RFC 8839 §5.1): 8 fields or more are needed"]
    _, component, transport, priority, _, port, typ, kind = fields[:8]
    rules = {
        "the component is not a number from 1 to 256": _within(component, 1, 256),
        "the transport is neither UDP nor TCP": transport.lower() in ("udp", "tcp"),
        "the priority is not a number below 2^32": _within(priority, 0, 2**32 - 1),
        "the port is not a number from 0 to 65535": _within(port, 0, 65535),
        "'typ' is not where it belongs (the 7th field)": typ == "typ",
        f"the type is none of {', '.join(TYPES)}": typ != "typ" or kind.lower() in TYPES,
    }
    return [fault for fault, kept in rules.items() if not kept]


def _within(text: str, least: int, most: int) -> bool:
    return _NUMBER.fullmatch(text) is not None and least <= int(text) <= most
