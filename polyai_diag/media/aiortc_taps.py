"""The one room that touches the private parts of aiortc and aioice.

Each function leans on a private attribute; tests/unit/test_aiortc_taps.py fails when one is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

import aioice.ice
import aioice.stun
from aiortc.rtcdtlstransport import X509_DIGEST_ALGORITHMS, certificate_digest

from polyai_diag.redact import LogFilter

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator, Sequence

    from aiortc import RTCPeerConnection, RTCRtpReceiver
    from aiortc.rtcdtlstransport import RTCDtlsTransport
    from aiortc.rtp import RtpPacket

    from polyai_diag.target import IceServer

CLOSE_S = 2.5
_TURN = {"udp": "udp", "tcp": "tcp", "tls": "tcp"}
"""What aioice calls the ways to a TURN server; it speaks no DTLS."""

_host_addresses: ContextVar[tuple[str, ...] | None] = ContextVar("host_addresses", default=None)
_all_host_addresses = aioice.ice.get_host_addresses


def _get_host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    chosen = _host_addresses.get()
    if chosen is None:
        return _all_host_addresses(use_ipv4, use_ipv6)
    return [a for a in chosen if (use_ipv6 if ":" in a else use_ipv4)]


aioice.ice.get_host_addresses = _get_host_addresses
logging.getLogger("aiortc.rtcpeerconnection").addFilter(LogFilter())  # it logs descriptions


@contextlib.contextmanager
def host_candidates_from(addresses: Sequence[str] | None) -> Iterator[None]:
    """Gather host candidates from these addresses alone; None leaves aioice's choice.

    aioice leaves loopback out; a call to this very machine needs it.
    """
    token = _host_addresses.set(None if addresses is None else tuple(addresses))
    try:
        yield
    finally:
        _host_addresses.reset(token)


class RtpArrival(NamedTuple):
    """One RTP packet as it came off the wire, before any jitter buffer."""

    arrival_s: float  # time.monotonic()
    sequence_number: int
    timestamp: int  # RTP clock, 48 kHz for Opus
    payload_type: int
    ssrc: int
    payload: bytes


def tap_rtp(receiver: RTCRtpReceiver, on_packet: Callable[[RtpArrival], None]) -> None:
    """Hand every RTP packet of a receiver to `on_packet` before aiortc handles it."""
    handle = receiver._handle_rtp_packet

    async def tapped(packet: RtpPacket, arrival_time_ms: int) -> None:
        on_packet(
            RtpArrival(
                time.monotonic(),
                packet.sequence_number,
                packet.timestamp,
                packet.payload_type,
                packet.ssrc,
                packet.payload,
            )
        )
        await handle(packet, arrival_time_ms)

    receiver._handle_rtp_packet = tapped  # type: ignore[method-assign]


class _NoFrames:
    """Stands where aiortc's jitter buffer was."""

    def add(self, _: RtpPacket) -> tuple[bool, None]:
        return False, None


def spare_decoding(receiver: RTCRtpReceiver) -> None:
    """Let a receiver keep its statistics alone: it puts no frames together and decodes none.

    That is a quarter of what a call costs, and nobody hears it. Its track gives nothing then.
    """
    receiver._RTCRtpReceiver__jitter_buffer = _NoFrames()  # type: ignore[attr-defined]


def dtls_transport(pc: RTCPeerConnection) -> RTCDtlsTransport:
    """Return the transport of the first transceiver: with BUNDLE, the only one."""
    return pc.getTransceivers()[0].sender.transport


def ice_connection(pc: RTCPeerConnection) -> aioice.ice.Connection:
    """Return aioice's connection beneath it."""
    return dtls_transport(pc).transport._connection


def use_ice_servers(pc: RTCPeerConnection, servers: Iterable[IceServer]) -> None:
    """Gather from the first STUN and the first TURN URL of these, as aiortc does.

    Its own reading of the URLs takes no IPv6 address (RFC 3986 §3.2.2). Call it before gathering.
    """
    connection = ice_connection(pc)
    urls = [(url, server) for server in servers for url in server.parsed]
    stun = next((url for url, _ in urls if url.scheme == "stun"), None)
    turn = next((pair for pair in urls if pair[0].is_turn and pair[0].transport in _TURN), None)
    if stun:
        connection.stun_server = (stun.host, stun.port)
    if turn:
        url, server = turn
        connection.turn_server = (url.host, url.port)
        connection.turn_ssl = url.transport == "tls"
        connection.turn_transport = _TURN[url.transport]
        connection.turn_username = server.username
        connection.turn_password = server.credential.reveal() if server.credential else None


def trust_turn_server(pc: RTCPeerConnection, context: ssl.SSLContext) -> None:
    """Check the TURN server's certificate with `context`, where it is reached over TLS."""
    connection = ice_connection(pc)
    if connection.turn_ssl:
        connection.turn_ssl = context  # type: ignore[assignment]


class PairFacts(NamedTuple):
    """A candidate pair and how its check ended."""

    local_type: str
    local_address: str
    remote_type: str
    remote_address: str
    state: str  # frozen, waiting, in_progress, succeeded, failed
    nominated: bool


def candidate_pairs(pc: RTCPeerConnection) -> list[PairFacts]:
    """All candidate pairs of the check list, in order of priority."""
    connection = ice_connection(pc)
    nominated = connection._nominated.get(1)
    return [pair_facts(pair, nominated=pair is nominated) for pair in connection._check_list]


def nominated_pair(pc: RTCPeerConnection) -> PairFacts | None:
    """Return the pair that carries the media, None while there is none."""
    pair = ice_connection(pc)._nominated.get(1)
    return pair_facts(pair, nominated=True) if pair else None


def _endpoint(candidate: aioice.Candidate) -> str:
    host = f"[{candidate.host}]" if ":" in candidate.host else candidate.host
    return f"{host}:{candidate.port}"


def pair_facts(pair: aioice.ice.CandidatePair, *, nominated: bool = False) -> PairFacts:
    """Say which candidates a pair is made of, and how its check stands."""
    local, remote = pair.local_candidate, pair.remote_candidate
    return PairFacts(
        local_type=local.type,
        local_address=_endpoint(local),
        remote_type=remote.type,
        remote_address=_endpoint(remote),
        state=pair.state.name.lower(),
        nominated=nominated,
    )


def relay_transport(pc: RTCPeerConnection) -> str | None:
    """Return how the TURN server is reached (udp, tcp, tls), None where the pair is no relay."""
    connection = ice_connection(pc)
    pair = connection._nominated.get(1)
    if pair is None or pair.local_candidate.type != "relay":
        return None
    return "tls" if connection.turn_ssl else connection.turn_transport


def direct_pairs(pc: RTCPeerConnection) -> list[aioice.ice.CandidatePair]:
    """Return the pairs that go past the TURN server, checked or not."""
    connection = ice_connection(pc)
    return [
        aioice.ice.CandidatePair(protocol, remote)
        for protocol in connection._protocols
        for remote in connection.remote_candidates
        if protocol.local_candidate.type != "relay"
        and remote.type != "prflx"
        and protocol.local_candidate.can_pair_with(remote)
    ]


async def check_pair(
    pc: RTCPeerConnection, pair: aioice.ice.CandidatePair | None = None, *, resends: int = 6
) -> float:
    """Send a binding request over a pair, the nominated one where none is named.

    It is sent again after 0.5 s, 1 s more, 2 s more, as often as `resends` says. Returns the
    round trip in seconds. Raises ConnectionError when there is no pair or no answer (RFC 7675
    consent fails so).
    """
    connection = ice_connection(pc)
    pair = pair or connection._nominated.get(1)
    if pair is None or connection.remote_password is None:
        raise ConnectionError("no nominated pair")
    request = connection.build_request(pair, nominate=False)
    key = connection.remote_password.encode()
    started_s = time.monotonic()
    try:
        await pair.protocol.request(
            request, pair.remote_addr, integrity_key=key, retransmissions=resends
        )
    except aioice.stun.TransactionError as exc:
        raise ConnectionError(str(exc)) from None
    return time.monotonic() - started_s


def peer_fingerprint(pc: RTCPeerConnection, algorithm: str = "sha-256") -> str | None:
    """Return the fingerprint of the certificate that the peer showed, by a hash of RFC 8122 §5.

    None before the handshake, and for a hash that aiortc does not know.
    """
    connection = dtls_transport(pc)._ssl
    certificate = connection.get_peer_certificate(as_cryptography=True) if connection else None
    known = algorithm in X509_DIGEST_ALGORITHMS
    return certificate_digest(certificate, algorithm) if certificate and known else None


async def close_fully(pc: RTCPeerConnection) -> None:
    """Close a connection and what it leaves running: a task that still tries to connect.

    Bounded: to a TURN server that is gone, giving the relayed address back is tried for 40 s.
    """
    owners = list(_parts(pc))
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await pc.close()
    finally:
        left = [task for task in asyncio.all_tasks() if _runs_method_of(task, owners)]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _parts(pc: RTCPeerConnection) -> Iterator[object]:
    """Yield what runs tasks for a connection: itself, senders and receivers, ICE, relayed sockets.

    A connection that is closed while it still connects starts a sender, and checks of consent,
    that nobody stops.
    """
    yield pc
    for transceiver in pc.getTransceivers():
        yield transceiver.sender
        yield transceiver.receiver
    if pc.getTransceivers():
        yield dtls_transport(pc).transport
        yield ice_connection(pc)
        for protocol in ice_connection(pc)._protocols:
            yield protocol.transport


def _runs_method_of(task: asyncio.Task[Any], owners: Sequence[object]) -> bool:
    frame = getattr(task.get_coro(), "cr_frame", None)
    owner = frame.f_locals.get("self") if frame is not None else None
    return owner is not None and any(owner is part for part in owners)


Address = tuple[str, int]


Allowed = Callable[[bytes, Address, bool], bool]


def filter_datagrams(pc: RTCPeerConnection, allow: Allowed) -> None:
    """Swallow the datagrams, sent to and come from a peer, that `allow(data, peer, sent)` refuses.

    For the sandbox alone: it plays the network that drops them. Call it after gathering.
    """
    for protocol in ice_connection(pc)._protocols:
        _filter_protocol(protocol, allow)


def _filter_protocol(protocol: Any, allow: Allowed) -> None:
    receive, send = protocol.datagram_received, protocol.transport.sendto

    def received(data: bytes, addr: Address) -> None:
        if allow(data, (addr[0], addr[1]), False):
            receive(data, addr)

    def sent(data: bytes, addr: Address) -> None:
        if allow(data, (addr[0], addr[1]), True):
            send(data, addr)

    protocol.datagram_received = received
    protocol.transport = _Transport(protocol.transport, sent)


def hold_datagrams(pc: RTCPeerConnection, holds_s: Callable[[bytes, bool], float | None]) -> None:
    """Hold each datagram back for `holds_s(data, sent)` seconds; None swallows it.

    For the sandbox alone: it plays the network that loses and delays. Call it after gathering.
    """
    for protocol in ice_connection(pc)._protocols:
        _hold_back(protocol, holds_s)


def _hold_back(protocol: Any, holds_s: Callable[[bytes, bool], float | None]) -> None:
    receive, transport = protocol.datagram_received, protocol.transport
    loop = asyncio.get_running_loop()

    def on_its_way(way: Callable[[bytes, Address], None], sent: bool) -> Any:
        def arrives(data: bytes, addr: Address) -> None:
            if not transport.is_closing():
                way(data, addr)

        def leaves(data: bytes, addr: Address) -> None:
            held_s = holds_s(data, sent)
            if held_s:
                loop.call_later(held_s, arrives, data, addr)
            elif held_s is not None:
                way(data, addr)

        return leaves

    protocol.datagram_received = on_its_way(receive, sent=False)
    protocol.transport = _Transport(transport, on_its_way(transport.sendto, sent=True))


class _Transport:
    """A datagram transport whose `sendto` is another; asyncio's own has slots."""

    def __init__(self, inner: Any, sendto: Callable[[bytes, Address], None]) -> None:
        self._inner = inner
        self.sendto = sendto

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
