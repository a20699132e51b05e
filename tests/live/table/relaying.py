"""TURN, in other disguises: reached or not, granted or not, and what the relay carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyai_diag import IceServer
from polyai_diag.sandbox.settings import StreamMode, Way
from tests.live.cases import (
    IPV6,
    NO_ECHO,
    TRICKLE,
    gateway,
    given_ice_servers,
    of_ice,
    relay_only,
    stun_only,
    turn,
)

if TYPE_CHECKING:
    from polyai_diag.sandbox import Sandbox

MEDIA_BLOCKED = gateway(drop_udp=True)
STREAMS = ("tcp", "tls")


def _relay(sandbox: Sandbox) -> dict[str, Any]:
    entry: dict[str, Any] = sandbox.describe()["ice_servers"][1]
    return entry


def with_password(sandbox: Sandbox) -> dict[str, Any]:
    """ICE servers given, and the password mistyped."""
    entry = _relay(sandbox)
    wrong = IceServer(entry["urls"], entry["username"], entry["credential"][:-1] + "~")
    return {"ice_servers": [*stun_only(sandbox)["ice_servers"], wrong]}


def with_user(sandbox: Sandbox) -> dict[str, Any]:
    """ICE servers given, and a user that the server does not know."""
    entry = _relay(sandbox)
    wrong = IceServer(entry["urls"], "nobody", entry["credential"])
    return {"ice_servers": [*stun_only(sandbox)["ice_servers"], wrong]}


def swapped(sandbox: Sandbox) -> dict[str, Any]:
    """ICE servers given, user name and password in each other's place."""
    entry = _relay(sandbox)
    wrong = IceServer(entry["urls"], entry["credential"], entry["username"])
    return {"ice_servers": [*stun_only(sandbox)["ice_servers"], wrong]}


def without_transport(sandbox: Sandbox) -> dict[str, Any]:
    """ICE servers given, the TURN URL as short as it can be."""
    entry = _relay(sandbox)
    url = entry["urls"][0].removesuffix("?transport=udp")
    short = IceServer(url, entry["username"], entry["credential"])
    return {"ice_servers": [*stun_only(sandbox)["ice_servers"], short]}


def of_no_name(sandbox: Sandbox) -> dict[str, Any]:
    """ICE servers given, the TURN server's name misspelt (RFC 6761: .invalid has no names)."""
    entry = _relay(sandbox)
    wrong = IceServer("turn:turn.example.invalid", entry["username"], entry["credential"])
    return {"ice_servers": [*stun_only(sandbox)["ice_servers"], wrong]}


UNREACHABLE = [
    of_ice("turn-unreachable, IPv6", "turn-unreachable", "turn-unreachable", sandbox=IPV6),
    of_ice("turn-unreachable, a name that does not exist", "turn-unreachable", target=of_no_name),
    of_ice(
        "turn-unreachable, TCP and TLS connect, and nothing is answered",
        "turn-unreachable",
        turn(streams=StreamMode.SILENT, transports=STREAMS),
    ),
    of_ice(
        "turn-unreachable, TCP and TLS are hung up on",
        "turn-unreachable",
        turn(streams=StreamMode.HANG_UP, transports=STREAMS),
    ),
    of_ice(
        "turn-unreachable, a web server behind TLS",
        "turn-unreachable",
        turn(streams=StreamMode.WEB, transports=("tls",)),
    ),
    of_ice(
        "turn-unreachable, signed requests meet silence",
        "turn-unreachable",
        turn(ignore_rhythm="x"),
    ),
    of_ice(
        "turn-unreachable, relay only",
        "turn-unreachable",
        "turn-unreachable",
        target=relay_only,
        beneath=("ice-no-candidates",),
    ),
]

REJECTED = [
    of_ice(
        "relay only, credentials rejected",
        "turn-credentials-rejected",
        "turn-credentials-rejected",
        target=relay_only,
    ),
    *(
        of_ice(
            f"turn-credentials-rejected, {code}",
            "turn-credentials-rejected",
            turn(reject_credentials=True, rejection_code=code),
        )
        for code in (400, 441)
    ),
    of_ice(
        "turn-credentials-rejected, in other words",
        "turn-credentials-rejected",
        turn(reject_credentials=True, error_reason="Wrong HMAC; see your administrator"),
    ),
    of_ice(
        "turn-credentials-rejected, over TLS alone",
        "turn-credentials-rejected",
        turn(reject_credentials=True, transports=("tls",)),
    ),
    of_ice(
        "turn-credentials-rejected, IPv6",
        "turn-credentials-rejected",
        "turn-credentials-rejected",
        sandbox=IPV6,
    ),
    *(
        of_ice(f"turn-credentials-rejected, {what}", "turn-credentials-rejected", target=target)
        for what, target in (
            ("a mistyped password", with_password),
            ("an unknown user", with_user),
            ("user and password swapped", swapped),
        )
    ),
]

EXPIRED = [
    *(
        of_ice(
            f"turn-credentials-expired, {what}",
            "turn-credentials-expired",
            turn(expired_credentials=True, **settings),
        )
        for what, settings in (
            ("the time last", {"username": "sandbox:{expires}"}),
            ("the time alone", {"username": "{expires}"}),
            ("400", {"rejection_code": 400}),
            ("a minute ago", {"expired_ago_s": 60}),
            ("in other words", {"error_reason": "Credentials expired"}),
        )
    ),
    of_ice(
        "turn-credentials-expired, relay only",
        "turn-credentials-expired",
        "turn-credentials-expired",
        target=relay_only,
    ),
    of_ice(
        "turn-credentials-expired, given, and a month old",
        "turn-credentials-expired",
        turn(expired_credentials=True, expired_ago_s=30 * 86_400),
        target=given_ice_servers,
    ),
    of_ice(
        "turn-credentials-expired, IPv6",
        "turn-credentials-expired",
        "turn-credentials-expired",
        sandbox=IPV6,
    ),
]

REFUSED = [
    *(
        of_ice(
            f"turn-refused, {code}, {what}", "turn-refused", turn(allocate_error=code, **settings)
        )
        for code, what, settings in (
            (403, "before any credentials", {"refuse_unsigned": True}),
            (403, "in other words", {"error_reason": "Administratively prohibited"}),
            (437, "again and again", {}),
            (440, "whatever family", {}),
            (442, "UDP is not relayed", {}),
            (500, "a server that fails", {"error_reason": "Server Error"}),
            (300, "sent elsewhere, and not said where", {"transports": STREAMS}),
        )
    ),
    of_ice("turn-refused, relay only", "turn-refused", "turn-refused", target=relay_only),
    of_ice("turn-refused, IPv6", "turn-refused", "turn-refused", sandbox=IPV6),
]

FULL = [
    of_ice(f"{cause}, {what}", cause, turn(allocate_error=code, **settings), **rest)
    for cause, code, reason in (
        ("turn-quota-reached", 486, "Allocation quota exceeded for user"),
        ("turn-out-of-capacity", 508, "Cannot create socket"),
    )
    for what, settings, rest in (
        ("in other words", {"error_reason": reason}, {}),
        ("before any credentials", {"refuse_unsigned": True}, {}),
        ("over TCP alone", {"transports": ("tcp",)}, {}),
        ("relay only", {}, {"target": relay_only}),
        ("IPv6", {}, {"sandbox": IPV6}),
    )
]

PEER_REFUSED = [
    *(
        of_ice(
            f"turn-peer-refused, {what}",
            "turn-peer-refused",
            MEDIA_BLOCKED,
            turn(refuse_peers=True, **settings),
            sandbox=sandbox,
        )
        for what, settings, sandbox in (
            ("channels alone", {"refused_requests": ("channel",)}, {}),
            ("in other words", {"error_reason": "Forbidden IP"}, {}),
            ("over TLS alone", {"transports": ("tls",)}, {}),
            ("the gateway trickles", {}, TRICKLE),
            ("IPv6", {}, IPV6),
        )
    ),
    of_ice(
        "turn-peer-refused, relay only",
        "turn-peer-refused",
        turn(refuse_peers=True),
        target=relay_only,
    ),
]

BLACKHOLE = [
    *(
        of_ice(
            f"turn-relay-blackhole, {what}",
            "turn-relay-blackhole",
            MEDIA_BLOCKED,
            turn(drop_relayed=True, **settings),
            sandbox=sandbox,
        )
        for what, settings, sandbox in (
            ("nothing gets out", {"drops_only": Way.SENT}, {}),
            ("nothing gets in", {"drops_only": Way.RECEIVED}, {}),
            ("over TLS alone", {"transports": ("tls",)}, {}),
            ("the agent answers, and trickles", {}, {**NO_ECHO, **TRICKLE}),
            ("IPv6", {}, IPV6),
        )
    ),
    of_ice(
        "turn-relay-blackhole, relay only",
        "turn-relay-blackhole",
        turn(drop_relayed=True),
        target=relay_only,
    ),
]

NOT_CONFIGURED = [
    *(
        of_ice(
            f"{fault}, no TURN configured",
            "turn-not-configured",
            fault,
            beneath=("ice-failed",),
            target=stun_only,
        )
        for fault in ("media-ports-blocked", "ice-failed")
    ),
    of_ice(
        "turn-not-configured, no ICE servers at all",
        "turn-not-configured",
        MEDIA_BLOCKED,
        target=lambda _: {"ice_servers": []},
    ),
    of_ice("turn-not-configured, IPv6", "turn-not-configured", "turn-not-configured", sandbox=IPV6),
    of_ice(
        "turn-not-configured, what the gateway sends is lost, and it trickles",
        "turn-not-configured",
        gateway(drop_udp=True, drops_only=Way.SENT),
        turn(transports=()),
        sandbox=TRICKLE,
    ),
]

TCP_NOT_CONFIGURED = [
    of_ice(
        "turn-tcp-not-configured, relay only",
        "turn-tcp-not-configured",
        "turn-tcp-not-configured",
        target=relay_only,
    ),
    of_ice(
        "turn-tcp-not-configured, IPv6",
        "turn-tcp-not-configured",
        "turn-tcp-not-configured",
        sandbox=IPV6,
    ),
    of_ice(
        "turn-tcp-not-configured, a URL without a transport",
        "turn-tcp-not-configured",
        "turn-tcp-not-configured",
        target=without_transport,
    ),
    of_ice(
        "turn-tcp-not-configured, the agent answers, and trickles",
        "turn-tcp-not-configured",
        "turn-tcp-not-configured",
        sandbox={**NO_ECHO, **TRICKLE},
    ),
]

RELAYING = [
    *UNREACHABLE,
    *REJECTED,
    *EXPIRED,
    *REFUSED,
    *FULL,
    *PEER_REFUSED,
    *BLACKHOLE,
    *NOT_CONFIGURED,
    *TCP_NOT_CONFIGURED,
]
