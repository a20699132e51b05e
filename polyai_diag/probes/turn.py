"""TURN: from one URL to relayed data, each stage on its own (RFC 8656).

aiortc asks one server only and swallows its errors, so this asks every URL by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from polyai_diag.probes import net
from polyai_diag.probes.dns import resolve
from polyai_diag.probes.stun_transport import (
    KNOWN,
    Address,
    StunRefused,
    StunTransport,
    open_stream,
    open_udp,
    shown,
)
from polyai_diag.probes.turn_allocation import Allocation, Holdings
from polyai_diag.probes.waiting import happens_within

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Iterator, Sequence

    from polyai_diag.failures import Failure
    from polyai_diag.probes.trace import Seen, Trace
    from polyai_diag.target import IceServer, IceUrl

ECHO_PACKETS = 20
ECHO_SPACING_S = 0.02
ECHO_BYTES = 80  # about an Opus packet of speech
ECHO_WAIT_S = 1.0
FULL_CODES = (486, 508)
OWN_PATIENCE_S = 8.0
ASK_AGAIN_S = 0.4


@dataclass
class TurnProbe:
    """How far one TURN URL came, and what its relay does to packets."""

    url: str
    transport: str
    stage: str = "resolve"  # … connect, challenge, allocate, permission, channel, relayed_echo
    ok: bool = False  # it gave a relayed address; how far data was seen to pass is `stage`
    setup_ms: float | None = None
    relayed_address: str | None = None
    sent: int = 0
    round_trips_ms: list[float] = field(default_factory=list)
    failure: Failure | None = None
    detail: str = ""


async def probe_turn(
    url: IceUrl, server: IceServer, context: ssl.SSLContext, trace: Trace, holdings: Holdings
) -> TurnProbe:
    """Take one URL as far as it goes: to an echo between two allocations of its own.

    Both allocations are released, on cancel too. `holdings` are those of all probes that ask
    this server now: while it counts them, its quota proves nothing, and it is asked again.
    """
    probe = TurnProbe(url.url, url.transport)
    if url.transport == "dtls":
        probe.detail = "TURN over DTLS is not probed"
        return probe
    addresses = await resolve(url.host, url.port, trace)
    if not addresses:
        probe.failure = trace.observations[-1].failure
        return probe
    await _Attempt(probe, url, server, addresses, context, trace, holdings).run()
    return probe


@dataclass
class _Attempt:
    """One URL's way, stage by stage; `probe` keeps how far it came."""

    probe: TurnProbe
    url: IceUrl
    server: IceServer
    addresses: Sequence[net.Address]
    context: ssl.SSLContext
    trace: Trace
    holdings: Holdings
    ask_again: bool = False  # refused for what our other probes hold

    async def run(self) -> None:
        """Go the whole way, from the start again where our own probes stood in it."""
        self.patient_until_s = time.monotonic() + OWN_PATIENCE_S
        await self._once()
        while self.ask_again:
            self.ask_again = False
            await asyncio.sleep(ASK_AGAIN_S)
            await self._once()

    async def _once(self) -> None:
        started_s = time.monotonic()
        async with contextlib.AsyncExitStack() as stack:
            near = await self._allocate(stack, far_end=False)
            if near is None or near.relayed_address is None:
                return
            self.probe.setup_ms = round((time.monotonic() - started_s) * 1000, 2)
            self.probe.relayed_address = shown(near.relayed_address)
            self.probe.ok = True
            far = await self._allocate(stack, far_end=True)
            if far is not None and far.relayed_address is not None:
                await self._relay(near, near.relayed_address, far, far.relayed_address)

    @contextlib.contextmanager
    def _stage(self, stage: str, operation: str, **notes: Any) -> Iterator[Seen]:
        far_end = bool(notes.get("far_end"))
        if not far_end:
            self.probe.stage = stage
        with self.trace.observe(operation, self.url.url, known=KNOWN, **notes) as seen:
            yield seen
        detail = seen.notes.get("detail", "")
        if not far_end:
            self._keep_failure(seen.failure, detail)
        elif seen.failure is not None:
            self._keep_far_failure(seen.failure, detail)

    async def _allocate(
        self, stack: contextlib.AsyncExitStack, *, far_end: bool
    ) -> Allocation | None:
        stream: StunTransport | None = None
        if self.url.transport != "udp":
            stream = await self._connect(far_end=far_end)
            if stream is None:
                return None
            stack.callback(stream.close)
        with self._stage("challenge", "turn_challenge", far_end=far_end) as seen:
            # Opened here, so that a host without a route shows as a failure of this stage.
            if stream is None:
                stream = await stack.enter_async_context(self._udp())
            allocation = Allocation(stream, self.server, self.holdings)
            stack.push_async_callback(allocation.release)
            await allocation.challenge(seen)
        if not seen.ok:
            return None
        signed = self.server.credential is not None
        notes = {"far_end": far_end, "signed": signed, "username": self.server.username}
        with self._stage("allocate", "turn_allocate", **notes) as seen:
            await self._grant(allocation, seen, far_end=far_end)
        return allocation if allocation.relayed_address is not None else None

    async def _connect(self, *, far_end: bool) -> StunTransport | None:
        if not far_end:
            self.probe.stage = "connect"
        notes = {"far_end": far_end}
        stream = await open_stream(self.url, self.addresses, self.context, self.trace, **notes)
        if stream is None:
            last = self.trace.observations[-1]
            keep = self._keep_far_failure if far_end else self._keep_failure
            keep(last.failure, last.notes.get("detail", ""))
        return stream

    def _udp(self) -> contextlib.AbstractAsyncContextManager[StunTransport]:
        address = net.for_udp(self.addresses)
        return open_udp((address.host, address.port))

    async def _grant(self, allocation: Allocation, seen: Seen, *, far_end: bool) -> None:
        """Allocate. What our own probes have used up is no failure: it is asked for again."""
        try:
            await allocation.allocate(seen)
        except StunRefused as exc:
            ours = exc.code in FULL_CODES and self.holdings.counted
            if far_end or not ours or time.monotonic() > self.patient_until_s:
                raise
            self.ask_again = True
            seen.note(detail=f"{exc}, while this run holds addresses of this server; asked again")

    async def _relay(
        self, near: Allocation, near_address: Address, far: Allocation, far_address: Address
    ) -> None:
        """Relay between the two; a server that will not, for its own address, is not at fault."""
        with self._stage("permission", "turn_permission", peer=shown(near_address)) as seen:
            await _unless_hardened(far.permit(near_address), seen)
        if not seen.ok or "hardened" in seen.notes:
            return
        with self._stage("channel", "turn_channel", peer=shown(far_address)) as seen:
            await _unless_hardened(near.bind_channel(far_address), seen)
        if not seen.ok or "hardened" in seen.notes:
            return
        far.on_payload = lambda payload: far.send_indication(near_address, payload)
        with self._stage("relayed_echo", "turn_relayed_echo") as seen:
            self.probe.round_trips_ms = await _echo(near)
            self.probe.sent = ECHO_PACKETS
            seen.note(sent=ECHO_PACKETS, answered=len(self.probe.round_trips_ms))
            if not self.probe.round_trips_ms:
                # Many clouds do not carry packets from a server to itself: this proves nothing.
                self.probe.stage = "channel"
                seen.note(detail="nothing came back from the server to itself: not measured")

    def _keep_far_failure(self, failure: Failure | None, detail: str) -> None:
        """Keep that the echo is not measured: the second allocation is our own wish alone."""
        self.probe.detail = f"echo not measured: no second allocation ({detail or failure})"

    def _keep_failure(self, failure: Failure | None, detail: str) -> None:
        self.probe.failure, self.probe.detail = failure, detail


async def _unless_hardened(asking: Awaitable[None], seen: Seen) -> None:
    """Take 403 for the server's own address as the hardening that it commonly is."""
    try:
        await asking
    except StunRefused as exc:
        if exc.code != 403:
            raise
        seen.note(hardened=True, detail="refuses its own address as a peer; echo not measured")


async def _echo(near: Allocation) -> list[float]:
    """Send packets 20 ms apart, as a call does; return the round trips in ms of those that came."""
    sent_s: dict[bytes, float] = {}
    round_trips_ms: dict[bytes, float] = {}
    complete = asyncio.Event()

    def back(payload: bytes) -> None:
        key = payload[:8]
        if key in sent_s:
            round_trips_ms.setdefault(key, (time.monotonic() - sent_s[key]) * 1000)
        if len(round_trips_ms) == ECHO_PACKETS:
            complete.set()

    near.on_payload = back
    for _ in range(ECHO_PACKETS):
        payload = os.urandom(ECHO_BYTES)
        sent_s[payload[:8]] = time.monotonic()
        near.send_on_channel(payload)
        await asyncio.sleep(ECHO_SPACING_S)
    await happens_within(ECHO_WAIT_S, complete.wait())
    return list(round_trips_ms.values())
