"""What is played, and what a diagnosis must name: the table that the live tests run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt

from polyai_diag import IceServer, Target
from polyai_diag.model import Verdict
from polyai_diag.sandbox.faults import Fault
from polyai_diag.sandbox.settings import ProxyMode

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag.sandbox import Sandbox

HOUR_S = 3600
DAY_S = 24 * HOUR_S


@dataclass(frozen=True)
class Case:
    """Faults to play, how the sandbox and the target are set, and the root causes expected."""

    name: str
    faults: tuple[str | Fault, ...] = ()
    named: frozenset[str] = frozenset()
    beneath: frozenset[str] = frozenset()  # found as well, and explained by what is named
    sandbox: dict[str, Any] = field(default_factory=dict)
    target: Callable[[Sandbox], dict[str, Any]] = lambda _: {}
    verdict: Verdict | None = None  # where what is named does not tell it

    async def aimed(self, sandbox: Sandbox) -> Target:
        """Return the target that this case is run against."""
        return sandbox.target(**self.target(sandbox))


def given_ice_servers(sandbox: Sandbox) -> dict[str, Any]:
    """The sandbox's own ICE servers, given by the user instead of fetched."""
    servers = [
        IceServer(server["urls"], server.get("username"), server.get("credential"))
        for server in sandbox.describe()["ice_servers"]
    ]
    return {"ice_servers": servers}


def stun_only(sandbox: Sandbox) -> dict[str, Any]:
    """No TURN server at all."""
    return {"ice_servers": given_ice_servers(sandbox)["ice_servers"][:1]}


def foreign_token(**offsets_s: int) -> str:
    """A JWT whose dates lie so many seconds from now, and that the sandbox did not sign."""
    now = int(time.time())
    claims = {name: now + offset_s for name, offset_s in offsets_s.items()}
    return jwt.encode(claims, "a key of nobody, long enough for HS256", algorithm="HS256")


def pasted(written: str) -> Callable[[Sandbox], dict[str, Any]]:
    """The right token, written as customers paste it."""
    return lambda sandbox: {"token": written.format(token=sandbox.token)}


def trusting_the_proxy(sandbox: Sandbox) -> dict[str, Any]:
    """The company's own authority is given with --ca-file, as its network team tells."""
    return {"ca_file": sandbox.ca_file_with_proxy}


def proxy(mode: ProxyMode) -> Fault:
    """A proxy between, to the sandbox's own address."""
    return Fault("A proxy between.", proxy=mode)


def gateway(**settings: Any) -> Fault:
    """A gateway that is set otherwise."""
    return Fault("A gateway set otherwise.", gateway=settings)


def sound(**settings: Any) -> Fault:
    """A gateway that alters the sound."""
    return Fault("Sound that is altered.", sound=settings)


def path(**settings: Any) -> Fault:
    """A network on the media's way."""
    return Fault("A network on the way.", path=settings)


def single(fault: str) -> Case:
    """A fault by itself is named by its own id."""
    return Case(fault, (fault,), frozenset({fault}))


def pair(*faults: str, target: Callable[[Sandbox], dict[str, Any]] = lambda _: {}) -> Case:
    """Two faults at once, both named."""
    return Case(" and ".join(faults), faults, frozenset(faults), target=target)


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

HEALTHY = [
    Case("healthy, the agent answers", sandbox={"allow_echo": False}),
    Case("healthy, the gateway trickles", sandbox={"trickle": True}),
    Case("healthy, relay only", target=lambda _: {"relay_only": True}),
    Case("healthy, a mode of the caller's own", target=lambda _: {"mode": "traditional"}),
    Case("healthy, ICE servers given", target=given_ice_servers),
    Case("healthy, no ICE servers", target=lambda _: {"ice_servers": []}),
    Case("healthy, measured thoroughly", target=lambda _: {"thorough": True}),
    Case(
        "healthy, a Studio token with a minute to live",
        target=lambda sandbox: {"token": sandbox.studio_token(iat=-HOUR_S, exp=60)},
    ),
    Case(
        "healthy, a clock 5 s behind, and a token signed just now",
        (gateway(clock_ahead_s=5),),
        target=lambda sandbox: {"token": sandbox.studio_token(iat=5, nbf=5, exp=HOUR_S)},
    ),
    Case(
        "healthy, a clock 5 s ahead, and a token signed just now",
        (gateway(clock_ahead_s=-5),),
        target=lambda sandbox: {"token": sandbox.studio_token(iat=-5, nbf=-5, exp=HOUR_S)},
    ),
    Case(
        "healthy, a clock hours off, and a token without dates",
        (gateway(clock_ahead_s=-7 * HOUR_S),),
    ),
    Case("healthy, through a proxy", (proxy(ProxyMode.LET_THROUGH),)),
    Case(
        "healthy, through a proxy that wants a login, and gets it",
        (proxy(ProxyMode.ASK_LOGIN),),
        target=lambda sandbox: {"proxy": sandbox.proxy.url_with_login},
    ),
    Case(
        "healthy, through an inspecting proxy that is trusted",
        (proxy(ProxyMode.INTERCEPT),),
        target=trusting_the_proxy,
    ),
    Case(
        "healthy, by name",
        target=lambda sandbox: {
            "url": sandbox.describe()["signaling_url"].replace("127.0.0.1", "localhost")
        },
    ),
    Case("healthy, an answer that takes a second", (gateway(answer_after_s=1),)),
]

TOKENS = [
    Case(
        "a Studio token of yesterday",
        named=frozenset({"token-expired"}),
        target=lambda _: {"token": foreign_token(exp=-DAY_S)},
    ),
    Case(
        "a Studio token of tomorrow",
        named=frozenset({"token-not-yet-valid"}),
        target=lambda _: {"token": foreign_token(nbf=DAY_S)},
    ),
    Case(
        "a Studio token that lost its signature",
        named=frozenset({"token-malformed"}),
        target=lambda sandbox: {"token": sandbox.studio_token(exp=HOUR_S).rpartition(".")[0]},
    ),
    Case("no token", named=frozenset({"token-missing"}), target=lambda _: {"token": ""}),
    *(
        Case(f"a token {how}", named=frozenset({"token-malformed"}), target=pasted(written))
        for how, written in {
            "in quotes": '"{token}"',
            "with a line end": "{token}\n",
            "after the word Bearer": "Bearer {token}",
            "with an invisible character": "\u200b{token}",
            "with a no-break space": "{token}\u00a0",
        }.items()
    ),
    Case(
        "a token of another region",
        named=frozenset({"token-rejected"}),
        target=lambda _: {"token": "sandbox-of-another-region-0123456789abcdef"},
    ),
    Case(
        "a genuine token that the agent refuses",
        (gateway(refuse_offers=("UNAUTHORIZED", "Token is not valid for this agent")),),
        frozenset({"token-rejected"}),
    ),
    Case(
        "an expired token, behind an inspecting proxy that is trusted",
        ("token-expired", "tls-intercepted"),
        frozenset({"token-expired"}),
        target=trusting_the_proxy,
    ),
    Case(
        "a clock three hours behind, and a call that works",
        (gateway(clock_ahead_s=3 * HOUR_S),),
        frozenset({"clock-skew"}),
        target=lambda sandbox: {"token": sandbox.studio_token(iat=3 * HOUR_S, exp=4 * HOUR_S)},
        verdict=Verdict.DEGRADED,
    ),
    Case(
        "a clock that is behind the certificate's first day",
        (gateway(certificate_days=(1, 90), clock_ahead_s=2 * DAY_S),),
        frozenset({"clock-skew"}),
        frozenset({"tls-certificate-invalid"}),
    ),
    Case(
        "a clock that is past the certificate's last day",
        (gateway(certificate_days=(-90, -1), clock_ahead_s=-2 * DAY_S),),
        frozenset({"clock-skew"}),
        frozenset({"tls-certificate-invalid"}),
    ),
]

REACHING_THE_GATEWAY = [
    *(
        Case(
            f"HTTP {status} in place of 101",
            (gateway(upgrade_status=status),),
            frozenset({"websocket-refused"}),
        )
        for status in (403, 429, 502)
    ),
    Case(
        "closed for a matter of policy",
        (gateway(close_for_answer=(1008, "no more calls today")),),
        frozenset({"signaling-closed"}),
    ),
    Case(
        "an error at the top of its frame",
        ("token-rejected", gateway(flat_errors=True)),
        frozenset({"token-rejected"}),
    ),
    Case(
        "INVALID_MESSAGE",
        (gateway(refuse_offers=("INVALID_MESSAGE", "data.sdp: not a session description")),),
        frozenset({"request-invalid"}),
    ),
    Case(
        "an error that nobody knows",
        (gateway(refuse_offers=("OUT_OF_CAPACITY", "Come back later")),),
        frozenset({"gateway-error"}),
    ),
    Case(
        "echo asked for, and forbidden",
        named=frozenset({"request-forbidden"}),
        sandbox={"allow_echo": False},
        target=lambda _: {"mode": "echo"},
    ),
    Case(
        "a proxy that wants a login",
        (proxy(ProxyMode.ASK_LOGIN),),
        frozenset({"proxy-blocks-websocket"}),
    ),
    Case(
        "a proxy that wants a Windows login: not measured",
        (proxy(ProxyMode.ASK_WINDOWS_LOGIN),),
        verdict=Verdict.INCOMPLETE,
    ),
    Case(
        "a trusted proxy that strips the upgrade",
        (proxy(ProxyMode.STRIP_UPGRADE),),
        frozenset({"proxy-blocks-websocket"}),
        target=trusting_the_proxy,
    ),
]

SOUND = [
    *(
        Case(
            f"{fault}, the agent answers",
            (fault,),
            frozenset({fault}),
            sandbox={"allow_echo": False},
        )
        for fault in (
            "silent-audio",
            "audio-too-quiet",
            "audio-clipped",
            "audio-narrowband",
            "audio-channel-fault",
            "audio-hum",
            "packet-loss",
            "high-latency",
            "high-jitter",
            "no-audio-delivered",
        )
    ),
    Case(
        "audio-narrowband, wide band",
        (sound(lowpass_hz=7000),),
        frozenset({"audio-narrowband"}),
    ),
    Case(
        "audio-wrong-rate, sound of 48 kHz taken for 44.1",
        (sound(speed=44_100 / 48_000),),
        frozenset({"audio-wrong-rate"}),
    ),
    Case(
        "audio-channel-fault, left and right swapped",
        (sound(swaps_channels=True),),
        frozenset({"audio-channel-fault"}),
    ),
    Case(
        "clock-drift, the other way, measured thoroughly",
        (sound(speed=1 - 200e-6),),
        frozenset({"clock-drift"}),
        target=lambda _: {"thorough": True},
    ),
    Case("healthy, clocks 40 ppm apart", (sound(speed=1 + 40e-6),)),
    Case("healthy, a gateway 3 dB quieter", (sound(gain_db=-3),)),
    Case("healthy, 60 ms each way", (path(delay_ms=60),)),
    Case("healthy, packets up to 15 ms late", (path(jitter_ms=15),)),
    Case("healthy, 1 % of the packets lost", (path(loss_percent=1),)),
    Case("healthy, 75 ms each way", (path(delay_ms=75),)),
    Case(
        "healthy, an agent 10 dB quieter",
        (sound(gain_db=-10),),
        sandbox={"allow_echo": False},
    ),
    Case(
        "healthy, an agent whose voice is wide band",
        (sound(lowpass_hz=7000),),
        sandbox={"allow_echo": False},
    ),
]

CONNECTING = [
    Case(
        "UDP blocked, no TURN configured",
        ("udp-blocked",),
        frozenset({"udp-blocked"}),
        frozenset({"stun-unreachable", "turn-not-configured", "ice-failed"}),
        target=stun_only,
    ),
    *(
        Case(
            f"{fault}, no TURN configured",
            (fault,),
            frozenset({"turn-not-configured"}),
            frozenset({"ice-failed"}),
            target=stun_only,
        )
        for fault in ("media-ports-blocked", "ice-failed")
    ),
    *(
        Case(
            f"{fault}, relay only",
            (fault,),
            frozenset({fault}),
            target=lambda _: {"relay_only": True},
        )
        for fault in ("ice-failed", "ice-disconnected")
    ),
    Case(
        "healthy, relay only past ports that are blocked",
        ("media-ports-blocked",),
        target=lambda _: {"relay_only": True},
    ),
    *(
        Case(
            f"{fault}, the agent answers",
            (fault,),
            frozenset({fault}),
            sandbox={"allow_echo": False},
        )
        for fault in ("ice-disconnected", "call-ended-early")
    ),
    Case(
        "ice-no-candidates, the gateway trickles",
        ("ice-no-candidates",),
        frozenset({"ice-no-candidates"}),
        sandbox={"trickle": True},
    ),
    Case(
        "relay only, credentials rejected",
        ("turn-credentials-rejected",),
        frozenset({"turn-credentials-rejected"}),
        target=lambda _: {"relay_only": True},
    ),
]

VARIATIONS = [*TOKENS, *REACHING_THE_GATEWAY, *SOUND, *CONNECTING]
