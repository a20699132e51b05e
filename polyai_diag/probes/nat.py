"""What the NAT does to UDP: mapping and filtering (RFC 5780 §4.3, §4.4; terms of RFC 4787)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from polyai_diag import stun_message
from polyai_diag.probes.stun_transport import (
    KNOWN,
    Address,
    StunTransport,
    mapped_address,
    open_udp,
    shown,
)
from polyai_diag.stun_message import CHANGE_IP, CHANGE_PORT, Method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyai_diag.probes.trace import Trace

TIMEOUT_S = 1.2
INDEPENDENT = "endpoint-independent"
ADDRESS_DEPENDENT = "address-dependent"
PORT_DEPENDENT = "address-and-port-dependent"
UNKNOWN = "unknown"


class Nat(NamedTuple):
    """What was found out; `unknown` where no server could tell."""

    mapping: str
    filtering: str
    mapped: list[Address]


async def ask_nat(servers: Sequence[Address], trace: Trace) -> Nat:
    """Ask several servers from one socket; use RFC 5780 where one of them offers it.

    Filtering is asked from a socket of its own: who was written to may answer through any filter.
    """
    if not servers:
        return Nat(UNKNOWN, UNKNOWN, [])
    async with open_udp(local_host=_any_local(servers[0])) as transport:
        mapped: dict[Address, Address] = {}
        other: tuple[Address, Address] | None = None
        for server in servers:
            found = await _map(transport, server, trace, mapped)
            other = other or ((server, found) if found else None)
        if other is not None:
            primary, alternate = other
            for server in ((alternate[0], primary[1]), alternate):
                await _map(transport, server, trace, mapped)
    filtering = await _filtering(other[0], trace) if other else UNKNOWN
    return Nat(classify_mapping(mapped), filtering, list(dict.fromkeys(mapped.values())))


def classify_mapping(mapped: dict[Address, Address]) -> str:
    """Name the mapping from what one socket looked like to several destinations (RFC 4787 §4.1).

    `mapped` is destination → reflexive address. One destination alone tells nothing.
    """
    if len(mapped) < 2:
        return UNKNOWN
    if len(set(mapped.values())) == 1:
        return INDEPENDENT
    by_host: dict[str, set[Address]] = {}
    for (host, _), reflexive in mapped.items():
        by_host.setdefault(host, set()).add(reflexive)
    per_port = any(len(reflexive) > 1 for reflexive in by_host.values())
    return PORT_DEPENDENT if per_port else ADDRESS_DEPENDENT


async def _map(
    transport: StunTransport, server: Address, trace: Trace, mapped: dict[Address, Address]
) -> Address | None:
    """Ask one destination; return the other address that an RFC 5780 server names."""
    with trace.observe("nat_mapping", shown(server), known=KNOWN) as seen:
        request = stun_message.request(Method.BINDING)
        reply = await transport.ask(request, timeout_s=TIMEOUT_S, to=server)
        mapped[server] = mapped_address(reply.message)
        seen.note(mapped_address=shown(mapped[server]))
        other: Address | None = reply.message.attributes.get("OTHER-ADDRESS")
        return other if other and other[0] != server[0] and other[1] != server[1] else None
    return None


async def _filtering(server: Address, trace: Trace) -> str:
    async with open_udp(local_host=_any_local(server)) as transport:
        if await _answers(transport, server, CHANGE_IP | CHANGE_PORT, trace):
            return INDEPENDENT
        if await _answers(transport, server, CHANGE_PORT, trace):
            return ADDRESS_DEPENDENT
        return PORT_DEPENDENT


async def _answers(transport: StunTransport, server: Address, change: int, trace: Trace) -> bool:
    """Ask for an answer from elsewhere; silence is how a filter shows, and no failure."""
    request = stun_message.request(Method.BINDING, {"CHANGE-REQUEST": change})
    with trace.observe("nat_filtering", shown(server), known=KNOWN, change=change) as seen:
        try:
            reply = await transport.ask(request, timeout_s=TIMEOUT_S, to=server)
        except TimeoutError:
            seen.note(answered=False)
            return False
        seen.note(answered=True, answered_from=shown(reply.source))
        return True
    return False


def _any_local(server: Address) -> str:
    """Bind where the answer can come from both of a loopback server's addresses."""
    return "::" if ":" in server[0] else "0.0.0.0"  # noqa: S104 - a probe's own socket, for a second
