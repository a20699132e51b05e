"""What is played, and what a diagnosis must name: the table that the live tests run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt

from polyai_diag import IceServer, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag.sandbox import Sandbox


@dataclass(frozen=True)
class Case:
    """Faults to play, how the sandbox and the target are set, and the root causes expected."""

    name: str
    faults: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()
    beneath: frozenset[str] = frozenset()  # found as well, and explained by what is named
    sandbox: dict[str, Any] = field(default_factory=dict)
    target: Callable[[Sandbox], dict[str, Any]] = lambda _: {}

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


def studio_token(**offsets_s: int) -> str:
    """A JWT whose dates lie so many seconds from now; the sandbox knows none, and refuses it."""
    now = int(time.time())
    claims = {name: now + offset_s for name, offset_s in offsets_s.items()}
    return jwt.encode(claims, "a key of nobody, long enough for HS256", algorithm="HS256")


def single(fault: str) -> Case:
    """A fault by itself is named by its own id."""
    return Case(fault, (fault,), frozenset({fault}))


def pair(*faults: str, target: Callable[[Sandbox], dict[str, Any]] = lambda _: {}) -> Case:
    """Two faults at once, both named."""
    return Case(" and ".join(faults), faults, frozenset(faults), target=target)


SINGLES = [
    single(fault)
    for fault in (
        "token-rejected",
        "wrong-endpoint",
        "signaling-timeout",
        "udp-blocked",
        "turn-credentials-rejected",
        "dtls-failed",
        "opus-rejected",
        "silent-audio",
    )
]

PAIRS = [
    pair("turn-credentials-rejected", "silent-audio"),
    pair("turn-credentials-rejected", "dtls-failed"),
    pair("turn-credentials-rejected", "opus-rejected"),
    pair("turn-credentials-rejected", "signaling-timeout"),
    pair("turn-credentials-rejected", "token-rejected", target=given_ice_servers),
    pair("udp-blocked", "silent-audio"),
    pair("udp-blocked", "turn-credentials-rejected"),
    pair("udp-blocked", "dtls-failed"),
]

VARIATIONS = [
    Case("healthy, the agent answers", sandbox={"allow_echo": False}),
    Case("healthy, the gateway trickles", sandbox={"trickle": True}),
    Case("healthy, relay only", target=lambda _: {"relay_only": True}),
    Case("healthy, a mode of the caller's own", target=lambda _: {"mode": "traditional"}),
    Case("healthy, ICE servers given", target=given_ice_servers),
    Case("healthy, no ICE servers", target=lambda _: {"ice_servers": []}),
    Case("healthy, measured thoroughly", target=lambda _: {"thorough": True}),
    Case(
        "a silent agent",
        ("silent-audio",),
        frozenset({"silent-audio"}),
        sandbox={"allow_echo": False},
    ),
    Case(
        "UDP blocked, no TURN configured",
        ("udp-blocked",),
        frozenset({"udp-blocked"}),
        frozenset({"stun-unreachable", "turn-not-configured", "ice-failed"}),
        target=stun_only,
    ),
    Case(
        "relay only, credentials rejected",
        ("turn-credentials-rejected",),
        frozenset({"turn-credentials-rejected"}),
        target=lambda _: {"relay_only": True},
    ),
    Case(
        "echo asked for, and forbidden",
        named=frozenset({"request-forbidden"}),
        sandbox={"allow_echo": False},
        target=lambda _: {"mode": "echo"},
    ),
    Case(
        "a Studio token of yesterday",
        named=frozenset({"token-expired"}),
        target=lambda _: {"token": studio_token(exp=-24 * 3600)},
    ),
    Case(
        "a Studio token of tomorrow",
        named=frozenset({"token-not-yet-valid"}),
        target=lambda _: {"token": studio_token(nbf=24 * 3600)},
    ),
    Case("no token", named=frozenset({"token-missing"}), target=lambda _: {"token": ""}),
    Case(
        "a token in quotes",
        named=frozenset({"token-malformed"}),
        target=lambda sandbox: {"token": f'"{sandbox.describe()["token"]}"'},
    ),
]
