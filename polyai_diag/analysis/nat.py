"""What a NAT does, from how several servers see one socket (terms of RFC 4787). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Address = tuple[str, int]

INDEPENDENT = "endpoint-independent"
ADDRESS_DEPENDENT = "address-dependent"
PORT_DEPENDENT = "address-and-port-dependent"
DEPENDENT = "endpoint-dependent"
"""It differs by destination; by its address alone or by its port too was not asked."""
SEVERAL_EXITS = "several-exits"
"""Destinations see different public addresses, each always the same port: SD-WAN, VPN, a pool."""
UNKNOWN = "unknown"


def classify_mapping(mapped: Mapping[Address, Address]) -> str:
    """Name the mapping of one socket (RFC 4787 §4.1, RFC 5780 §4.3).

    `mapped` is destination → reflexive address, all of one family. One host alone, whatever its
    ports, cannot show that the mapping is the same everywhere.
    """
    by_exit: dict[str, dict[Address, int]] = {}
    for server, (host, port) in mapped.items():
        by_exit.setdefault(host, {})[server] = port
    differing = [ports for ports in by_exit.values() if len(set(ports.values())) > 1]
    if differing:
        return _by_what(differing[0])
    if len(by_exit) > 1:
        return SEVERAL_EXITS
    return INDEPENDENT if len({host for host, _ in mapped}) > 1 else UNKNOWN


def _by_what(ports: Mapping[Address, int]) -> str:
    """Say what the port depends on: the host alone, or its port too."""
    by_host: dict[str, list[int]] = {}
    for (host, _), port in ports.items():
        by_host.setdefault(host, []).append(port)
    asked_twice = [seen for seen in by_host.values() if len(seen) > 1]
    if any(len(set(seen)) > 1 for seen in asked_twice):
        return PORT_DEPENDENT
    return ADDRESS_DEPENDENT if asked_twice else DEPENDENT


def lifetime_words(alive_after_s: Mapping[float, bool]) -> str:
    """Say what the pauses prove of how long a mapping lives: pause in seconds → still alive."""
    alive = [s for s, is_alive in alive_after_s.items() if is_alive]
    dead = [s for s, is_alive in alive_after_s.items() if not is_alive]
    if alive and dead and min(dead) > max(alive):
        return f"between {max(alive):g} and {min(dead):g} s"
    if alive and not dead:
        return f"at least {max(alive):g} s"
    return f"under {min(dead):g} s" if dead and not alive else UNKNOWN
