"""One relayed address on one TURN server: asked for, used and given back (RFC 8656)."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from typing import TYPE_CHECKING, Any

from polyai_diag import stun_message
from polyai_diag.failures import Failure
from polyai_diag.probes.stun_transport import Address, Reply, StunRefused, StunTransport, shown
from polyai_diag.stun_message import TRANSPORT_UDP, Message, Method, StunMalformed

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag.probes.trace import Seen
    from polyai_diag.target import IceServer

REQUEST_TIMEOUT_S = 2.8
RELEASE_TIMEOUT_S = 1.0
GRANTED_WITHIN_S = (0.05, 0.2)
LIFETIME_S = 60  # short: what a crash leaves behind is gone in a minute
CHANNEL = 0x4000
FREED_AFTER_S = 1.5
"""How long a server may count an allocation that was given back: coturn does up to a second."""


class Holdings:
    """What our own probes hold on one server: a quota that we filled ourselves is no fault."""

    def __init__(self) -> None:
        self._held = 0
        self._given_back_s = -math.inf
        self.refused = False  # its quota or its ports did not do for all that we asked for
        self.only_one = False  # it was seen to grant one at a time, with nothing else of ours held

    def take(self) -> None:
        """Count one that is asked for."""
        self._held += 1

    def give_back(self, *, granted: bool) -> None:
        """Count it no more: it was refused, or released after it was granted."""
        self._held -= 1
        if granted:
            self._given_back_s = time.monotonic()

    @property
    def counted(self) -> bool:
        """Whether the server may still count something of ours."""
        return self._held > 0 or self.lingering

    @property
    def lingering(self) -> bool:
        """Whether it may still count what was given back."""
        return time.monotonic() - self._given_back_s < FREED_AFTER_S


class Allocation:
    """A relayed address on one server, over one transport."""

    def __init__(self, transport: StunTransport, server: IceServer, holdings: Holdings) -> None:
        self._transport = transport
        self._username = server.username
        self._credential = server.credential
        self._holdings = holdings
        self._realm = ""
        self._nonce = b""
        self._key: bytes | None = None
        self._may_hold = False  # the server may have allocated, whatever we have heard
        self._family: int | None = None  # asked for only where the server has no IPv4 to give
        self.relayed_address: Address | None = None
        self.on_payload: Callable[[bytes], None] = lambda _: None
        transport.on_other = self._take

    async def challenge(self, seen: Seen) -> None:
        """Ask unsigned: a server that wants credentials says 401 with realm and nonce."""
        try:
            await self._allocate()
        except StunRefused as exc:
            if exc.code != 401 or not self._learn(exc.reply):
                raise
            seen.note(realm=self._realm)
            return
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
            await self._allocate()
        seen.note(relayed_address=shown(self.relayed_address or ("", 0)))

    async def refresh(self, seen: Seen) -> None:
        """Ask for more time (RFC 8656 §8): what keeps a call alive after the first minutes."""
        reply = await self.ask(Method.REFRESH, {"LIFETIME": LIFETIME_S})
        seen.note(lifetime_s=reply.message.attributes.get("LIFETIME"))

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
        if not self._may_hold and self.relayed_address is None:
            return
        try:
            with contextlib.suppress(OSError, StunRefused, StunMalformed):
                async with asyncio.timeout(RELEASE_TIMEOUT_S):
                    await self._let_go()
        finally:
            self._uncount(granted=True)

    async def _let_go(self) -> None:
        """Refresh to no time left; cut off in asking, the server may still be about to grant."""
        about_to_be_granted_s = () if self.relayed_address else GRANTED_WITHIN_S
        for pause_s in about_to_be_granted_s:
            try:
                await self.ask(Method.REFRESH, {"LIFETIME": 0})
            except StunRefused as exc:
                if exc.code != 437:
                    raise
                await asyncio.sleep(pause_s)
            else:
                return
        await self.ask(Method.REFRESH, {"LIFETIME": 0})

    async def _allocate(self) -> None:
        self._count()
        try:
            reply = await self._ask_for_address()
        except StunRefused:
            self._uncount(granted=False)
            raise
        address: Address | None = reply.message.attributes.get("XOR-RELAYED-ADDRESS")
        if address is None or address[1] == 0:
            raise StunMalformed("an Allocate response without a relayed address")
        self.relayed_address = address

    async def _ask_for_address(self) -> Reply:
        """Ask for an IPv4 address; for IPv6 where the server has no other (440)."""
        try:
            return await self.ask(Method.ALLOCATE, self._wanted())
        except StunRefused as exc:
            if exc.code != 440:
                raise
        self._family = stun_message.FAMILY_IPV6
        return await self.ask(Method.ALLOCATE, self._wanted())

    def _count(self) -> None:
        # Unsigned it is commonly refused, and who never answers that holds nothing for us.
        if self._key is not None:
            self._may_hold = True
            self._holdings.take()

    def _uncount(self, *, granted: bool) -> None:
        if self._may_hold:
            self._may_hold = False
            self._holdings.give_back(granted=granted)

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

    def _wanted(self) -> dict[str, Any]:
        wanted = {"REQUESTED-TRANSPORT": TRANSPORT_UDP, "LIFETIME": LIFETIME_S}
        family = {} if self._family is None else {"REQUESTED-ADDRESS-FAMILY": self._family}
        return wanted | family
