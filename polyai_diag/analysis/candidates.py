"""ICE candidates in words (RFC 8839 §5.1). Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

TYPES = ("host", "srflx", "prflx", "relay")
_PORT = re.compile("[0-9]{1,5}")
_NUMBER = re.compile("[0-9]{1,10}")


@dataclass(frozen=True)
class CandidateFacts:
    """One candidate: its type, transport and address, and whether others can reach it."""

    type: str  # host, srflx, prflx, relay
    transport: str  # udp, tcp
    address: str
    port: int

    @property
    def scope(self) -> str:
        """Where the address can be reached from: public, private, loopback, link-local, mdns."""
        if self.address.lower().endswith(".local"):
            return "mdns"
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return "name"
        if address.is_loopback:
            return "loopback"
        if address.is_link_local:
            return "link-local"
        return "public" if address.is_global else "private"


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


def summarize(candidates: Iterable[str]) -> dict[str, int]:
    """Count candidates by type and scope: `{"host private": 2, "relay public": 1}`."""
    counts: dict[str, int] = {}
    for text in candidates:
        facts = read_candidate(text)
        name = f"{facts.type} {facts.scope}" if facts else "unreadable"
        counts[name] = counts.get(name, 0) + 1
    return counts
