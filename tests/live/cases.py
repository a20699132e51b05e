"""What is played, and what a diagnosis must name: the table that the live tests run."""

from __future__ import annotations

import functools
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt

from polyai_diag import IceServer, Target
from polyai_diag.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag.model import Verdict
    from polyai_diag.sandbox import Sandbox
    from polyai_diag.sandbox.settings import ProxyMode

HOUR_S = 3600
DAY_S = 24 * HOUR_S
NO_ECHO: dict[str, Any] = {"allow_echo": False}
"""Sandbox settings: the agent answers, as in production."""
IPV6: dict[str, Any] = {"ipv6": True}
"""Sandbox settings: all of it on ::1."""
TRICKLE: dict[str, Any] = {"trickle": True}
"""Sandbox settings: the gateway's candidates follow its answer."""


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
    complaint: str | None = None  # of COMPLAINTS: its steps alone are run
    flaky: frozenset[str] = frozenset()  # of these findings it is told that they come and go
    may_warn: bool = False  # nothing critical is named, and that is all that is asked of it
    busy: int = 0  # so many processes keep a core busy each while it runs

    @property
    def of(self) -> str | None:
        """The cause that it is a disguise of; None for two at once, and for none."""
        return next(iter(self.named)) if len(self.named) == 1 else None

    @property
    def lacks(self) -> str:
        """Say what this machine lacks to run it; empty where nothing."""
        return "no IPv6 on this machine" if self.sandbox.get("ipv6") and not _has_ipv6() else ""

    async def aimed(self, sandbox: Sandbox) -> Target:
        """Return the target that this case is run against."""
        return sandbox.target(**self.target(sandbox))


def _has_ipv6() -> bool:
    """Whether ::1 can be bound: in a container often not."""
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind(("::1", 0))
    except OSError:
        return False
    return True


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


def turn(**settings: Any) -> Fault:
    """A STUN and TURN server that is set otherwise."""
    return Fault("A TURN server set otherwise.", turn=settings)


def relay_only(_: Sandbox) -> dict[str, Any]:
    """Only the relay is used, as a cautious customer sets it."""
    return {"relay_only": True}


def refusing(code: str, message: str, **settings: Any) -> Fault:
    """A gateway that answers offers with an error."""
    return gateway(refuse_offers=(code, message), **settings)


def disguise(
    name: str, cause: str, *settings: str | Fault, beneath: tuple[str, ...] = (), **rest: Any
) -> Case:
    """One cause alone, in another shape."""
    return Case(name, settings, frozenset({cause}), frozenset(beneath), **rest)


of_ice = functools.partial(disguise, complaint="ice")
"""The same, run as who says "ICE connection fails" runs it: without the sound, which takes 10 s."""
