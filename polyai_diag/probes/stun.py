"""STUN over UDP: does it get out, how long does it take, where does it come out (RFC 8489)."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from polyai_diag import stun_message
from polyai_diag.analysis.quality import differences_ms
from polyai_diag.analysis.udp import (
    ASKED_AT_S,
    FIRST_STAGE,
    LEAST_PATIENCE_S,
    Udp,
    decided_at_s,
    patience_s,
    standing,
)
from polyai_diag.failures import Failure
from polyai_diag.probes.stun_control import Control
from polyai_diag.probes.stun_transport import (
    KNOWN,
    StunRefused,
    StunTransport,
    any_local,
    mapped_address,
    open_udp,
    shown,
)
from polyai_diag.probes.waiting import happens_within
from polyai_diag.stun_message import Method, StunMalformed

if TYPE_CHECKING:
    import ssl

    from polyai_diag.probes.net import Address
    from polyai_diag.probes.stun_transport import Reply
    from polyai_diag.probes.trace import Seen, Trace
    from polyai_diag.target import IceUrl

ASK_FOR_S = 8.0  # longer than any row lasts: only its end ends what is asked
TRAIN_SPACING_S = 0.04
TRAIN_REQUESTS = 20
TRAIN_REQUESTS_THOROUGH = 60


@dataclass
class Bindings:
    """What one address of one server answered to a row of Binding requests."""

    url: str
    address: Address | None = None  # None where the name has none
    round_trips_ms: list[float | None] = field(default_factory=list)  # as sent; None: no answer
    answers_s: list[float] = field(default_factory=list)  # since the first request
    mapped: tuple[str, int] | None = None
    refused: StunRefused | None = None
    malformed: int = 0
    failure: Failure | None = None
    host_is_up: bool = False  # it takes TCP
    udp: Udp | None = None  # None where it could not even be asked

    @property
    def family(self) -> str:
        """IPv4 or IPv6."""
        return "IPv6" if self.address and self.address.family == socket.AF_INET6 else "IPv4"

    @property
    def sent(self) -> int:
        """How many requests went out."""
        return len(self.round_trips_ms)

    @property
    def answered_ms(self) -> list[float]:
        """The round trips of those that got an answer."""
        return [ms for ms in self.round_trips_ms if ms is not None]

    @property
    def answered(self) -> int:
        """How many requests got an answer, an error response included: UDP gets through."""
        return len(self.answers_s)

    @property
    def differences_ms(self) -> list[float]:
        """By how much the round trips of neighbours differ, where both came."""
        return differences_ms(self.round_trips_ms)


def has_route(address: Address) -> bool:
    """Whether this machine has a way to an address; asking the system for one sends nothing."""
    try:
        with socket.socket(address.family, socket.SOCK_DGRAM) as probe:
            probe.connect((address.host, address.port))
    except OSError:
        return False
    return True


async def ask_bindings(
    url: IceUrl,
    address: Address,
    context: ssl.SSLContext,
    trace: Trace,
    *,
    train: int = TRAIN_REQUESTS,
) -> Bindings:
    """Ask one address over UDP, its host over TCP at the same time: the control that it is up.

    Requests are spaced over 2.8 s until one is answered; then a train of them is sent, to tell
    round trip, jitter and loss. They go out of a connected socket, which ICMP errors reach; of
    what a silent server is asked then every second one out of one that takes answers from
    anywhere: who answers from another address than was asked is dropped, counted, and not taken
    for silence.
    """
    result = Bindings(url.url, address)
    control = Control(url, address, trace)
    controlling = asyncio.create_task(control.run(context))
    server = (address.host, address.port)
    notes = {"server": str(address), "family": result.family}
    try:
        with trace.observe("stun_binding", url.url, known=KNOWN, **notes) as seen:
            try:
                async with (
                    open_udp(server) as connected,
                    open_udp(local_host=any_local(server)) as unconnected,
                ):
                    sockets = _Sockets(connected, unconnected, server)
                    await _Row(sockets, result, control, trace).run(train)
            finally:
                seen.note(sent=result.sent, answered=result.answered, malformed=result.malformed)
            _conclude(result, seen)
    finally:
        controlling.cancel()
        await asyncio.gather(controlling, return_exceptions=True)
    result.failure = seen.failure
    result.host_is_up = control.round_trip_s is not None
    return result


def _conclude(result: Bindings, seen: Seen) -> None:
    seen.note(udp=result.udp)
    if result.mapped is not None:
        fastest_ms = round(min(result.answered_ms), 2)
        seen.note(mapped_address=shown(result.mapped), rtt_ms=fastest_ms)
    elif result.refused is not None:
        raise result.refused
    elif result.answered:
        raise StunMalformed("a Binding response without a mapped address")
    elif result.malformed:
        raise StunMalformed(f"{result.malformed} answers came, and none can be used")
    else:
        seen.fail(Failure.GENERIC_TIMEOUT, f"no answer to {result.sent} requests")


class _Sockets(NamedTuple):
    """The two ways in which a server is asked."""

    connected: StunTransport
    unconnected: StunTransport
    server: tuple[str, int]

    async def ask(self, *, doubtful: bool) -> Reply:
        """Ask once. Raises as `StunTransport.ask` does."""
        request = stun_message.request(Method.BINDING)
        if doubtful:
            return await self.unconnected.ask(
                request, timeout_s=ASK_FOR_S, once=True, to=self.server
            )
        return await self.connected.ask(request, timeout_s=ASK_FOR_S, once=True)

    @property
    def malformed(self) -> int:
        return self.connected.malformed + self.unconnected.malformed

    @property
    def broken(self) -> Exception | None:
        return self.connected.broken


class _Row:
    """Binding requests to one address, each with an id of its own, and when they were answered."""

    def __init__(self, sockets: _Sockets, result: Bindings, control: Control, trace: Trace) -> None:
        self._sockets = sockets
        self._result = result
        self._control = control
        self._trace = trace
        self._asking: list[asyncio.Task[None]] = []
        self._suspected = False
        self._told = asyncio.Event()  # answered, or rejected by ICMP: there is no more to wait for

    async def run(self, train: int) -> None:
        self._begun_s = time.monotonic()
        try:
            await self._find_out()
            if self._result.mapped is not None:
                await self._send_train(train)
        finally:
            for task in self._asking:
                task.cancel()
            await asyncio.gather(*self._asking, return_exceptions=True)
            self._result.malformed = self._sockets.malformed
        if self._sockets.broken is not None and not self._result.answered:
            raise self._sockets.broken

    async def _find_out(self) -> None:
        """Ask in two stages; the verdict waits for the control, and a late answer overturns it."""
        for at_s in ASKED_AT_S:
            if await self._told_by(at_s):
                break
            self._say_what_is_suspected()
            self._ask()
        await self._told_by(decided_at_s(self._control.round_trip_s))
        if not self._told.is_set():
            await self._control.ended.wait()
        self._result.udp = self._standing()
        if self._sockets.broken is not None and not self._result.answers_s:
            self._result.udp = Udp.REJECTED
            await happens_within(LEAST_PATIENCE_S, self._control.ended.wait())

    async def _send_train(self, count: int) -> None:
        for _ in range(count):
            self._ask()
            await asyncio.sleep(TRAIN_SPACING_S)
        slowest_s = max(self._result.answered_ms) / 1000
        await happens_within(patience_s(slowest_s), asyncio.gather(*self._asking))

    async def _told_by(self, at_s: float) -> bool:
        return await happens_within(max(0.0, at_s - self._elapsed_s), self._told.wait())

    def _say_what_is_suspected(self) -> None:
        if not self._suspected and self._standing() is Udp.SUSPECT:
            self._suspected = True
            self._trace.progress(f"No answer over UDP from {self._result.address}; asking on")

    def _standing(self) -> Udp:
        return standing(self._elapsed_s, self._result.answers_s, self._control.round_trip_s)

    @property
    def _elapsed_s(self) -> float:
        return time.monotonic() - self._begun_s

    def _ask(self) -> None:
        self._result.round_trips_ms.append(None)
        self._asking.append(asyncio.create_task(self._answer(self._result.sent - 1)))

    async def _answer(self, number: int) -> None:
        """Send a request and wait for its answer, which is told from others by its id."""
        doubtful = number >= FIRST_STAGE and number % 2 == 1 and not self._result.answers_s
        started_s = time.monotonic()
        try:
            reply = await self._sockets.ask(doubtful=doubtful)
            round_trip_ms = reply.round_trip_ms
            self._result.mapped = mapped_address(reply.message)
        except StunRefused as exc:
            self._result.refused = exc
            round_trip_ms = (time.monotonic() - started_s) * 1000
        except StunMalformed:
            pass  # it came all the same: UDP gets through
        except OSError:
            self._told.set()  # what broke the socket is kept in `broken`
            return
        self._result.round_trips_ms[number] = round_trip_ms
        self._result.answers_s.append(self._elapsed_s)
        self._told.set()
