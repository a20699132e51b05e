"""What the NAT does to UDP: mapping and filtering (RFC 5780 §4.3, §4.4; terms of RFC 4787)."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from polyai_diag import stun_message
from polyai_diag.analysis.addresses import kind_of
from polyai_diag.analysis.nat import (
    ADDRESS_DEPENDENT,
    INDEPENDENT,
    PORT_DEPENDENT,
    UNKNOWN,
    Address,
    classify_mapping,
)
from polyai_diag.probes.stun_transport import (
    KNOWN,
    StunTransport,
    any_local,
    mapped_address,
    open_udp,
    shown,
)
from polyai_diag.stun_message import CHANGE_IP, CHANGE_PORT, Method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyai_diag.probes.trace import Trace

TIMEOUT_S = 2.0


@dataclass
class Nat:
    """What was found out; `unknown` where no server could tell."""

    mapping: str = UNKNOWN
    filtering: str = UNKNOWN
    mapped: dict[Address, Address] = field(default_factory=dict)  # by whom it was seen
    translated: bool | None = None  # whether there is a translation at all
    behaviour_server: Address | None = None  # one that offers RFC 5780

    @property
    def mapped_addresses(self) -> list[Address]:
        """Each address that this machine was seen at, once."""
        return list(dict.fromkeys(self.mapped.values()))

    @property
    def exits(self) -> list[str]:
        """The hosts of these: more than one where there are several ways out."""
        return list(dict.fromkeys(host for host, _ in self.mapped.values()))


async def ask_nat(servers: Sequence[Address], trace: Trace) -> Nat:
    """Ask several servers, of one family, from one socket; use RFC 5780 where one offers it.

    Filtering is asked from a socket of its own: who was written to may answer through any filter.
    """
    found = Nat()
    if not servers:
        return found
    async with open_udp(local_host=any_local(servers[0])) as transport:
        asked = [_map(transport, server, trace, found.mapped) for server in servers]
        others = dict(zip(servers, await asyncio.gather(*asked), strict=True))
        offering = [(server, other) for server, other in others.items() if other]
        for server, other in offering[:1]:
            await _ask_alternates(transport, server, other, found, trace)
        _compare_with_local(found, transport)
    found.mapping = classify_mapping(found.mapped)
    if found.behaviour_server is not None:
        found.filtering = await _filtering(found.behaviour_server, trace)
    return found


async def _ask_alternates(
    transport: StunTransport, server: Address, other: Address, found: Nat, trace: Trace
) -> None:
    """Ask the other address at both ports; only who answers there can be a test of filters."""
    alternates = ((other[0], server[1]), other)
    await asyncio.gather(*(_map(transport, a, trace, found.mapped) for a in alternates))
    if all(alternate in found.mapped for alternate in alternates):
        found.behaviour_server = server


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
        return other if other and _can_be_another(other, server) else None
    return None


def _can_be_another(other: Address, server: Address) -> bool:
    """Whether it is worth asking: a server behind a NAT of its own names an address of no use."""
    differs = other[0] != server[0] and other[1] not in (server[1], 0)
    return differs and kind_of(other[0]) == kind_of(server[0]) and _family(other) == _family(server)


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def _compare_with_local(found: Nat, transport: StunTransport) -> None:
    """Note whether what the servers see is this very socket."""
    for server, seen_as in list(found.mapped.items())[:1]:
        with socket.socket(_family(server), socket.SOCK_DGRAM) as probe:
            probe.connect(server)  # sends nothing: it chooses the local address
            local_host = probe.getsockname()[0]
        local_port = transport.local_address[1] if transport.local_address else 0
        found.translated = seen_as != (local_host, local_port)


async def _filtering(server: Address, trace: Trace) -> str:
    """Let the server answer from elsewhere; it was seen to answer there when asked there."""
    async with open_udp(local_host=any_local(server)) as transport:
        for change, name in (
            (CHANGE_IP | CHANGE_PORT, INDEPENDENT),
            (CHANGE_PORT, ADDRESS_DEPENDENT),
        ):
            passed = await _answers(transport, server, change, trace)
            if passed is None:
                return UNKNOWN
            if passed:
                return name
        return PORT_DEPENDENT


async def _answers(
    transport: StunTransport, server: Address, change: int, trace: Trace
) -> bool | None:
    """Ask for an answer from elsewhere; silence is how a filter shows, and no failure.

    None where the server refuses, or answers from where it was asked: that tells nothing.
    """
    request = stun_message.request(Method.BINDING, {"CHANGE-REQUEST": change})
    with trace.observe("nat_filtering", shown(server), known=KNOWN, change=change) as seen:
        try:
            reply = await transport.ask(request, timeout_s=TIMEOUT_S, to=server, from_anywhere=True)
        except TimeoutError:
            seen.note(answered=False)
            return False
        seen.note(answered=True, answered_from=shown(reply.source))
        return None if reply.source == server else True
    return None
