"""One allocation of the sandbox's TURN server: a relay socket, its permissions and channels."""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from polyai_diag.sandbox.settings import Way
from polyai_diag.stun_message import Method, channel_data, indication

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Address = tuple[str, int]
_EVEN_PORT_ATTEMPTS = 32


@dataclass(frozen=True)
class TurnLimits:
    """What the server grants. Lifetimes are in seconds and those of RFC 8656 §3.2, §9 and §12."""

    allocation_s: float = 600
    longest_allocation_s: float = 3600
    permission_s: float = 300
    channel_s: float = 600
    nonce_s: float = 3600
    allocations: int = 256
    allocations_per_user: int = 128
    peers: int = 256  # per allocation
    connections: int = 256
    idle_s: float = 30  # how long a TCP or TLS connection may stay without an allocation


class Refused(Exception):  # noqa: N818 - an answer of the protocol, not a fault of ours
    """A request gets an error response with this code (RFC 8489 §14.8, RFC 8656 §19)."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Path(Protocol):
    """A client's way to the server and back: the 5-tuple of RFC 8656 §2.2. Hashable."""

    @property
    def client(self) -> Address:
        """The client as the server sees it: its transport address."""

    @property
    def server(self) -> Address:
        """The server's address that it reached."""

    @property
    def other(self) -> Address | None:
        """OTHER-ADDRESS of RFC 5780 §7.4, where the server has a second one."""

    @property
    def is_stream(self) -> bool:
        """Whether it is TCP or TLS, where ChannelData is padded."""

    def send(self, data: bytes) -> None:
        """Send one whole message to the client."""

    def moved(self, change: int, port: int | None) -> Path | None:
        """Return the path from the changed address (CHANGE-REQUEST) to `port` (RESPONSE-PORT).

        None where the server cannot.
        """


class Allocation(asyncio.DatagramProtocol):
    """A relayed transport address on `host`, loopback, for one client (RFC 8656 §6).

    `on_closed` is called once, however it ends.
    """

    def __init__(
        self,
        path: Path,
        username: str,
        transaction_id: bytes,
        limits: TurnLimits,
        on_closed: Callable[[Allocation], None],
        *,
        host: str,
        drops: Sequence[Way] = (),
    ) -> None:
        self.path = path
        self.username = username
        self.transaction_id = transaction_id
        self.relayed: Address | None = None
        self.lifetime_s = 0.0
        self._limits = limits
        self._on_closed = on_closed
        self._host = host
        self._drops = drops  # what is relayed this way vanishes
        self._loop = asyncio.get_running_loop()
        self._relay: asyncio.DatagramTransport | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._permitted_until: dict[str, float] = {}
        self._channels: dict[int, tuple[Address, float]] = {}
        self._closed = False

    async def open(self, *, even: bool) -> None:
        """Open the relay socket, on an even port for EVEN-PORT (RFC 8656 §18.8).

        Raises OSError when the machine has none to give.
        """
        for _ in range(_EVEN_PORT_ATTEMPTS if even else 1):
            relay, _protocol = await self._loop.create_datagram_endpoint(
                lambda: self, local_addr=(self._host, 0)
            )
            address: Address = relay.get_extra_info("sockname")[:2]
            if even and address[1] % 2:
                relay.abort()
                continue
            if self._closed:
                relay.abort()
                return
            self._relay, self.relayed = relay, address
            return
        raise OSError("no even port is free")

    def live_for(self, asked_s: float | None) -> None:
        """Set the time left (RFC 8656 §7.2): at least the default, at most the longest."""
        if self._expiry:
            self._expiry.cancel()
        longest_s = min(asked_s or 0, self._limits.longest_allocation_s)
        self.lifetime_s = max(longest_s, self._limits.allocation_s)
        self._expiry = self._loop.call_later(self.lifetime_s, self.close)

    def close(self) -> None:
        """Free the relayed address."""
        if self._closed:
            return
        self._closed = True
        if self._expiry:
            self._expiry.cancel()
        if self._relay:
            self._relay.abort()
        self._on_closed(self)

    def permit(self, hosts: set[str]) -> None:
        """Install or refresh permissions (RFC 8656 §10.2): all of them, or none.

        Raises Refused: 403 beyond loopback, 443 for the other family, 508 for too many.
        """
        for host in hosts:
            address = ipaddress.ip_address(host)
            if address.version != ipaddress.ip_address(self._host).version:
                raise Refused(443)
            if not address.is_loopback:
                raise Refused(403)
        now = self._loop.time()
        kept = {host: until for host, until in self._permitted_until.items() if until > now}
        kept.update(dict.fromkeys(hosts, now + self._limits.permission_s))
        if len(kept) > self._limits.peers:
            raise Refused(508)
        self._permitted_until = kept

    def bind(self, number: int, peer: Address) -> None:
        """Bind or refresh a channel and the permission with it (RFC 8656 §12.2).

        Raises Refused: 400 when the number or the peer is bound otherwise, and as `permit` does.
        """
        now = self._loop.time()
        kept = {known: bound for known, bound in self._channels.items() if bound[1] > now}
        others = {bound[0] for known, bound in kept.items() if known != number}
        if peer in others or (number in kept and kept[number][0] != peer):
            raise Refused(400)
        if len(others) >= self._limits.peers:
            raise Refused(508)
        self.permit({peer[0]})
        self._channels = kept | {number: (peer, now + self._limits.channel_s)}

    def send(self, payload: bytes, peer: Address) -> None:
        """Relay to a permitted peer; drop it otherwise (RFC 8656 §11.2)."""
        dropped = Way.SENT in self._drops
        if self._relay and not dropped and self._is_permitted(peer[0]):
            self._relay.sendto(payload, peer)

    def send_on_channel(self, number: int, payload: bytes) -> None:
        """Relay to the peer of a bound channel; drop it otherwise (RFC 8656 §12.6)."""
        peer, until = self._channels.get(number, (None, 0.0))
        if peer and until > self._loop.time():
            self.send(payload, peer)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Hand a permitted peer's datagram to the client (RFC 8656 §11.3, §12.7)."""
        addr = addr[:2]  # of IPv6 there is more
        if Way.RECEIVED in self._drops or not self._is_permitted(addr[0]):
            return
        now = self._loop.time()
        for number, (peer, until) in self._channels.items():
            if peer == addr and until > now:
                self.path.send(channel_data(number, data, padded=self.path.is_stream))
                return
        seen = {"XOR-PEER-ADDRESS": addr, "DATA": data}
        self.path.send(bytes(indication(Method.DATA, seen)))

    def _is_permitted(self, host: str) -> bool:
        return self._permitted_until.get(host, 0.0) > self._loop.time()
