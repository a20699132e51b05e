"""What an address or a name is good for: seen from everywhere, or within one network. Pure."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PRIVATE_ENDINGS = (
    "local", "localhost", "test", "example", "invalid", "onion", "alt",  # RFC 6761, 6762, 9476
    "internal", "home.arpa", "lan", "home", "corp", "intranet", "private",
)  # fmt: skip

PUBLIC = "public"


def kind_of(address: str) -> str:
    """Say what kind of address it is (RFC 6890), as `public`, `private`, `loopback`, `sinkhole`.

    Raises ValueError when it is none.
    """
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    if ip.is_unspecified:
        return "sinkhole"
    if ip.is_loopback:
        return "loopback"
    if ip.is_link_local:
        return "link-local"
    if ip.is_global:
        return PUBLIC
    return "private" if ip.is_private else "not of the public internet"


def best_reached(hosts: Iterable[str]) -> list[str]:
    """Return the addresses that a relay on the internet can reach: the public ones, else all."""
    addresses = [host for host in dict.fromkeys(hosts) if _is_number(host)]
    return [host for host in addresses if kind_of(host) == PUBLIC] or addresses


def is_public_name(host: str) -> bool:
    """Whether a name is one that the public DNS answers for; single labels are not."""
    name = host.lower().rstrip(".")
    private = any(name == end or name.endswith(f".{end}") for end in _PRIVATE_ENDINGS)
    return "." in name and not private


def unrelated(host: str, other: str) -> bool:
    """Whether two names share no domain of their own; numbers tell nothing, and count as related.

    The last two labels stand for the domain: too coarse for `co.uk`, where it errs to related.
    """
    if _is_number(host) or _is_number(other):
        return False
    return host.lower().split(".")[-2:] != other.lower().split(".")[-2:]


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
