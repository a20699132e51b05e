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

from polyai_diag import stun_message
from polyai_diag.failures import Failure
from polyai_diag.probes import net
from polyai_diag.probes.stun_transport import (
    KNOWN,
    Address,
    Reply,
    StunRefused,
    StunTransport,
    open_stream,
    open_udp,
    shown,
)
from polyai_diag.probes.waiting import happens_within
from polyai_diag.stun_message import TRANSPORT_UDP, Message, Method, StunMalformed

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

    from polyai_diag.model import IceServer, IceUrl
    from polyai_diag.probes.trace import Seen, Trace

REQUEST_TIMEOUT_S = 3.0
RELEASE_TIMEOUT_S = 1.0
LIFETIME_S = 60  # short: what a crash leaves behind is gone in a minute
CHANNEL = 0x4000
ECHO_PACKETS = 20
ECHO_SPACING_S = 0.02
ECHO_BYTES = 80  # about an Opus packet of speech
ECHO_WAIT_S = 1.0


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


class Allocation:
    """A relayed address on one server, over one transport."""

    def __init__(self, transport: StunTransport, server: IceServer) -> None:
        self._transport = transport
        self._username = server.username
        self._credential = server.credential
        self._realm = ""
        self._nonce = b""
        self._key: bytes | None = None
        self.relayed_address: Address | None = None
        self.on_payload: Callable[[bytes], None] = lambda _: None
        transport.on_other = self._take

    async def challenge(self, seen: Seen) -> None:
        """Ask unsigned: a server that wants credentials says 401 with realm and nonce."""
        request = stun_message.request(Method.ALLOCATE, self._wanted())
        try:
            reply = await self._transport.ask(request, timeout_s=REQUEST_TIMEOUT_S)
        except StunRefused as exc:
            if exc.code != 401 or not self._learn(exc.reply):
                raise
            seen.note(realm=self._realm)
            return
        self._allocated(reply.message)
        seen.note(open_relay=True)

    async def allocate(self, seen: Seen) -> None:
        """Ask signed for a relayed address."""
        if self.relayed_address is None:
            if self._username is None or self._credential is None:
                seen.fail(Failure.STUN_UNAUTHORIZED, "no username or credential configured")
                return
            self._key = stun_message.long_term_key(
                self._username, self._realm, self._credential.reveal()
            )
            self._allocated((await self.ask(Method.ALLOCATE, self._wanted())).message)
        seen.note(relayed_address=shown(self.relayed_address or ("", 0)))

    async def ask(self, method: Method, attributes: dict[str, Any]) -> Reply:
        """Send a signed request; a stale nonce (438) is renewed once (RFC 8489 §9.2.5)."""
        try:
            return await self._ask(method, attributes)
        except StunRefused as exc:
            if exc.code != 438 or not self._learn(exc.reply):
                raise
        return await self._ask(method, attributes)

    async def permit(self, peer: Address) -> None:
        """Let a peer's address send to the relayed address (RFC 8656 §9)."""
        await self.ask(Method.CREATE_PERMISSION, {"XOR-PEER-ADDRESS": peer})

    async def bind_channel(self, peer: Address) -> None:
        """Bind a channel, which permits the peer too (RFC 8656 §12)."""
        await self.ask(Method.CHANNEL_BIND, {"CHANNEL-NUMBER": CHANNEL, "XOR-PEER-ADDRESS": peer})

    def send_on_channel(self, payload: bytes) -> None:
        """Send to the peer of the channel."""
        self._transport.send(stun_message.channel_data(CHANNEL, payload, padded=True))

    def send_indication(self, peer: Address, payload: bytes) -> None:
        """Send to a peer by a Send indication (RFC 8656 §11)."""
        body = {"XOR-PEER-ADDRESS": peer, "DATA": payload}
        self._transport.send(bytes(stun_message.indication(Method.SEND, body)))

    async def release(self) -> None:
        """Give the relayed address back (RFC 8656 §8); silently, as the server frees it anyway."""
        if self.relayed_address is None:
            return
        self.relayed_address = None
        with contextlib.suppress(OSError, StunRefused, StunMalformed):
            async with asyncio.timeout(RELEASE_TIMEOUT_S):
                await self.ask(Method.REFRESH, {"LIFETIME": 0})

    async def _ask(self, method: Method, attributes: dict[str, Any]) -> Reply:
        request = stun_message.request(method, attributes)
        if self._key is None:
            return await self._transport.ask(request, timeout_s=REQUEST_TIMEOUT_S)
        stun_message.sign(
            request,
            username=self._username or "",
            realm=self._realm,
            nonce=self._nonce,
            key=self._key,
        )
        reply = await self._transport.ask(request, timeout_s=REQUEST_TIMEOUT_S)
        if not reply.message.check_message_integrity(self._key):
            raise StunMalformed("the server's answer is not signed with our credential")
        return reply

    def _learn(self, reply: Message) -> bool:
        realm, nonce = (reply.attributes.get(name) for name in ("REALM", "NONCE"))
        self._realm = realm or self._realm
        self._nonce = nonce or self._nonce
        return bool(nonce and self._realm)

    def _allocated(self, reply: Message) -> None:
        self.relayed_address = reply.attributes.get("XOR-RELAYED-ADDRESS")
        if self.relayed_address is None:
            raise StunMalformed("an Allocate response without XOR-RELAYED-ADDRESS")

    def _take(self, data: bytes) -> None:
        try:
            if stun_message.is_channel_data(data):
                self.on_payload(stun_message.parse_channel_data(data)[1])
                return
            message = stun_message.parse(data)
        except StunMalformed:
            return
        if message.message_method is Method.DATA and "DATA" in message.attributes:
            self.on_payload(message.attributes["DATA"])

    @staticmethod
    def _wanted() -> dict[str, Any]:
        return {"REQUESTED-TRANSPORT": TRANSPORT_UDP, "LIFETIME": LIFETIME_S}


async def probe_turn(
    url: IceUrl, server: IceServer, context: ssl.SSLContext, trace: Trace
) -> TurnProbe:
    """Take one URL as far as it goes: to an echo between two allocations of its own.

    Both allocations are released, on cancel too.
    """
    probe = TurnProbe(url.url, url.transport)
    if url.transport == "dtls":
        probe.detail = "TURN over DTLS is not probed"
        return probe
    addresses = await net.resolve(url.host, url.port, trace)
    if not addresses:
        probe.failure = Failure.DNS_NO_ANSWER
        return probe
    await _Attempt(probe, url, server, addresses, context, trace).run()
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

    async def run(self) -> None:
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
        if not notes.get("far_end"):
            self.probe.stage = stage
        with self.trace.observe(operation, self.url.url, known=KNOWN, **notes) as seen:
            yield seen
        self._keep_failure(seen.failure, seen.notes.get("detail", ""))

    async def _allocate(
        self, stack: contextlib.AsyncExitStack, *, far_end: bool
    ) -> Allocation | None:
        if not far_end:
            self.probe.stage = "connect"
        transport = await stack.enter_async_context(self._transport())
        if transport is None:
            last = self.trace.observations[-1]
            self._keep_failure(last.failure, last.notes.get("detail", ""))
            return None
        allocation = Allocation(transport, self.server)
        stack.push_async_callback(allocation.release)
        with self._stage("challenge", "turn_challenge", far_end=far_end) as seen:
            await allocation.challenge(seen)
        if not seen.ok:
            return None
        signed = self.server.credential is not None
        notes = {"far_end": far_end, "signed": signed, "username": self.server.username}
        with self._stage("allocate", "turn_allocate", **notes) as seen:
            await allocation.allocate(seen)
        return allocation if seen.ok else None

    @contextlib.asynccontextmanager
    async def _transport(self) -> AsyncIterator[StunTransport | None]:
        if self.url.transport == "udp":
            async with open_udp((self.addresses[0].host, self.addresses[0].port)) as udp:
                yield udp
            return
        stream = await open_stream(self.url, self.addresses, self.context, self.trace)
        try:
            yield stream
        finally:
            if stream is not None:
                stream.close()

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
