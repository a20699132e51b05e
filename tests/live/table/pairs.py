"""Two faults at once, both named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.live.cases import Case, given_ice_servers, path

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag.sandbox import Sandbox


def pair(*faults: str, target: Callable[[Sandbox], dict[str, Any]] = lambda _: {}) -> Case:
    """Two faults at once, both named."""
    return Case(" and ".join(faults), faults, frozenset(faults), target=target)


TOKEN_AND_THE_WAY = [
    pair("token-missing", "dns-failure"),
    pair("token-malformed", "dns-failure"),
    pair("token-missing", "gateway-unreachable"),
    pair("token-expired", "gateway-unreachable"),
    pair("token-not-yet-valid", "gateway-unreachable"),
    pair("token-expired", "tls-intercepted"),
    pair("token-malformed", "tls-intercepted"),
    pair("token-expired", "tls-certificate-invalid"),
    pair("token-expired", "proxy-blocks-websocket"),
    pair("token-malformed", "proxy-blocks-websocket"),
    pair("token-malformed", "wrong-endpoint"),
    pair("token-missing", "wrong-endpoint"),
    pair("token-not-yet-valid", "websocket-refused"),
    pair("token-missing", "websocket-refused"),
    pair("token-expired", "ice-servers-unavailable"),
    pair("token-rejected", "ice-servers-unavailable"),
]

TOKEN_AND_TURN = [
    pair(token, turn, target=given_ice_servers)
    for token, turn in (
        ("token-expired", "turn-credentials-rejected"),
        ("token-rejected", "turn-credentials-rejected"),
        ("token-missing", "turn-credentials-expired"),
        ("token-expired", "turn-quota-reached"),
        ("token-rejected", "turn-unreachable"),
        ("clock-skew", "turn-credentials-rejected"),
    )
]

REFUSED_AND_TURN = [
    pair("request-forbidden", "turn-credentials-rejected"),
    pair("request-invalid", "turn-quota-reached"),
    pair("agent-failure", "turn-credentials-rejected"),
    pair("media-bridge-failure", "turn-out-of-capacity"),
    pair("gateway-error", "turn-unreachable"),
    pair("signaling-timeout", "turn-credentials-rejected"),
    pair("signaling-closed", "turn-refused"),
    pair("signaling-protocol-violation", "turn-credentials-expired"),
    pair("opus-rejected", "turn-credentials-rejected"),
    pair("dtls-failed", "turn-credentials-rejected"),
    pair("ice-servers-unavailable", "signaling-timeout"),
    pair("ice-servers-unavailable", "agent-failure"),
    pair("ice-servers-unavailable", "opus-rejected"),
]

CONNECTING_AND_SOUND = [
    pair("ice-servers-unavailable", "silent-audio"),
    pair("ice-servers-unavailable", "audio-narrowband"),
    pair("signaling-lost", "silent-audio"),
    pair("signaling-lost", "audio-hum"),
    pair("signaling-lost", "turn-credentials-rejected"),
    pair("setup-slow", "silent-audio"),
    pair("setup-slow", "echo-heard"),
    pair("setup-slow", "turn-credentials-rejected"),
    pair("turn-credentials-rejected", "silent-audio"),
    pair("turn-credentials-rejected", "audio-narrowband"),
    pair("turn-credentials-rejected", "no-audio-received"),
    pair("turn-credentials-rejected", "media-direction"),
    pair("turn-credentials-expired", "echo-heard"),
    pair("turn-unreachable", "audio-clipped"),
    pair("turn-unreachable", "packet-loss"),
    pair("turn-quota-reached", "audio-too-quiet"),
    pair("turn-out-of-capacity", "opus-misconfigured"),
    pair("udp-blocked", "silent-audio"),
    pair("udp-blocked", "audio-narrowband"),
    pair("udp-blocked", "setup-slow"),
    pair("udp-blocked", "signaling-lost"),
    pair("udp-blocked", "turn-credentials-rejected"),
    pair("udp-blocked", "dtls-failed"),
    pair("media-ports-blocked", "silent-audio"),
    pair("media-ports-blocked", "audio-clipped"),
    pair("media-ports-blocked", "signaling-lost"),
    pair("call-ended-early", "turn-credentials-rejected"),
    pair("ice-disconnected", "turn-credentials-rejected"),
]

SOUND_AND_SOUND = [
    Case(
        "audio-narrowband and 4 % of the packets lost",
        ("audio-narrowband", path(loss_percent=4)),
        frozenset({"audio-narrowband", "packet-loss"}),
    ),
    pair("audio-narrowband", "high-latency"),
    pair("audio-narrowband", "high-jitter"),
    pair("audio-narrowband", "audio-hum"),
    pair("audio-narrowband", "echo-heard"),
    pair("audio-narrowband", "audio-channel-fault"),
    pair("audio-too-quiet", "clock-drift"),
    pair("audio-too-quiet", "high-latency"),
    pair("audio-clipped", "high-jitter"),
    pair("audio-channel-fault", "audio-hum"),
    pair("audio-dropouts", "audio-hum"),
    pair("high-latency", "echo-heard"),
    pair("high-latency", "high-jitter"),
    pair("high-latency", "packet-loss"),
    pair("silent-audio", "high-latency"),
    pair("clock-drift", "audio-hum"),
]

PAIRS = [
    *TOKEN_AND_THE_WAY,
    *TOKEN_AND_TURN,
    *REFUSED_AND_TURN,
    *CONNECTING_AND_SOUND,
    *SOUND_AND_SOUND,
]
