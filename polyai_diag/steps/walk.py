"""What the steps of one run share: one WebSocket, one session, one call.

Whoever needs a thing first opens it; `close()` ends all of it, always.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from polyai_diag.analysis.token import read_token
from polyai_diag.analysis.token_form import read_form
from polyai_diag.probes.again import ask_again, may_pass
from polyai_diag.probes.gateway_http import fetch_ice_servers
from polyai_diag.probes.proxy import logins
from polyai_diag.probes.tls import tls_context
from polyai_diag.probes.trace import Trace
from polyai_diag.probes.waiting import stop, to_its_end
from polyai_diag.redact import Redactor
from polyai_diag.secret import Secret

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from polyai_diag.model import Event, Json, StepResult
    from polyai_diag.probes.ice import Call
    from polyai_diag.probes.route import Route
    from polyai_diag.probes.signaling import Signaling
    from polyai_diag.probes.turn import TurnProbe
    from polyai_diag.target import IceServer, Target

CLOSE_TIMEOUT_S = 4.0
CLOSE_END_S = 1.0


@dataclass
class Walk:
    """One run's shared belongings, and what one step learnt that another builds on."""

    target: Target
    on_event: Callable[[Event], None] | None = None
    started_s: float = field(default_factory=time.monotonic)
    audio_folder: Path | None = None
    route: Route | None = None  # the way to the gateway, once it is found
    signaling: Signaling | None = None
    call: Call | None = None
    answer: str | None = None
    echo: bool = False  # whether the gateway loops our audio back
    ice_servers: tuple[IceServer, ...] | None = None
    ice_servers_asked: bool = False
    asking_ice_servers: asyncio.Lock = field(default_factory=asyncio.Lock)
    turn_probes: tuple[TurnProbe, ...] = ()
    stun_url: str | None = None  # the first STUN server that answered
    udp_silent: bool | None = None  # whether no STUN or TURN server answers; None: not asked
    shared_context: ssl.SSLContext | None = None  # another walk's, of the same run
    media_wanted: bool = False  # whether the offer is to carry candidates that a call needs
    one_of_many: bool = False  # of several gateways in one run, each is the others' control

    def __post_init__(self) -> None:
        """Raise TargetError for a ca_file that cannot be read, before any step has run."""
        self.context = self.shared_context or tls_context(self.target.ca_file)
        self.redactor = Redactor([self.target.token])
        if self.target.token is not None:  # a gateway may say it back without what clings to it
            self.redactor.learn(Secret(read_form(self.target.token.reveal()).core))
        for login in logins(self.target):
            self.redactor.learn(login)
            self.redactor.learn(Secret(login.reveal().partition(":")[2]))
        if self.target.ice_servers is not None:
            self.learn_ice_servers(self.target.ice_servers)

    @property
    def servers(self) -> tuple[IceServer, ...]:
        """The ICE servers in use: those given, else the gateway's, else none."""
        return self.ice_servers or ()

    def why_no(self, kind: str) -> str:
        """Say why there is no server of a kind to be asked."""
        if self.ice_servers is None:
            return f"no {kind} is known: the gateway gave none"
        return f"no {kind} is configured"

    async def fetch_ice_servers(
        self, route: Route, trace: Trace, keeps: Callable[[], Awaitable[bool]] | None = None
    ) -> None:
        """Ask the gateway for its ICE servers, and again where that fails at once.

        The answer also tells whether the token is good here. A connection that fails is kept as
        an observation where `keeps`, which is asked then, says so.
        """
        part = trace.part()

        async def ask(attempt: int) -> bool | None:
            notes: dict[str, Json] = {"attempt": attempt} if attempt > 1 else {}
            try:
                return await self._fetch_once(route, part, notes) or None
            except OSError as exc:
                if keeps is None or await keeps():
                    url = self.target.ice_servers_url
                    part.keep_failure("ice_servers_fetch", url, exc, **notes)
            return None

        started_s = time.monotonic()
        if await ask(1) or not part.observations:
            return
        last, took_s = part.observations[-1], time.monotonic() - started_s
        if may_pass(last.failure, last.notes, took_s):
            await ask_again(ask)

    async def _fetch_once(self, route: Route, trace: Trace, notes: dict[str, Json]) -> bool:
        """Ask with the token, and where it is damaged, mended. Raises OSError."""
        for token, how in self._tokens():
            servers = await fetch_ice_servers(self.target, route, token, trace, **how, **notes)
            if servers is not None:
                if self.ice_servers is None:
                    self.learn_ice_servers(servers)
                return True
        return False

    def _tokens(self) -> list[tuple[str, dict[str, Json]]]:
        """Return the token, and where it is damaged the mended one, each with its notes."""
        secret = self.target.token
        if secret is None or not secret.reveal().strip():
            return []
        mended = read_token(secret.reveal(), datetime.now(UTC)).mended
        return [(secret.reveal(), {}), *([(mended.reveal(), {"mended": True})] if mended else [])]

    def for_target(self, target: Target) -> Walk:
        """Return a walk to another gateway within the same run."""
        walk = Walk(target, started_s=self.started_s, shared_context=self.context)
        walk.redactor, walk.one_of_many = self.redactor, True
        return walk

    def learn_ice_servers(self, servers: tuple[IceServer, ...]) -> None:
        """Use these from now on, and keep their credentials out of what is shown."""
        self.ice_servers = servers
        for server in servers:
            self.redactor.learn(server.credential)

    def learn_description(self, sdp: str) -> None:
        """Keep the ICE passwords of an offer or answer out of what is shown (RFC 8839 §5.4)."""
        for password in re.findall(r"a=ice-pwd:(\S+)", sdp):
            self.redactor.learn(Secret(password))

    def trace(self, step: str) -> Trace:
        """Open the trace of one step."""
        return Trace(
            step, run_started_s=self.started_s, redactor=self.redactor, on_event=self.on_event
        )

    async def close(self) -> None:
        """Say `close`, hang up and give everything back, in bounded time, whoever is cancelled."""
        await to_its_end(self._close())

    async def _close(self) -> None:
        call, self.call = self.call, None
        signaling, self.signaling = self.signaling, None
        closing = [asyncio.create_task(t.close()) for t in (signaling, call) if t is not None]
        try:
            if closing:
                await asyncio.wait(closing, timeout=CLOSE_TIMEOUT_S)
        finally:
            await stop(closing, CLOSE_END_S)


Check = Callable[[Walk, Trace], Awaitable[None]]
"""The body of a step: it fills the trace, and lets it fail with `trace.fail(reason)`."""


async def run_check(check: Check, step: str, target: Target) -> StepResult:
    """Run one step by itself: open what it needs, and close it after."""
    walk = Walk(target)
    trace = walk.trace(step)
    try:
        await check(walk, trace)
    finally:
        await walk.close()
    return trace.result()
