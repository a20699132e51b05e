"""How large a packet may be on the way: what is larger vanishes, and nobody says so.

A way may be narrow, as long as its routers say "too big" (RFC 1191, RFC 8201). Where a firewall
drops that word, small packets pass and large ones are lost: connected, and then nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyai_diag import stun_message
from polyai_diag.failures import Failure
from polyai_diag.probes.waiting import happens_within
from polyai_diag.stun_message import Class, Method, StunMalformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyai_diag.probes.net import Address
    from polyai_diag.probes.route import Route
    from polyai_diag.probes.trace import Trace

UDP_BYTES = (100, 1200, 1400, 1472)
"""Payloads: a control, what DTLS and RTP need, and what fills 1,500 bytes over IPv4."""
SENT_AT_S = (0.0, 0.1, 0.25, 0.5, 0.8, 1.2)
LAST_ANSWER_S = 0.7
SMALL_SEGMENT_BYTES = 536
"""What every IPv4 host takes (RFC 9293 §3.7.1)."""
TCP_HEADERS_BYTES = 40
EXCHANGE_S = 2.0
CONNECT_S = 0.8
PASSED = "passed"
PADDING_BYTES = 2000

_HEADER_BYTES = 24  # a STUN header, and that of FILLING
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _PMTUDISC_DO = 10, 23, 2  # linux/in.h, linux/in6.h


# --- UDP --------------------------------------------------------------------------------------


async def probe_udp_mtu(server: Address, trace: Trace) -> None:
    """Send Bindings filled to several sizes, whole, to a STUN server that answers.

    Not by PADDING (RFC 5780 §7.6): its answer is large, and its loss would not tell which was too
    large. Any answer, a refusal too, shows that the packet arrived. Measured on Linux alone:
    elsewhere nothing keeps the system from cutting packets up.
    """
    with trace.observe("mtu_probe", str(server), leg="udp") as seen:
        if sys.platform != "linux":
            seen.note(detail="not measured: this system cuts large packets up")
            return
        with contextlib.closing(_unfragmented(server)) as sock:
            sizes = await _Sizes(sock).measured()
        seen.note(**sizes)
        if "control_lost" in sizes:
            seen.note(detail="not measured: the server does not answer filled requests")
        elif "failing_bytes" in sizes:
            said = f"{sizes['failing_bytes']} bytes vanish, {sizes['largest_bytes']} pass"
            seen.fail(Failure.GENERIC_TIMEOUT, said)


def _unfragmented(server: Address) -> socket.socket:
    """Open a UDP socket that never lets a packet be cut up."""
    sock = socket.socket(server.family, socket.SOCK_DGRAM)
    sock.setblocking(False)
    level, option = (
        (socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER)
        if server.family == socket.AF_INET6
        else (socket.IPPROTO_IP, _IP_MTU_DISCOVER)
    )
    try:
        sock.setsockopt(level, option, _PMTUDISC_DO)
        sock.connect((server.host, server.port))
    except BaseException:
        sock.close()
        raise
    return sock


class _Sizes:
    """Requests of each size on one socket, and which of them were answered."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._size_of: dict[bytes, int] = {}
        self._answered: set[int] = set()
        self._too_big: set[int] = set()  # the system, or a router, says so

    async def measured(self) -> dict[str, int | bool]:
        """Return `largest_bytes` that pass, and `failing_bytes`: the least that vanish."""
        sending = asyncio.create_task(self._send())
        try:
            await happens_within(SENT_AT_S[-1] + LAST_ANSWER_S, self._read())
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        if UDP_BYTES[0] not in self._answered:
            return {"control_lost": True}
        # What is smaller than a size that passed was lost by chance.
        vanished = [s for s in self._open if s > max(self._answered)]
        told = {"too_big_bytes": min(self._too_big)} if self._too_big else {}
        failing = {"failing_bytes": min(vanished)} if vanished else {}
        return {"largest_bytes": max(self._answered), **failing, **told}

    async def _send(self) -> None:
        before_s = 0.0
        for at_s in SENT_AT_S:
            await asyncio.sleep(at_s - before_s)
            before_s = at_s
            for size in self._open:
                self._send_one(size)

    @property
    def _open(self) -> Sequence[int]:
        return [s for s in UDP_BYTES if s not in self._answered | self._too_big]

    def _send_one(self, size: int) -> None:
        request = stun_message.request(Method.BINDING, {"FILLING": bytes(size - _HEADER_BYTES)})
        self._size_of[request.transaction_id] = size
        if not self._fits(bytes(request)) and not self._fits(bytes(request)):
            self._too_big.add(size)

    def _fits(self, data: bytes) -> bool:
        """Send; False where it is too big. Once, that may be an ICMP error about another size."""
        try:
            self._sock.send(data)
        except OSError as exc:
            return exc.errno != errno.EMSGSIZE
        return True

    async def _read(self) -> None:
        """Take answers until every size has one, or is known to be too big."""
        loop = asyncio.get_running_loop()
        while self._open:
            with contextlib.suppress(OSError, StunMalformed):  # ICMP errors come out here
                message = stun_message.parse(await loop.sock_recv(self._sock, 4096))
                size = self._size_of.get(message.transaction_id)
                if size is not None and message.message_class in (Class.RESPONSE, Class.ERROR):
                    self._answered.add(size)


# --- TCP --------------------------------------------------------------------------------------


async def probe_signaling_mtu(route: Route, trace: Trace) -> None:
    """See whether small segments pass where larger ones stall, on the way to the gateway.

    For a connection that stalled after TCP was up. Twice at once TLS and a request of 2 KB: with
    the segments that TCP agrees on, and with segments of 536 bytes.
    """
    with trace.observe("mtu_probe", f"{route.host}:{route.port}", leg="signaling") as seen:
        if route.proxy is not None or sys.platform not in ("linux", "darwin"):
            seen.note(detail="not measured: through a proxy, or on this system, it cannot be")
            return
        usual, small = _Exchange(route, None), _Exchange(route, SMALL_SEGMENT_BYTES)
        await asyncio.gather(usual.run(), small.run())
        seen.note(usual=usual.reached, small=small.reached)
        passing = next((one for one in (usual, small) if one.reached == PASSED), None)
        if passing is not None:
            seen.note(largest_bytes=passing.packet_bytes)
        if passing is small:
            seen.note(failing_bytes=usual.packet_bytes)
            said = f"{usual.reached} stalls in packets of {usual.packet_bytes} bytes"
            seen.fail(Failure.GENERIC_TIMEOUT, f"{said}, and passes in {small.packet_bytes}")
        elif passing is None:
            seen.fail(Failure.GENERIC_TIMEOUT, "it stalls in small packets as well, or sooner")


@dataclass
class _Exchange:
    """TLS and a request of 2 KB on a connection of its own, and how far it came."""

    route: Route
    segment_bytes: int | None  # None leaves it to TCP
    reached: str = "TCP"  # … TLS, HTTP: where it stands; PASSED
    packet_bytes: int = 0

    async def run(self) -> None:
        """Go as far as it goes, for 2 s."""
        with contextlib.suppress(OSError):
            async with asyncio.timeout(EXCHANGE_S):
                sock = await self._connected()
                await self._speak(sock)

    async def _connected(self) -> socket.socket:
        for address in self.route.addresses[:-1]:
            with contextlib.suppress(OSError):
                return await self._connect(address)
        return await self._connect(self.route.addresses[-1])

    async def _connect(self, address: Address) -> socket.socket:
        sock = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            if self.segment_bytes is not None:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, self.segment_bytes)
            async with asyncio.timeout(CONNECT_S):
                await asyncio.get_running_loop().sock_connect(sock, (address.host, address.port))
        except BaseException:
            sock.close()
            raise
        agreed = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        self.packet_bytes = agreed + TCP_HEADERS_BYTES
        return sock

    async def _speak(self, sock: socket.socket) -> None:
        tls = self.route.tls
        self.reached = "TLS" if tls else "HTTP"
        try:
            reader, writer = await asyncio.open_connection(
                sock=sock, ssl=tls, server_hostname=self.route.host if tls else None
            )
        except ssl.SSLError:
            self.reached = PASSED  # whatever it finds fault with, its packets have come
            raise
        except BaseException:
            sock.close()
            raise
        try:
            self.reached = "HTTP"
            writer.write(self._request())
            if await reader.read(1):
                self.reached = PASSED
        finally:
            writer.transport.abort()

    def _request(self) -> bytes:
        padding = "0" * PADDING_BYTES
        head = f"GET /health HTTP/1.1\r\nHost: {self.route.host}\r\nX-Padding: {padding}\r\n"
        return f"{head}Connection: close\r\n\r\n".encode()
