"""Two faults at once, both named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.live.cases import Case, given_ice_servers

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag.sandbox import Sandbox


def pair(*faults: str, target: Callable[[Sandbox], dict[str, Any]] = lambda _: {}) -> Case:
    """Two faults at once, both named."""
    return Case(" and ".join(faults), faults, frozenset(faults), target=target)


PAIRS = [
    pair("token-missing", "dns-failure"),
    pair("token-malformed", "wrong-endpoint"),
    pair("token-expired", "tls-intercepted"),
    pair("token-expired", "proxy-blocks-websocket"),
    pair("token-expired", "turn-credentials-rejected", target=given_ice_servers),
    pair("token-not-yet-valid", "websocket-refused"),
    pair("request-forbidden", "turn-credentials-rejected"),
    pair("agent-failure", "turn-credentials-rejected"),
    pair("ice-servers-unavailable", "signaling-timeout"),
    pair("ice-servers-unavailable", "silent-audio"),
    pair("signaling-lost", "silent-audio"),
    pair("signaling-lost", "turn-credentials-rejected"),
    pair("setup-slow", "silent-audio"),
    pair("turn-credentials-rejected", "silent-audio"),
    pair("turn-credentials-rejected", "dtls-failed"),
    pair("turn-credentials-rejected", "opus-rejected"),
    pair("turn-credentials-rejected", "signaling-timeout"),
    pair("turn-credentials-rejected", "token-rejected", target=given_ice_servers),
    pair("udp-blocked", "silent-audio"),
    pair("udp-blocked", "turn-credentials-rejected"),
    pair("udp-blocked", "dtls-failed"),
]
