"""STUN transactions over UDP, TCP and TLS: what the STUN and the TURN probe share."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple

from polyai_diag import stun_message
from polyai_diag.failures import Failure, classify_stun
from polyai_diag.stun_message import Class, Message, StreamSplitter, StunMalformed

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Sequence

    from polyai_diag.probes.trace import Known

RETRANSMIT_S = (0.0, 0.2, 0.5, 1.0, 1.6, 2.4)
"""When a request over UDP goes out again: denser than RFC 8489 §6.2.1, which takes 39.5 s."""

Address = tuple[str, int]


class StunRefused(Exception):  # noqa: N818 - an error response is an answer, not an error of ours
    """The server answered with an error response."""

    def __init__(self, reply: Message) -> None:
        code, reason = reply.attributes["ERROR-CODE"]
        super().__init__(f"{code} {reason}".strip())
        self.code: int = code
        self.reply = reply


KNOWN: Known = {
    StunRefused: lambda exc: classify_stun(exc.code),
    StunMalformed: lambda _: Failure.STUN_MALFORMED,
}


class Reply(NamedTuple):
    """An answer, how long it took from the first sending, and from whom it came."""

    message: Message
    round_trip_ms: float
    source: Address


class Arrival(NamedTuple):
    """A response, from whom and when (monotonic) it came."""

    message: Message
    source: Address
    at_s: float


class _Waiting(NamedTuple):
    answer: asyncio.Future[Arrival]
    only_from: Address | None


class StunTransport:
    """Sends requests to one server and hands each answer to who asked for it.

    Whatever else arrives (ChannelData, indications, requests) goes to `on_other`. Answers that
    nobody can use are dropped and counted in `malformed`: not STUN, an unknown transaction, an
    attribute that would have to be understood (RFC 8489 §6.3.3), another source than was asked.
    What comes to a connected socket from elsewhere the system itself drops, unseen.
    """

    def __init__(self, *, reliable: bool) -> None:
        self.on_other: Callable[[bytes], None] | None = None
        self.local_address: Address | None = None
        self.malformed = 0
        self._reliable = reliable
        self._waiting: dict[bytes, _Waiting] = {}
        self._asked: set[bytes] = set()  # an answer that comes twice, or too late, is no lie
        self._send: Callable[[bytes, Address | None], None] = _not_open
        self._close: Callable[[], None] = lambda: None
        self.broken: Exception | None = None

    async def ask(
        self,
        request: Message,
        *,
        timeout_s: float,
        to: Address | None = None,
        once: bool = False,
        from_anywhere: bool = False,
    ) -> Reply:
        """Send a request, over UDP repeatedly unless `once`, and wait for its success response.

        An answer counts only if it comes from where was asked, unless `from_anywhere`.
        Raises StunRefused for an error response, StunMalformed for bytes that are no STUN on a
        stream, TimeoutError, OSError.
        """
        started_s = time.monotonic()
        only_from = None if from_anywhere else to
        resending = self._send_repeatedly(bytes(request), to, once=once)
        try:
            arrival = await self.expect(request, timeout_s=timeout_s, only_from=only_from)
        finally:
            resending.cancel()
        if arrival.message.message_class is Class.ERROR:
            raise StunRefused(arrival.message)
        return Reply(arrival.message, (arrival.at_s - started_s) * 1000, arrival.source)

    async def expect(
        self, request: Message, *, timeout_s: float, only_from: Address | None = None
    ) -> Arrival:
        """Wait for the answer to a request, whoever sends it. Raises as `ask` does."""
        if self.broken is not None:
            raise self.broken
        answer: asyncio.Future[Arrival] = asyncio.get_running_loop().create_future()
        self._waiting[request.transaction_id] = _Waiting(answer, only_from)
        self._asked.add(request.transaction_id)
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        finally:
            del self._waiting[request.transaction_id]

    def send(self, data: bytes, to: Address | None = None) -> None:
        """Send bytes that want no answer: ChannelData, an indication."""
        self._send(data, to)

    def close(self) -> None:
        """Close the socket."""
        self._close()

    def _send_repeatedly(
        self, data: bytes, to: Address | None, *, once: bool
    ) -> asyncio.Task[None]:
        """Send at once, and over UDP again while nobody cancels the task that is returned."""
        self._try_to_send(data, to)
        again_s = () if once or self._reliable else RETRANSMIT_S[1:]
        return asyncio.create_task(self._send_again(data, to, again_s))

    async def _send_again(self, data: bytes, to: Address | None, times_s: Sequence[float]) -> None:
        previous_s = 0.0
        for at_s in times_s:
            await asyncio.sleep(at_s - previous_s)
            previous_s = at_s
            self._try_to_send(data, to)

    def _try_to_send(self, data: bytes, to: Address | None) -> None:
        with contextlib.suppress(OSError):
            self._send(data, to)

    def received(self, data: bytes, source: Address) -> None:
        """Take one message; what is malformed over UDP is anyone's, and dropped."""
        if stun_message.is_channel_data(data):
            self._other(data)
            return
        try:
            message = stun_message.parse(data)
            not_understood = stun_message.unknown_required(data)
        except StunMalformed:
            self.malformed += 1
            return
        if message.message_class not in (Class.RESPONSE, Class.ERROR):
            self._other(data)
        elif not_understood:
            self.malformed += 1
        else:
            self._answered(Arrival(message, source, time.monotonic()))

    def _answered(self, arrival: Arrival) -> None:
        waiting = self._waiting.get(arrival.message.transaction_id)
        if waiting is None:
            self.malformed += arrival.message.transaction_id not in self._asked
        elif waiting.only_from and not _same(waiting.only_from, arrival.source):
            self.malformed += 1
        elif not waiting.answer.done():
            waiting.answer.set_result(arrival)

    def broke(self, exc: Exception) -> None:
        """Let everyone who waits know that no answer will come."""
        self.broken = exc
        for answer, _ in self._waiting.values():
            if not answer.done():
                answer.set_exception(exc)

    def opened(
        self,
        send: Callable[[bytes, Address | None], None],
        close: Callable[[], None],
        local_address: Address,
    ) -> None:
        """Take the socket over."""
        self._send, self._close, self.local_address = send, close, local_address

    def _other(self, data: bytes) -> None:
        if self.on_other is not None:
            self.on_other(data)
        else:
            self.malformed += 1


def _same(one: Address, other: Address) -> bool:
    """Whether two addresses are one, however they are written."""
    return one[1] == other[1] and ip_address(one[0]) == ip_address(other[0])


def _not_open(_data: bytes, _to: Address | None) -> None:
    raise OSError("the transport is not open")


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, owner: StunTransport, *, connected: bool) -> None:
        self._owner = owner
        self._connected = connected
        self._refusals = 0

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._owner.received(data, (addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        # One ICMP error may be stray or forged; the second to our own requests is early evidence.
        # Without one server of its own the socket cannot tell whose error it is.
        self._refusals += 1
        if self._connected and self._refusals >= 2:
            self._owner.broke(exc)


class _Stream(asyncio.Protocol):
    def __init__(self, owner: StunTransport, server: Address) -> None:
        self._owner = owner
        self._server = server
        self._splitter = StreamSplitter()
        self._begun = False

    def data_received(self, data: bytes) -> None:
        try:
            self._begin(data)
            for message in self._splitter.feed(data):
                self._owner.received(message, self._server)
        except StunMalformed as exc:
            self._owner.broke(exc)

    def _begin(self, data: bytes) -> None:
        """Look at the first byte: text (HTTP, SSH) would pass for ChannelData of many bytes."""
        if not self._begun and data[0] > 3:  # RFC 7983 §7: STUN begins with 0 to 3
            said = data[:40].split(b"\r")[0].decode("ascii", "backslashreplace")
            raise StunMalformed(f"not STUN: it begins with {said!r}")
        self._begun = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.broke(exc or ConnectionResetError("the server closed the connection"))


@contextlib.asynccontextmanager
async def open_udp(
    server: Address | None = None, *, local_host: str | None = None
) -> AsyncIterator[StunTransport]:
    """Open a UDP socket, connected to `server` where one is given: ICMP errors then reach us."""
    loop = asyncio.get_running_loop()
    owner = StunTransport(reliable=False)
    local = (local_host, 0) if local_host else None
    family = socket.AF_UNSPEC if server or local else socket.AF_INET
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Udp(owner, connected=server is not None),
        local_addr=local,
        remote_addr=server,
        family=family,
    )
    owner.opened(transport.sendto, transport.close, transport.get_extra_info("sockname")[:2])
    try:
        yield owner
    finally:
        owner.close()


def any_local(server: Address) -> str:
    """Bind where the answer can come from both of a loopback server's addresses."""
    return "::" if ":" in server[0] else "0.0.0.0"  # noqa: S104 - a probe's own socket, for a second


async def stream_over(
    sock: socket.socket, host: str, port: int, tls: ssl.SSLContext | None = None
) -> tuple[StunTransport, ssl.SSLObject | None]:
    """Speak STUN over a connected socket, inside TLS where a context is given.

    The socket is taken over, and closed when this fails. Raises OSError (ssl.SSLError); the
    caller sets the limit.
    """
    owner = StunTransport(reliable=True)
    try:
        transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: _Stream(owner, (host, port)),
            sock=sock,
            ssl=tls,
            server_hostname=host if tls else None,
        )
    except BaseException:
        sock.close()
        raise
    return _opened(owner, transport), transport.get_extra_info("ssl_object")


def _opened(owner: StunTransport, transport: asyncio.Transport) -> StunTransport:
    def send(data: bytes, _to: Address | None) -> None:
        if transport.is_closing():
            raise ConnectionResetError("the server closed the connection")
        transport.write(data)

    owner.opened(send, transport.abort, transport.get_extra_info("sockname")[:2])
    return owner


def mapped_address(reply: Message) -> Address:
    """Return the reflexive address that a Binding response carries. Raises StunMalformed."""
    attributes = reply.attributes
    address = attributes.get("XOR-MAPPED-ADDRESS") or attributes.get("MAPPED-ADDRESS")
    if address is None:
        raise StunMalformed("a Binding response without a mapped address")
    mapped: Address = address
    return mapped


def shown(address: Address) -> str:
    """Write an address as `host:port`, IPv6 in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
