"""One end of a TURN check: a connection of its own, and the allocation asked for over it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from polyai_diag.analysis.turn_username import expires_at
from polyai_diag.probes.again import may_pass
from polyai_diag.probes.stun_transport import Address, StunRefused, StunTransport, open_udp
from polyai_diag.probes.turn_allocation import Allocation
from polyai_diag.probes.turn_way import connect
from polyai_diag.probes.waiting import to_its_end

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from polyai_diag.failures import Failure
    from polyai_diag.model import Json
    from polyai_diag.probes.trace import Seen
    from polyai_diag.probes.turn import TurnAttempt

FULL_CODES = (486, 508)


class End:
    """The near end is what is diagnosed; the far end only catches what the near one sends.

    `close()` gives back what was granted, however far it came.
    """

    def __init__(self, attempt: TurnAttempt, *, far_end: bool, again: int | None = None) -> None:
        self.granted_s = 0.0  # time.monotonic()
        self.said = ""  # why there is no address
        self.full = False  # refused for want of room
        self._attempt = attempt
        self._far_end = far_end
        self._told: dict[str, Json] = {"far_end": far_end, **({"attempt": again} if again else {})}
        self._began_s = self._ended_s = time.monotonic()
        self._failure: Failure | None = None
        self._allocation: Allocation | None = None
        self._transport: StunTransport | None = None
        self._open = contextlib.AsyncExitStack()

    @property
    def granted(self) -> bool:
        """Whether it has a relayed address."""
        return self._allocation is not None and self._allocation.relayed_address is not None

    @property
    def allocation(self) -> Allocation:
        """The allocation. Raises RuntimeError before `granted`."""
        if self._allocation is None:
            raise RuntimeError("nothing was granted")
        return self._allocation

    @property
    def transport(self) -> StunTransport:
        """The connection. Raises RuntimeError before `granted`."""
        if self._transport is None:
            raise RuntimeError("nothing is connected")
        return self._transport

    @property
    def address(self) -> Address:
        """The relayed address. Raises RuntimeError before `granted`."""
        address = self.allocation.relayed_address
        if address is None:
            raise RuntimeError("nothing was granted")
        return address

    async def open(self) -> None:
        """Connect, be challenged, and ask for a relayed address; the trace says how far it came."""
        if self._attempt.way.url.transport != "udp" and not await self._connect():
            return
        if not await self._attempt.turn_comes():
            self._outcome(None, "not asked: this run's other requests used its quota up")
        elif await self._challenge():
            await self._allocate()

    @property
    def may_pass(self) -> bool:
        """Whether it failed at once, and another attempt might go otherwise."""
        return may_pass(self._failure, {}, self._ended_s - self._began_s)

    async def close(self) -> None:
        """Give the address back, and hang up."""
        await to_its_end(self._close())

    async def _close(self) -> None:
        allocation, self._allocation = self._allocation, None
        try:
            if allocation is not None:
                await allocation.release()
        finally:
            await self._open.aclose()

    async def _connect(self) -> bool:
        attempt = self._attempt
        self._reached("connect")
        kept = attempt.around.trace.part()
        self._transport = await connect(
            attempt.way, attempt.around.tls, kept, until_s=attempt.until_s, **self._told
        )
        if self._transport is not None:
            self._open.callback(self._transport.close)
            return True
        last = kept.observations[-1]
        self._reached("tls" if last.operation == "tls_handshake" else "connect")
        self._outcome(last.failure, last.notes.get("detail", ""))
        return False

    async def _challenge(self) -> bool:
        attempt = self._attempt
        self._reached("challenge")
        with attempt.observe("turn_challenge", **self._told) as seen:
            # Opened here, so that a host without a route shows as a failure of this stage.
            if self._transport is None:
                server = (attempt.way.host, attempt.way.port)
                self._transport = await self._open.enter_async_context(open_udp(server))
            self._allocation = Allocation(self._transport, attempt.way.server, attempt.holdings)
            async with asyncio.timeout(self._left_s()):
                await self._excused(self._allocation.challenge(seen), seen)
        self._outcome(seen.failure, seen.notes.get("detail", ""))
        return seen.ok and not self.said

    async def _allocate(self) -> None:
        attempt = self._attempt
        self._reached("allocate")
        server = attempt.way.server
        # Where it carries no time it tells nothing, and may be a password in the wrong place.
        username = server.username if expires_at(server.username) else None
        notes = {"signed": server.credential is not None, "username": username}
        with attempt.observe("turn_allocate", **self._told, **notes) as seen:
            async with asyncio.timeout(self._left_s()):
                await self._excused(self.allocation.allocate(seen), seen)
        self.granted_s = time.monotonic()
        self._outcome(seen.failure, seen.notes.get("detail", ""))

    async def _excused(self, asking: Awaitable[None], seen: Seen) -> None:
        """Ask; a refusal that is no failure is noted, and is none."""
        try:
            await asking
        except StunRefused as exc:
            self.full = exc.code in FULL_CODES
            if not self._attempt.excuses(exc, seen, far_end=self._far_end):
                raise
            seen.note(excused=True)

    def _left_s(self) -> float:
        return max(0.1, self._attempt.until_s - time.monotonic())

    def _reached(self, stage: str) -> None:
        if not self._far_end:
            self._attempt.probe.stage = stage

    def _outcome(self, failure: Failure | None, detail: str) -> None:
        self.said = detail or str(failure or "")
        self._failure, self._ended_s = failure, time.monotonic()
        if not self._far_end:
            self._attempt.probe.failure, self._attempt.probe.detail = failure, detail
