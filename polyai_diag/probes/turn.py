"""TURN: from one URL to relayed data, each stage on its own (RFC 8656).

aiortc asks one server only and swallows its errors, so this asks every URL by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from polyai_diag.probes.again import ask_again
from polyai_diag.probes.net import literal
from polyai_diag.probes.stun_transport import KNOWN, Address, StunRefused, shown
from polyai_diag.probes.turn_binding import ask_through
from polyai_diag.probes.turn_compare import USUAL_S, Measured, StartLine, measure
from polyai_diag.probes.turn_end import FULL_CODES, End
from polyai_diag.probes.turn_row import Row
from polyai_diag.probes.waiting import together

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Iterator, Sequence

    from polyai_diag.failures import Failure
    from polyai_diag.probes.trace import Seen, Trace
    from polyai_diag.probes.turn_allocation import Allocation, Holdings
    from polyai_diag.probes.turn_way import Way

SETUP_S = 4.4
"""From the first packet to a relayed address: a lost SYN or request is sent again by then."""
UNASKED_SETUP_S = 2.5
"""The same, for a transport that nobody has configured: nobody waits for it."""
FORBIDDEN = 403
ELSEWHERE_CODES = (300, 437)
OWN_PATIENCE_S = 2.0
ASK_AGAIN_S = 0.25
ECHO_BYTES = 160
ECHO_PACKETS = 15
NO_HAIRPIN = "nothing came back from the server to itself, which many networks do not carry"


@dataclass
class TurnProbe:
    """How far one way to a TURN server came, and what its relay does to packets."""

    way: Way
    stage: str = "resolve"  # … connect, tls, challenge, allocate, permission, channel, relayed_echo
    ok: bool = False  # it gave a relayed address; how far data was seen to pass is `proof`
    proof: str = "none"  # that the relay carries packets: echo, binding
    setup_ms: float | None = None
    relayed_address: str | None = None
    failure: Failure | None = None
    detail: str = ""
    measured: Measured | None = None

    @property
    def url(self) -> str:
        """The URL that was asked."""
        return self.way.url.url


@dataclass
class Round:
    """What the ways that are tried together share."""

    tls: ssl.SSLContext
    trace: Trace
    line: StartLine
    served: StartLine  # where those that nobody has configured let the others go first
    stun_servers: Sequence[Address] = ()  # asked through a relay that does not relay to itself
    seconds: float = USUAL_S  # of a call's packets; 0 leaves the measurement out


class TurnAttempt:
    """One way, taken as far as it goes; `probe` keeps how far that was.

    Allocations are released, on cancel too. `holdings` are those of all attempts on this server:
    while it counts them, its quota proves nothing, and `ask_again` tells that it is to be asked
    again with `run_alone`, once the others have given back what they hold.
    """

    def __init__(self, way: Way, around: Round, holdings: Holdings) -> None:
        self.probe = TurnProbe(way)
        self.way = way
        self.around = around
        self.holdings = holdings
        self.ask_again = False
        self.patient_until_s: float | None = None  # None: as long as others of ours hold some
        self.until_s = 0.0
        self.started_anew: set[int] = set()  # codes after which it was begun again, once each
        self.begin_anew = False
        self._left = self._served = False

    async def run(self) -> None:
        """Go the whole way, beside the others."""
        try:
            await self._whole(alone=False)
        finally:
            self._leave()

    async def run_alone(self) -> None:
        """Go it again, when none of ours holds anything there any more."""
        before = replace(self.probe)
        self.patient_until_s = time.monotonic() + OWN_PATIENCE_S
        while self.ask_again:
            self.ask_again = False
            await self._whole(alone=True)
            if self.ask_again:
                await asyncio.sleep(ASK_AGAIN_S)
        if before.ok and not self.probe.ok:
            self.probe.__dict__.update(before.__dict__)

    def _leave(self) -> None:
        """Let nobody wait for this one any longer."""
        self._asked()
        if not self._left:
            self._left = True
            self.around.line.leave()

    def _asked(self) -> None:
        """Let those that nobody has configured have their turn."""
        if self.way.configured and not self._served:
            self._served = True
            self.around.served.leave()

    async def turn_comes(self) -> bool:
        """Wait for those that are configured; False where the server's quota is theirs alone."""
        if not self.way.configured:
            await self.around.served.wait(SETUP_S)
            self.until_s = time.monotonic() + UNASKED_SETUP_S
        return self.way.configured or not self.holdings.refused

    async def ask_for(self, peers: Sequence[Address], trace: Trace) -> None:
        """Ask whether the relay may reach these, each for itself; only that is kept in `trace`."""
        self.until_s = time.monotonic() + SETUP_S
        near = End(self, far_end=False)
        try:
            await near.open()
            for peer in peers if near.granted else ():
                told = {"url": self.way.url.url, **self.way.notes(), "peer": shown(peer)}
                with trace.observe("turn_permission", self.way.url.url, known=KNOWN, **told):
                    await near.allocation.permit(peer)
        finally:
            await near.close()

    async def _whole(self, *, alone: bool) -> None:
        """Go it once, and once more where the server sends us elsewhere."""
        await self._once(alone=alone)
        while self.begin_anew:
            self.begin_anew = False
            await self._once(alone=alone)

    async def _once(self, *, alone: bool) -> None:
        started_s = time.monotonic()
        self.until_s = started_s + (SETUP_S if self.way.configured else UNASKED_SETUP_S)
        near, far = End(self, far_end=False), End(self, far_end=True)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(_give_back, near, far)
            if alone:
                await near.open()
                far = await self._open_far_alone(near, far, stack)
            else:
                await together(near.open(), far.open())
                near = await self._open_again(near, stack)
            self._asked()
            if far.granted and not near.granted:  # a place that came free, or packets lost
                near, far = far, near
                self.ask_again = False
            if near.granted:
                self.probe.setup_ms = round((near.granted_s - started_s) * 1000, 2)
                self.probe.relayed_address = shown(near.address)
                self.probe.ok, self.probe.failure, self.probe.detail = True, None, ""
                await self._use(near, far, alone=alone)

    async def _open_again(self, near: End, stack: contextlib.AsyncExitStack) -> End:
        """Open it three times more where it failed at once, and keep the first that works."""
        excused = self.ask_again or self.begin_anew
        if near.granted or excused or not (self.way.configured and near.may_pass):
            return near

        async def ask(attempt: int) -> End | None:
            end = End(self, far_end=False, again=attempt)
            stack.push_async_callback(end.close)
            await end.open()
            return end if end.granted else None

        return await ask_again(ask, End.close) or near

    async def _open_far_alone(self, near: End, far: End, stack: contextlib.AsyncExitStack) -> End:
        """Open it after the near end, again while the server may count what was given back."""
        if not near.granted or self.holdings.only_one:
            return far
        await far.open()
        while far.full and self.holdings.lingering:
            await asyncio.sleep(ASK_AGAIN_S)
            far = End(self, far_end=True)
            stack.push_async_callback(far.close)
            await far.open()
        self.holdings.only_one = far.full
        return far

    async def _use(self, near: End, far: End, *, alone: bool) -> None:
        """Prove that the relay carries packets, that it can be kept, and how well it carries."""
        keeping = asyncio.create_task(self._keep(near))
        try:
            if far.granted:
                await self._relay(near.allocation, near.address, far.allocation, far.address)
            else:
                self.probe.stage = "allocate"
                said = far.said or "486 or 508 to every second one"
                self.probe.detail = f"echo not measured: no second allocation ({said})"
            if self.probe.proof == "none":
                await self._prove_by_binding(near.allocation, near.address)
            await keeping
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        if self.probe.proof != "none" or not far.full:
            await self._measure(near, far)
        elif not alone:
            self.ask_again = True

    async def _measure(self, near: End, far: End) -> None:
        if not self.around.seconds:
            return
        self._leave()
        await self.around.line.wait()
        # Its echo has passed, or the packets would be lost for no fault of the transport's.
        through = far.allocation if self.probe.proof == "echo" else None
        self.probe.measured = await measure(
            near.transport, near.allocation, through, self.around.line, seconds=self.around.seconds
        )

    async def _relay(
        self, near: Allocation, near_address: Address, far: Allocation, far_address: Address
    ) -> None:
        """Relay between the two; a server that will not, for its own address, is not at fault."""
        permitted, bound = await together(
            self._permit("turn_permission", near_address, far.permit(near_address)),
            self._permit("turn_channel", far_address, near.bind_channel(far_address)),
        )
        self.probe.stage = "channel" if permitted else "permission"
        if not (permitted and bound):
            return
        with self.stage("relayed_echo", "turn_relayed_echo") as seen:
            sent, answered = await _echo(near, far, near_address)
            seen.note(sent=sent, answered=answered)
            if answered:
                self.probe.proof = "echo"
            else:
                self.probe.stage = "channel"
                seen.note(detail=f"{NO_HAIRPIN}: not measured")

    async def _permit(self, operation: str, peer: Address, asking: Awaitable[None]) -> bool:
        """Ask, and take 403 for the server's own address as the hardening that it commonly is."""
        with self.observe(operation, peer=shown(peer)) as seen:
            try:
                await asking
            except StunRefused as exc:
                if exc.code != FORBIDDEN:
                    raise
                detail = "refuses its own address as a peer; echo not measured"
                seen.note(hardened=True, detail=detail)
        self._keep_outcome(seen)
        return seen.ok and "hardened" not in seen.notes

    async def _prove_by_binding(self, near: Allocation, address: Address) -> None:
        family = _family_of(address)
        servers = [s for s in self.around.stun_servers if _family_of(s) == family]
        if not servers:
            return
        own = {self.way.host, address[0]}
        with self.observe("turn_relayed_binding") as seen:
            seen.note(own_address=all(server[0] in own for server in servers))
            if await ask_through(near, servers, seen):
                self.probe.proof = "binding"

    async def _keep(self, near: End) -> None:
        with self.observe("turn_refresh") as seen:
            await near.allocation.refresh(seen)
        if not seen.ok:
            self.probe.detail = f"not kept: {seen.notes.get('detail') or seen.failure}"

    # --- what is kept of it -------------------------------------------------------------------

    def observe(self, operation: str, **notes: Any) -> Seen:
        """Open an observation of this way."""
        told = {"url": self.way.url.url, "far_end": False, **self.way.notes(), **notes}
        return self.around.trace.observe(operation, self.way.url.url, known=KNOWN, **told)

    @contextlib.contextmanager
    def stage(self, stage: str, operation: str, **notes: Any) -> Iterator[Seen]:
        """Open an observation that is a stage of the way: the probe keeps how it ended."""
        self.probe.stage = stage
        with self.observe(operation, **notes) as seen:
            yield seen
        self._keep_outcome(seen)

    def _keep_outcome(self, seen: Seen) -> None:
        if not seen.ok or "detail" in seen.notes:
            self.probe.failure, self.probe.detail = seen.failure, seen.notes.get("detail", "")

    def excuses(self, exc: StunRefused, seen: Seen, *, far_end: bool) -> bool:
        """Whether a refusal is no failure: the server sends us on, or our own probes filled it."""
        if exc.code in ELSEWHERE_CODES and exc.code not in self.started_anew:
            return self._sent_elsewhere(exc, seen, far_end=far_end)
        self.holdings.refused |= exc.code in FULL_CODES
        impatient = self.patient_until_s is not None and time.monotonic() > self.patient_until_s
        if exc.code not in FULL_CODES or far_end or not self.holdings.counted or impatient:
            return False
        self.ask_again = True
        self.probe.detail = f"{exc}, while this run holds addresses of this server"
        seen.note(detail=self.probe.detail)
        return True

    def _sent_elsewhere(self, exc: StunRefused, seen: Seen, *, far_end: bool) -> bool:
        """Follow 300 (RFC 8489 §10) and 437 (RFC 8656 §7.4) once: there, or from another port."""
        alternate: Address | None = exc.reply.attributes.get("ALTERNATE-SERVER")
        if exc.code == 300 and alternate is None:
            return False
        seen.note(detail=f"{exc}; asked again", alternate=shown(alternate) if alternate else None)
        if not far_end:
            self.started_anew.add(exc.code)
            self.begin_anew = True
            if alternate is not None:
                self.way = self.way._replace(address=literal(*alternate))
        return True


async def _give_back(*ends: End) -> None:
    await together(*(end.close() for end in ends))


async def _echo(near: Allocation, far: Allocation, near_address: Address) -> tuple[int, int]:
    """Send packets 20 ms apart until one is back; return how many were sent, and came back."""
    row = Row(ECHO_PACKETS, ECHO_BYTES, wanted=1)
    far.on_payload = lambda payload: far.send_indication(near_address, payload)
    near.on_payload = row.take
    await row.send(lambda number: near.send_on_channel(row.packet(number)))
    return len(row.sent_s), len(row.arrived_s)


def _family_of(address: Address) -> int:
    return 6 if ":" in address[0] else 4
