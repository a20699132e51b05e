"""What a finding was compared with: something else that works, asked in the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyai_diag.analysis.loose import number, rows
from polyai_diag.analysis.trust import is_foreign
from polyai_diag.causes.facts import compared

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from polyai_diag.causes.facts import Facts, Seen
    from polyai_diag.model import Evidence

_WORKS = {
    "dns_lookup": "the name {} is looked up",
    "tcp_connect": "TCP to {} works",
    "tls_handshake": "TLS to {} works",
    "tls_control": "TLS to {} works",
    "tls_chain": "TLS to {} works, and its certificate is in order",
    "portal_check": "plain HTTP to {} works",
    "proxy_connect": "the proxy connects to {}",
    "stun_binding": "{} answers over UDP",
    "turn_allocate": "{} gives a relayed address",
}

ONLINE = ("tcp_connect", "tls_control", "tls_chain", "portal_check", "stun_binding")
"""What shows that the network lets anything out at all."""


def control_of(
    facts: Facts, evidence: Iterable[Evidence], operations: Iterable[str]
) -> Evidence | None:
    """Return the first of these operations that works elsewhere; None where nothing does."""
    cited = [seen for seen in map(facts.cited, evidence) if seen is not None]
    for operation in operations:
        for seen in facts.succeeded(operation):
            if _is_elsewhere(seen, cited) and _works(seen):
                return seen.compares(_WORKS[operation].format(_where(seen)))
    return None


def measured_elsewhere(facts: Facts, figure: str, words: str) -> Iterator[Evidence]:
    """Yield what was measured to the first STUN server that answered, as the control."""
    for row in _stun_servers(facts, figure)[:1]:
        yield compared("stun", words.format(number(row[figure]), row.get("url")))


def lost_elsewhere(facts: Facts) -> Iterator[Evidence]:
    """Yield a STUN server that loses nothing, or that all lose who have only this way in common."""
    asked = [row for row in _stun_servers(facts, "sent") if number(row["sent"])]
    spared = next((row for row in asked if number(row.get("lost")) == 0), None)
    losing = {str(row.get("url")) for row in asked if number(row.get("lost"))}
    if spared:
        told = f"none of {number(spared['sent']):.0f} packets to {spared.get('url')}"
        yield compared("stun", f"{told} and back is lost")
    elif len(losing) > 1:
        yield compared("stun", f"packets to {len(losing)} servers elsewhere are lost as well")


def _stun_servers(facts: Facts, figure: str) -> list[dict[str, Any]]:
    """Return the rows of the STUN servers of which this figure is known."""
    servers = rows(facts.step("stun").data.get("servers"))
    return [row for row in servers if number(row.get(figure)) is not None]


def _is_elsewhere(seen: Seen, cited: list[Seen]) -> bool:
    """Whether it is another host's, or another URL's: not what failed, one layer below."""
    urls = {one.note("url") or one.observation.endpoint for one in cited}
    if _url(seen) is not None:
        return _url(seen) not in urls
    return _names(seen).isdisjoint(name for one in cited for name in _names(one))


def _names(seen: Seen) -> set[str]:
    return {seen.host, *([str(seen.note("host")).lower()] if seen.note("host") else [])}


def _url(seen: Seen) -> str | None:
    """Return the URL of the ICE server that was asked; None where it was another host."""
    if seen.observation.operation in ("stun_binding", "turn_allocate"):
        return str(seen.note("url") or seen.observation.endpoint)
    return str(seen.note("url")) if seen.note("url") else None


def _works(seen: Seen) -> bool:
    match seen.observation.operation:
        case "turn_allocate":
            return bool(seen.note("relayed_address"))
        case "tls_chain":
            return not is_foreign(seen.note("vouched_by"))
        case "portal_check":
            return bool(seen.note("known_page"))
        case "proxy_connect":
            return True
        case _:
            return not seen.note("through")


def _where(seen: Seen) -> str:
    if seen.observation.operation == "proxy_connect":
        return str(seen.note("through"))
    return str(seen.observation.endpoint)
