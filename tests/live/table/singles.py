"""Every fault of the sandbox by itself, named by its own id."""

from __future__ import annotations

from tests.live.cases import Case


def single(fault: str) -> Case:
    """A fault by itself is named by its own id."""
    return Case(fault, (fault,), frozenset({fault}))


SINGLES = [
    single(fault)
    for fault in (
        "token-missing",
        "token-malformed",
        "token-expired",
        "token-not-yet-valid",
        "clock-skew",
        "token-rejected",
        "request-forbidden",
        "request-invalid",
        "dns-failure",
        "gateway-unreachable",
        "tls-intercepted",
        "tls-certificate-invalid",
        "proxy-blocks-websocket",
        "wrong-endpoint",
        "websocket-refused",
        "signaling-timeout",
        "signaling-protocol-violation",
        "signaling-closed",
        "signaling-lost",
        "ice-servers-unavailable",
        "agent-failure",
        "media-bridge-failure",
        "gateway-error",
        "setup-slow",
        "udp-blocked",
        "media-ports-blocked",
        "stun-unreachable",
        "turn-unreachable",
        "turn-credentials-rejected",
        "turn-credentials-expired",
        "turn-refused",
        "turn-quota-reached",
        "turn-out-of-capacity",
        "turn-peer-refused",
        "turn-relay-blackhole",
        "turn-not-configured",
        "turn-tcp-not-configured",
        "ice-no-candidates",
        "ice-failed",
        "ice-disconnected",
        "call-ended-early",
        "dtls-failed",
        "opus-rejected",
        "opus-misconfigured",
        "media-direction",
        "no-audio-received",
        "no-audio-delivered",
        "silent-audio",
        "audio-too-quiet",
        "audio-clipped",
        "audio-narrowband",
        "audio-distorted",
        "audio-wrong-rate",
        "audio-channel-fault",
        "audio-dropouts",
        "audio-hum",
        "echo-heard",
        "packet-loss",
        "high-latency",
        "high-jitter",
        "clock-drift",
    )
]
