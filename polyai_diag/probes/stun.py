"""STUN over UDP: does it get out, how long does it take, where does it come out (RFC 8489)."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from polyai_diag import stun_message
from polyai_diag.failures import Failure
from polyai_diag.probes.stun_transport import (
    KNOWN,
    StunRefused,
    StunTransport,
    mapped_address,
    open_udp,
    shown,
)
from polyai_diag.probes.waiting import happens_within
from polyai_diag.stun_message import Method, StunMalformed

if TYPE_CHECKING:
    from polyai_diag.probes.net import Address
    from polyai_diag.probes.trace import Trace
    from polyai_diag.target import IceUrl

ASKED_AT_S = (0.0, 0.05, 0.15, 0.3, 0.5, 0.75, 1.0, 1.3, 1.6, 2.0, 2.4, 2.8)
"""Spacing beats count: two stages, so that a burst of loss is not read as a block."""
ANSWERS_WANTED = 5
LAST_ANSWER_WAIT_S = 0.5


@dataclass
class Bindings:
    """What one server answered to a row of Binding requests."""

    url: str
    sent: int = 0
    round_trips_ms: list[float] = field(default_factory=list)
    mapped: tuple[str, int] | None = None
    refused: StunRefused | None = None
    failure: Failure | None = None

    @property
    def answered(self) -> int:
        """How many requests got an answer, an error response included: UDP gets through."""
        return len(self.round_trips_ms)


async def ask_bindings(url: IceUrl, address: Address, trace: Trace) -> Bindings:
    """Send Binding requests spaced over 2.8 s, each with an id of its own; stop when it answers."""
    result = Bindings(url.url)
    with trace.observe("stun_binding", url.url, known=KNOWN, server=str(address)) as seen:
        try:
            async with open_udp((address.host, address.port)) as transport:
                await _Row(transport, result).run()
        finally:
            seen.note(sent=result.sent, answered=result.answered)
        if result.mapped is not None:
            fastest_ms = round(min(result.round_trips_ms), 2)
            seen.note(mapped_address=shown(result.mapped), rtt_ms=fastest_ms)
        elif result.refused is not None:
            raise result.refused
        else:
            seen.fail(Failure.GENERIC_TIMEOUT, f"no answer to {result.sent} requests")
    result.failure = seen.failure
    return result


class _Row:
    """A row of Binding requests to one server, and the end of it once enough are answered."""

    def __init__(self, transport: StunTransport, result: Bindings) -> None:
        self._transport = transport
        self._result = result
        self._enough = asyncio.Event()

    async def run(self) -> None:
        asking: list[asyncio.Task[None]] = []
        try:
            for pause_s in (ASKED_AT_S[0], *(b - a for a, b in pairwise(ASKED_AT_S))):
                await self._pause(pause_s)
                if self._enough.is_set():
                    return
                if self._transport.broken is not None:
                    break
                asking.append(asyncio.create_task(self._ask()))
            if self._transport.broken is None:
                await self._pause(LAST_ANSWER_WAIT_S)
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        if self._transport.broken is not None and not self._result.answered:
            raise self._transport.broken

    async def _pause(self, seconds: float) -> None:
        await happens_within(seconds, self._enough.wait())

    async def _ask(self) -> None:
        started_s = time.monotonic()
        self._result.sent += 1
        request = stun_message.request(Method.BINDING)
        try:
            reply = await self._transport.ask(request, timeout_s=ASKED_AT_S[-1], once=True)
            self._result.mapped = mapped_address(reply.message)
        except StunRefused as exc:
            self._result.refused = exc
        except (OSError, StunMalformed):
            return  # what broke the socket is kept in `broken`
        self._result.round_trips_ms.append((time.monotonic() - started_s) * 1000)
        if self._result.answered >= ANSWERS_WANTED:
            self._enough.set()
