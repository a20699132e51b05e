"""UDP, TURN and ICE, in other disguises."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from polyai_diag import IceServer
from polyai_diag.sandbox.settings import Way
from tests.live.cases import (
    IPV6,
    NO_ECHO,
    TRICKLE,
    Case,
    disguise,
    gateway,
    given_ice_servers,
    of_ice,
    relay_only,
    stun_only,
    turn,
)
from tests.live.table.relaying import RELAYING

if TYPE_CHECKING:
    from polyai_diag.sandbox import Sandbox


def with_stun_at(url: str, sandbox: Sandbox) -> dict[str, Any]:
    """The sandbox's TURN server given, and this STUN server."""
    return {"ice_servers": [IceServer(url), *given_ice_servers(sandbox)["ice_servers"][1:]]}


def stun_of_no_name(sandbox: Sandbox) -> dict[str, Any]:
    """A STUN server's name misspelt (RFC 6761: .invalid has no names)."""
    return with_stun_at("stun:stun.example.invalid", sandbox)


def stun_refused(sandbox: Sandbox) -> dict[str, Any]:
    """A STUN server's port that nobody has open: the machine says so (ICMP)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    return with_stun_at(f"stun:127.0.0.1:{port}", sandbox)


def relay_only_with_two_operators(sandbox: Sandbox) -> dict[str, Any]:
    """Where no media is asked, a second STUN server tells whether it is the network."""
    servers = given_ice_servers(sandbox)["ice_servers"]
    elsewhere = IceServer(servers[0].urls[0].replace("127.0.0.1", "127.0.0.2"))
    return {"ice_servers": [*servers, elsewhere], "relay_only": True}


Rewritten = tuple[tuple[str, str], ...]
OVER_TCP: Rewritten = ((r"^(a=candidate:\S+ \d+) \S+", r"\1 TCP"),)
WRONG_PASSWORD: Rewritten = ((r"^(a=ice-pwd):\S+", r"\1:thatIsNotThePasswordHere"),)
WRONG_FINGERPRINT: Rewritten = ((r"^(a=fingerprint:\S+) ..:..:..:..:", r"\1 00:11:22:33:"),)


def showing(address: str) -> Rewritten:
    """Rewrite an answer: its candidates show this address (RFC 8839 §5.1)."""
    return ((r"^(a=candidate:\S+ \d+ \S+ \d+) \S+", rf"\1 {address}"),)


UDP = [
    Case(
        "UDP blocked, no TURN configured",
        ("udp-blocked",),
        frozenset({"udp-blocked"}),
        frozenset({"stun-unreachable", "turn-not-configured", "ice-failed"}),
        target=stun_only,
    ),
    of_ice("udp-blocked, IPv6", "udp-blocked", "udp-blocked", sandbox=IPV6),
    of_ice(
        "udp-blocked, relay only, and a STUN server elsewhere",
        "udp-blocked",
        "udp-blocked",
        target=relay_only_with_two_operators,
    ),
    of_ice(
        "udp-blocked, TURN over TLS alone",
        "udp-blocked",
        gateway(drop_udp=True),
        turn(drop_udp=True, transports=("tls",)),
    ),
    of_ice(
        "udp-blocked, the agent answers, and trickles",
        "udp-blocked",
        "udp-blocked",
        sandbox={**NO_ECHO, **TRICKLE},
    ),
]

MEDIA_PORTS = [
    *(
        of_ice(
            f"media-ports-blocked, {what}",
            "media-ports-blocked",
            gateway(drop_udp=True, **settings),
            turn(transports=transports),
            sandbox=sandbox,
        )
        for what, settings, transports, sandbox in (
            ("what is sent there", {"drops_only": Way.RECEIVED}, ("udp",), {}),
            ("what comes from there", {"drops_only": Way.SENT}, ("udp",), {}),
            ("TURN over TCP alone", {}, ("tcp",), {}),
            ("the agent answers, and trickles", {}, ("tls",), {**NO_ECHO, **TRICKLE}),
            ("IPv6", {}, ("udp", "tcp"), IPV6),
        )
    ),
]

STUN = [
    of_ice("stun-unreachable, a port that is closed", "stun-unreachable", target=stun_refused),
    of_ice(
        "stun-unreachable, a name that does not exist", "stun-unreachable", target=stun_of_no_name
    ),
    *(
        of_ice(
            f"stun-unreachable, Bindings get {code}", "stun-unreachable", turn(binding_error=code)
        )
        for code in (400, 500)
    ),
    of_ice(
        "stun-unreachable, IPv6",
        "stun-unreachable",
        "stun-unreachable",
        sandbox=IPV6,
    ),
]

NO_CANDIDATES = [
    disguise(
        "ice-no-candidates, the gateway trickles",
        "ice-no-candidates",
        "ice-no-candidates",
        sandbox=TRICKLE,
    ),
    *(
        disguise(
            f"ice-no-candidates, {what}",
            "ice-no-candidates",
            gateway(drop_media=True, answer_rewritten=rewritten),
            sandbox=sandbox,
        )
        for what, rewritten, sandbox in (
            (
                "a .local name alone",
                showing("5f1c2ab4-0b8e-4d5c-9f37-5ed2a9ce2f0a.local"),
                {},
            ),
            ("a private address alone", showing("10.20.30.40"), {}),
            ("a container's address alone, trickled", showing("172.17.0.2"), TRICKLE),
            ("an IPv6 address alone", showing("2603:1000::7"), {}),
            ("TCP alone", OVER_TCP, {}),
            ("IPv4 alone, IPv6 here", showing("20.42.0.9"), IPV6),
        )
    ),
    disguise(
        "ice-no-candidates, relay only without TURN",
        "ice-no-candidates",
        target=lambda sandbox: {**stun_only(sandbox), "relay_only": True},
    ),
]

NO_PAIR = [
    disguise("ice-failed, relay only", "ice-failed", "ice-failed", target=relay_only),
    disguise("ice-failed, IPv6", "ice-failed", "ice-failed", sandbox=IPV6),
    disguise(
        "ice-failed, the agent answers, and trickles",
        "ice-failed",
        "ice-failed",
        sandbox={**NO_ECHO, **TRICKLE},
    ),
    *(
        disguise(f"ice-failed, {what}", "ice-failed", gateway(**settings))
        for what, settings in (
            ("the gateway is deaf", {"drop_media": True, "drops_only": Way.RECEIVED}),
            ("the gateway is mute", {"drop_media": True, "drops_only": Way.SENT}),
            ("the answer shows a wrong password", {"answer_rewritten": WRONG_PASSWORD}),
        )
    ),
]

LOST = [
    disguise(
        "ice-disconnected, relay only", "ice-disconnected", "ice-disconnected", target=relay_only
    ),
    disguise(
        "ice-disconnected, the agent answers",
        "ice-disconnected",
        "ice-disconnected",
        sandbox=NO_ECHO,
    ),
    disguise("ice-disconnected, IPv6", "ice-disconnected", "ice-disconnected", sandbox=IPV6),
    *(
        disguise(
            f"ice-disconnected, {what}", "ice-disconnected", gateway(media_lasts_s=lasts_s, **more)
        )
        for what, lasts_s, more in (
            ("after 5 s", 5.0, {}),
            ("the gateway is deaf after 2 s", 2.0, {"drops_only": Way.RECEIVED}),
            ("the gateway is mute after 2 s", 2.0, {"drops_only": Way.SENT}),
        )
    ),
]

ENDED = [
    disguise(
        "call-ended-early, the agent answers",
        "call-ended-early",
        "call-ended-early",
        sandbox=NO_ECHO,
    ),
    disguise(
        "call-ended-early, relay only", "call-ended-early", "call-ended-early", target=relay_only
    ),
    disguise("call-ended-early, IPv6", "call-ended-early", "call-ended-early", sandbox=IPV6),
    *(
        disguise(f"call-ended-early, {what}", "call-ended-early", gateway(**settings))
        for what, settings in (
            ("close after 0.1 s", {"hangs_up_after_s": 0.1}),
            ("close after 4 s", {"hangs_up_after_s": 4.0}),
            ("close after 6 s", {"hangs_up_after_s": 6.0}),
            ("a DTLS close after 2 s, and no word", {"ends_media_after_s": 2.0}),
            ("silence after 2 s", {"silent_after_s": 2.0}),
        )
    ),
]

DTLS = [
    *(
        disguise(f"dtls-failed, {what}", "dtls-failed", gateway(**settings), **rest)
        for what, settings, rest in (
            ("none gets in", {"swallow_dtls": True, "drops_only": Way.RECEIVED}, {}),
            ("none gets out", {"swallow_dtls": True, "drops_only": Way.SENT}, {}),
            ("all but the first two flights", {"swallow_dtls": True, "dtls_passes": 2}, {}),
            ("relay only", {"swallow_dtls": True}, {"target": relay_only}),
            ("IPv6", {"swallow_dtls": True}, {"sandbox": IPV6}),
            ("another fingerprint", {"answer_rewritten": WRONG_FINGERPRINT}, {}),
            (
                "another fingerprint, the agent answers",
                {"answer_rewritten": WRONG_FINGERPRINT},
                {"sandbox": NO_ECHO},
            ),
        )
    ),
    disguise(
        "dtls-failed, relay only over TLS",
        "dtls-failed",
        gateway(swallow_dtls=True),
        turn(transports=("tls",)),
        target=relay_only,
    ),
]

CONNECTING = [
    *UDP,
    *MEDIA_PORTS,
    *STUN,
    *RELAYING,
    *NO_CANDIDATES,
    *NO_PAIR,
    *LOST,
    *ENDED,
    *DTLS,
]
