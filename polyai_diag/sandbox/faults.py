"""The faults that the sandbox can play: what each is, and the settings that make it.

Nothing outside the sandbox reads this table: what is diagnosed must show on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from polyai_diag.model import InputError
from polyai_diag.sandbox.settings import (
    GatewayFaults,
    Page,
    PathFaults,
    ProxyMode,
    SoundFaults,
    TargetFaults,
    TurnFaults,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HOUR_S = 3600


class FaultError(InputError):
    """A fault that the sandbox cannot play; the text is one line and names those it can."""


@dataclass(frozen=True)
class Fault:
    """One fault in words, and what is set for it.

    `gateway`, `sound`, `path`, `turn` and `target` name fields of GatewayFaults, SoundFaults,
    PathFaults, TurnFaults and TargetFaults.
    """

    text: str
    gateway: Mapping[str, Any] = field(default_factory=dict)
    sound: Mapping[str, Any] = field(default_factory=dict)
    path: Mapping[str, Any] = field(default_factory=dict)
    turn: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)
    proxy: ProxyMode | None = None


# Guide section 1: Unauthorized.
_UNAUTHORIZED = {
    "token-missing": Fault("No token is sent.", target={"pasted": ""}),
    "token-malformed": Fault(
        "The right token, pasted with its quotes and a line end.", target={"pasted": '"{token}"\n'}
    ),
    "token-expired": Fault(
        "A Studio token that expired three hours ago.",
        target={"studio_token_s": {"iat": -4 * _HOUR_S, "exp": -3 * _HOUR_S}},
    ),
    "token-not-yet-valid": Fault(
        "A Studio token that is valid only in two hours.",
        target={"studio_token_s": {"nbf": 2 * _HOUR_S, "exp": 3 * _HOUR_S}},
    ),
    "clock-skew": Fault(
        "A Studio token with an hour to live by this machine's clock; the gateway's is three "
        "hours ahead.",
        gateway={"clock_ahead_s": 3 * _HOUR_S},
        target={"studio_token_s": {"iat": 0, "exp": _HOUR_S}},
    ),
    "token-rejected": Fault("The gateway refuses every token.", gateway={"reject_tokens": True}),
    "request-forbidden": Fault(
        "The gateway forbids the call, whatever its mode.",
        gateway={"refuse_offers": ("FORBIDDEN", "Calls are not allowed for this account")},
    ),
    "request-invalid": Fault(
        "The gateway finds fault with a field of the offer.",
        gateway={"refuse_offers": ("INVALID_ARGUMENT", "callSid: must match ^CA[0-9a-f]{32}$")},
    ),
}

_REACHING_THE_GATEWAY = {
    "dns-failure": Fault(
        "The gateway's name does not exist (RFC 6761: no name under .invalid does).",
        target={"host": "webrtc-gateway.us-1.platform.polyai.invalid"},
    ),
    "gateway-unreachable": Fault("The gateway's port is closed.", target={"closed_port": True}),
    "tls-intercepted": Fault(
        "A proxy opens TLS to every host, by an authority that nobody knows.",
        target={"region": "us-1"},
        proxy=ProxyMode.INTERCEPT,
    ),
    "tls-certificate-invalid": Fault(
        "The gateway's certificate expired yesterday.", gateway={"certificate_days": (-90, -1)}
    ),
    "proxy-blocks-websocket": Fault(
        "A proxy refuses CONNECT with 403 and a page.", proxy=ProxyMode.REFUSE
    ),
    "wrong-endpoint": Fault(
        "The signaling URL is wrong: its path answers 404.", gateway={"move_signaling": True}
    ),
    "websocket-refused": Fault(
        "The gateway answers the upgrade with 503.", gateway={"upgrade": Page(503)}
    ),
    "signaling-timeout": Fault(
        "The gateway takes the offer and never answers.", gateway={"answer_nothing": True}
    ),
    "signaling-protocol-violation": Fault(
        "The answer has no sessionId.", gateway={"omit_session_id": True}
    ),
    "signaling-closed": Fault(
        "The gateway closes the WebSocket in place of the answer.",
        gateway={"close_for_answer": (1011, "no media server is free")},
    ),
    "signaling-lost": Fault(
        "The WebSocket is closed a second after the answer; the media lives on.",
        gateway={"signaling_lasts_s": 1.0},
    ),
    "ice-servers-unavailable": Fault(
        "The gateway answers 500 where ICE servers are asked for.",
        gateway={"ice_servers": Page(500)},
    ),
    "agent-failure": Fault(
        "The agent cannot be started.",
        gateway={"refuse_offers": ("AGENT_FAILURE", "The agent did not start")},
    ),
    "media-bridge-failure": Fault(
        "The gateway cannot set the media up.",
        gateway={"refuse_offers": ("MEDIA_BRIDGE_FAILURE", "No media bridge is free")},
    ),
    "gateway-error": Fault(
        "The gateway fails within.",
        gateway={"refuse_offers": ("HANDLER_ERROR", "Internal error")},
    ),
    "setup-slow": Fault("The answer takes six seconds.", gateway={"answer_after_s": 6.0}),
}

# Guide section 3: ICE.
_CONNECTING = {
    "udp-blocked": Fault(
        "A firewall drops UDP; TURN over TCP and TLS works.",
        gateway={"drop_udp": True},
        turn={"drop_udp": True},
    ),
    "media-ports-blocked": Fault(
        "A firewall drops UDP to the gateway's media ports; STUN and TURN over UDP work.",
        gateway={"drop_udp": True},
    ),
    "stun-unreachable": Fault(
        "The STUN URL leads to a port that is silent; the TURN server answers.",
        turn={"dead_stun_url": True},
    ),
    "turn-unreachable": Fault(
        "The TURN URLs lead to a port that is closed over TCP and silent over UDP.",
        turn={"dead_urls": True},
    ),
    "turn-credentials-rejected": Fault(
        "The TURN server refuses the credentials.", turn={"reject_credentials": True}
    ),
    "turn-credentials-expired": Fault(
        "The TURN credentials expired an hour ago.", turn={"expired_credentials": True}
    ),
    "turn-refused": Fault(
        "The TURN server's policy refuses relayed addresses (403).", turn={"allocate_error": 403}
    ),
    "turn-quota-reached": Fault(
        "The TURN server's quota is used up (486).", turn={"allocate_error": 486}
    ),
    "turn-out-of-capacity": Fault(
        "The TURN server has no relayed address left (508).", turn={"allocate_error": 508}
    ),
    "turn-peer-refused": Fault(
        "A firewall drops UDP to the gateway's media, and the TURN server refuses it as a peer.",
        gateway={"drop_udp": True},
        turn={"refuse_peers": True},
    ),
    "turn-relay-blackhole": Fault(
        "A firewall drops UDP to the gateway's media; the TURN server grants what it is asked "
        "for, and relays nothing.",
        gateway={"drop_udp": True},
        turn={"drop_relayed": True},
    ),
    "turn-not-configured": Fault(
        "A firewall drops UDP to the gateway's media, and no TURN server is given out.",
        gateway={"drop_udp": True},
        turn={"transports": ()},
    ),
    "turn-tcp-not-configured": Fault(
        "A firewall drops UDP, and TURN is given out over UDP alone; over TCP it works.",
        gateway={"drop_udp": True},
        turn={"drop_udp": True, "transports": ("udp",)},
    ),
    "ice-no-candidates": Fault(
        "The answer offers no candidates, and the gateway checks none.",
        gateway={"omit_candidates": True, "drop_media": True},
    ),
    "ice-failed": Fault(
        "The gateway's candidates lead nowhere, through the relay either.",
        gateway={"drop_media": True},
    ),
    "ice-disconnected": Fault(
        "The media path dies two seconds after the call is connected.",
        gateway={"media_lasts_s": 2.0},
    ),
    "call-ended-early": Fault(
        "The gateway sends close two seconds after its answer.", gateway={"hangs_up_after_s": 2.0}
    ),
    "dtls-failed": Fault(
        "ICE connects, the DTLS handshake gets no answer.", gateway={"swallow_dtls": True}
    ),
}

# Guide section 2: audio.
_AUDIO = {
    "opus-rejected": Fault("The answer rejects the audio section.", gateway={"reject_audio": True}),
    "opus-misconfigured": Fault(
        "The answer caps Opus at 8 kHz and 6 kb/s.",
        gateway={"answer_fmtp": "maxplaybackrate=8000;maxaveragebitrate=6000"},
    ),
    "media-direction": Fault(
        "The answer is recvonly: the gateway sends nothing.",
        gateway={"answer_direction": "recvonly"},
    ),
    "no-audio-received": Fault(
        "The gateway's audio packets vanish on their way.", path={"drop_sent_rtp": True}
    ),
    "no-audio-delivered": Fault(
        "The caller's audio packets vanish on their way.", path={"drop_received_rtp": True}
    ),
    "silent-audio": Fault("Audio arrives on time, and is silence.", gateway={"send_silence": True}),
    "audio-too-quiet": Fault("The sound comes 35 dB too quiet.", sound={"gain_db": -35}),
    "audio-clipped": Fault(
        "The sound is 24 dB louder than full scale allows.", sound={"gain_db": 24}
    ),
    "audio-narrowband": Fault("The sound ends at 3.4 kHz.", sound={"lowpass_hz": 3400}),
    "audio-distorted": Fault(
        "An amplifier bends what is louder than a murmur.", sound={"saturates_at": 0.08}
    ),
    "audio-wrong-rate": Fault(
        "Sound of 44.1 kHz is sent as if it were of 48.", sound={"speed": 48_000 / 44_100}
    ),
    "audio-channel-fault": Fault(
        "Stereo is agreed, and the right channel is dead.",
        gateway={"answer_fmtp": "stereo=1"},
        sound={"dead_channel": 1},
    ),
    "audio-dropouts": Fault("The sound is cut for 60 ms again and again.", sound={"cut_ms": 60}),
    "audio-hum": Fault("The mains hums in the sound: 50 Hz.", sound={"hum_dbfs": -40}),
    "echo-heard": Fault(
        "What the caller says comes back 120 ms later.", sound={"echo": (120, -20)}
    ),
    "packet-loss": Fault(
        "12 % of the packets are lost, four at a time.",
        path={"loss_percent": 12, "loss_burst": 4},
    ),
    "high-latency": Fault("Every packet takes 230 ms, each way.", path={"delay_ms": 230}),
    "high-jitter": Fault("Packets come up to 150 ms late.", path={"jitter_ms": 150}),
    "clock-drift": Fault("The gateway's clock runs 400 ppm fast.", sound={"speed": 1.0004}),
}

TABLE = {**_UNAUTHORIZED, **_REACHING_THE_GATEWAY, **_CONNECTING, **_AUDIO}
FAULTS = tuple(TABLE)
NETWORK_ONLY = (
    "dns-answer-wrong",
    "captive-portal",
    "symmetric-nat",
    "ipv6-broken",
    "mtu-blackhole",
    "turn-tls-intercepted",
)


class Played(NamedTuple):
    """The faults of one sandbox put together."""

    gateway: GatewayFaults
    sound: SoundFaults
    path: PathFaults
    turn: TurnFaults
    target: TargetFaults
    proxy: ProxyMode | None

    @property
    def needs_tls(self) -> bool:
        """Whether one of them is a fault of certificates, or of a proxy on the way."""
        gateway = self.gateway
        certificate = gateway.certificate_days or gateway.certificate_names or gateway.self_signed
        return bool(certificate or self.proxy)


def played(faults: Iterable[str | Fault]) -> Played:
    """Put faults together: ids of FAULTS, or a Fault of the caller's own.

    Raises FaultError for an id that is not there, and for two that set the same thing.
    """
    chosen = [_look_up(fault) if isinstance(fault, str) else fault for fault in faults]
    proxy = _merged({"proxy": fault.proxy} for fault in chosen if fault.proxy)
    return Played(
        GatewayFaults(**_merged(fault.gateway for fault in chosen)),
        SoundFaults(**_merged(fault.sound for fault in chosen)),
        PathFaults(**_merged(fault.path for fault in chosen)),
        TurnFaults(**_merged(fault.turn for fault in chosen)),
        TargetFaults(**_merged(fault.target for fault in chosen)),
        proxy.get("proxy"),
    )


def _look_up(fault_id: str) -> Fault:
    if fault_id in NETWORK_ONLY:
        raise FaultError(f"only a network can make the fault {fault_id!r}: no sandbox plays it")
    if fault_id not in TABLE:
        raise FaultError(
            f"the sandbox cannot play the fault {fault_id!r}; accepted: {', '.join(FAULTS)}"
        )
    return TABLE[fault_id]


def _merged(settings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for one in settings:
        for name, value in one.items():
            if merged.setdefault(name, value) != value:
                raise FaultError(f"two of the faults cannot be played at once: both set {name}")
    return merged
