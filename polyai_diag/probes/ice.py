"""The call itself: candidates, pairs, ICE, DTLS and RTP, with timers of our own.

aiortc's timers are too long for a verdict (63 s until `failed`); these are not.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from typing import TYPE_CHECKING

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.sdp import candidate_from_sdp

from polyai_diag.analysis.candidates import CandidateFacts, read_candidate, unreachable
from polyai_diag.analysis.sdp import parse_sdp
from polyai_diag.failures import Failure
from polyai_diag.media import aiortc_taps as taps
from polyai_diag.media.opus import silence_packet
from polyai_diag.media.packets import PacketLog
from polyai_diag.media.tracks import PacketTrack
from polyai_diag.probes.consent import Consent
from polyai_diag.probes.pairs import check_directly, pair_rows
from polyai_diag.probes.stun_transport import shown
from polyai_diag.probes.waiting import happens_within

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Sequence

    from polyai_diag.probes.trace import Known, Seen, Trace
    from polyai_diag.protocol import IceCandidate
    from polyai_diag.target import IceServer

GATHER_TIMEOUT_S = 6.0
GATHER_END_S = 1.0
ICE_TIMEOUT_S = 8.0
DTLS_TIMEOUT_S = 5.0
RTP_TIMEOUT_S = 3.0
LOSSY_TIMES = 3
"""How much longer is waited where the path loses packets.

A flight of DTLS is sent again after 1, 2, 4 and 8 s (RFC 6347 §4.2.4); until the last one has
arrived there, no audio comes from there.
"""
MAX_CANDIDATES = 100
_REJECTED: Known = {
    error: lambda _: Failure.SDP_REJECTED
    for error in (ValueError, InternalError, InvalidAccessError, InvalidStateError)
}


class Call:
    """One peer connection of ours: an Opus sender that we feed, and a tap on what arrives."""

    def __init__(self, ice_servers: Sequence[IceServer], *, relay_only: bool) -> None:
        policy = RTCIceTransportPolicy.RELAY if relay_only else RTCIceTransportPolicy.ALL
        # A list even though it is empty: None would mean a public STUN server.
        self.pc = RTCPeerConnection(RTCConfiguration([], iceTransportPolicy=policy))
        self.track = PacketTrack(silence_packet())
        self.packets = PacketLog()
        self.consent = Consent(self.pc, self.packets)
        self.pc.addTrack(self.track)
        taps.use_ice_servers(self.pc, ice_servers)
        self._changed = asyncio.Event()
        self._was_up = False  # media and its encryption
        self._adding: set[asyncio.Task[None]] = set()
        self._offered: list[str] = []  # the gateway's candidates, as it wrote them

    async def gather(
        self, trace: Trace, *, context: ssl.SSLContext, host_addresses: Sequence[str] | None
    ) -> bool:
        """Gather candidates; what came of it is in the trace."""
        with trace.observe("ice_gather", "this machine") as seen:
            taps.trust_turn_server(self.pc, context)
            with taps.host_candidates_from(host_addresses):
                gathering = asyncio.create_task(self._gather())
            try:
                async with asyncio.timeout(GATHER_TIMEOUT_S):
                    await asyncio.shield(gathering)
            finally:
                # Cut off, aioice forgets a relayed address that it is about to be given.
                await asyncio.wait([gathering], timeout=GATHER_END_S)
                gathering.cancel()
            candidates = parse_sdp(self.offer).candidates
            seen.note(candidates=list(candidates))
            if not candidates:
                seen.fail(Failure.ICE_NO_CANDIDATES, "no local candidates")
        return seen.ok

    async def _gather(self) -> None:
        await self.pc.setLocalDescription(await self.pc.createOffer())

    @property
    def offer(self) -> str:
        """Our SDP, with the candidates gathered."""
        sdp: str = self.pc.localDescription.sdp
        return sdp

    async def accept(self, answer: str, trace: Trace) -> bool:
        """Apply the answer and start; False when it cannot be used."""
        receiver = self.pc.getReceivers()[0]
        taps.tap_rtp(receiver, self.packets.keep)
        taps.spare_decoding(receiver)
        for transport in (taps.dtls_transport(self.pc), taps.dtls_transport(self.pc).transport):
            transport.on("statechange", self._changed.set)
        with trace.observe("answer_apply", "gateway", known=_REJECTED) as seen:
            self._offered = list(parse_sdp(answer).candidates)
            needed = _as_needed(answer)
            await self.pc.setRemoteDescription(RTCSessionDescription(needed, "answer"))
        return seen.ok

    def add_candidate(self, candidate: IceCandidate) -> None:
        """Apply a trickled candidate, without waiting: a `.local` name takes a second."""
        if candidate.candidate and len(self._offered) < MAX_CANDIDATES:
            self._offered.append(candidate.candidate)
        task = asyncio.create_task(self._add(candidate))
        self._adding.add(task)
        task.add_done_callback(self._adding.discard)

    async def connect_ice(self, trace: Trace) -> bool:
        """Wait for a nominated pair; from then on its consent is watched."""
        with trace.observe("ice_connect", "gateway") as seen:
            ice = taps.dtls_transport(self.pc).transport
            over = self._until(lambda: ice.state in ("completed", "failed", "closed"))
            decided = await happens_within(ICE_TIMEOUT_S, over)
            pairs = pair_rows(taps.candidate_pairs(self.pc))
            offered = [_written(facts) for facts in self.remote_candidates]
            seen.note(pairs=pairs, remote_candidates=offered, obstacles=self.obstacles)
            if ice.state == "completed":
                self.consent.start()
            else:
                detail = ice.state if decided else f"no pair in {ICE_TIMEOUT_S:.0f} s"
                # What the gateway's own checks have told us (prflx) is nothing that it offered.
                failure = Failure.ICE_FAILED if pairs and offered else Failure.ICE_NO_CANDIDATES
                seen.fail(failure, detail)
        return seen.ok

    @property
    def local_candidates(self) -> list[CandidateFacts]:
        """Our candidates."""
        return _read(parse_sdp(self.offer).candidates)

    @property
    def remote_candidates(self) -> list[CandidateFacts]:
        """The gateway's candidates, as far as they are such; those that cannot be used as well."""
        return _read(self._offered)

    @property
    def obstacles(self) -> list[str | None]:
        """For each of the gateway's candidates why none of ours reaches it; None if one could."""
        ours = self.local_candidates
        return [unreachable(ours, facts) for facts in self.remote_candidates]

    @property
    def goes_through_relay(self) -> bool:
        """Whether the nominated pair is a relay's."""
        return taps.relay_transport(self.pc) is not None

    async def check_directly(self, trace: Trace) -> None:
        """Ask the gateway's candidates past the relay, which may only have been the quickest."""
        await check_directly(self.pc, trace)

    async def connect_dtls(self, trace: Trace) -> bool:
        """Wait for the DTLS handshake; tell a wrong fingerprint from one that does not finish."""
        relay = taps.relay_transport(self.pc)
        with trace.observe("dtls_handshake", "gateway", relay_transport=relay) as seen:
            dtls = taps.dtls_transport(self.pc)
            over = ("connected", "failed", "closed")
            ended, given_s = await self._happens_within(
                DTLS_TIMEOUT_S, lambda: self._until(lambda: dtls.state in over)
            )
            if not self._fingerprints_agree(seen):
                seen.fail(Failure.DTLS_FINGERPRINT_MISMATCH)
            elif not ended:
                seen.fail(Failure.GENERIC_TIMEOUT, f"not finished in {given_s:.0f} s")
            elif dtls.state != "connected":
                seen.fail(Failure.DTLS_FAILED, f"the handshake ended as {dtls.state}")
        self._was_up = seen.ok
        return seen.ok

    def _fingerprints_agree(self, seen: Seen) -> bool:
        """Compare the certificate shown with all that the answer has; none shown is no contrast.

        A hash that is not known compares with nothing (RFC 8122 §5).
        """
        agreed = parse_sdp(self.pc.remoteDescription.sdp).fingerprints
        hashes = [text.split(" ", 1)[0].lower() for text in agreed]
        digests = [taps.peer_fingerprint(self.pc, name) for name in hashes]
        shown = [f"{name} {digest}" for name, digest in zip(hashes, digests, strict=True) if digest]
        seen.note(fingerprints_agreed=list(agreed), fingerprint_shown=next(iter(shown), None))
        return {text.lower() for text in shown} <= {text.lower() for text in agreed}

    @property
    def media_is_over(self) -> bool:
        """Whether DTLS was up and is no more: closed by the gateway, or given up by aioice."""
        return self._was_up and taps.dtls_transport(self.pc).state != "connected"

    async def media_ends(self) -> None:
        """Wait until DTLS, once it was up, is no more."""
        await self._until(lambda: self.media_is_over)

    async def receive_rtp(self, trace: Trace, seconds: float) -> bool:
        """Wait for the first packet, and count what arrives for a while."""
        with trace.observe("rtp_receive", "gateway") as seen:
            started_s = time.monotonic()
            begun, given_s = await self._happens_within(RTP_TIMEOUT_S, self.packets.begun.wait)
            if not begun:
                seen.fail(Failure.NO_RTP, f"no packet in {given_s:.0f} s")
            else:
                first_ms = (self.packets.arrivals[0].arrival_s - started_s) * 1000
                await asyncio.sleep(seconds)
                seen.note(
                    packets=len(self.packets.arrivals), first_packet_ms=round(max(0, first_ms), 1)
                )
        return seen.ok

    async def check_round_trips(self, count: int = 5) -> list[float]:
        """Ask the peer over the nominated pair, as a consent check does (RFC 7675); ms each."""
        round_trips = []
        for _ in range(count):
            round_trips.append(await self.consent.ask())
            await asyncio.sleep(0.02)
        return [ms for ms in round_trips if ms is not None]

    async def packets_sent(self) -> int:
        """Return how many RTP packets have left."""
        stats = await self.pc.getSenders()[0].getStats()
        return sum(s.packetsSent for s in stats.values() if s.type == "outbound-rtp")

    async def reported(self) -> dict[str, float | int | None] | None:
        """Return what the gateway's RTCP receiver reports say of our packets; None without any.

        A report block for our stream exists only where packets of it arrived (RFC 3550 §6.4.2).
        `packets_counted` is how many we had sent by then.
        """
        stats = await self.pc.getSenders()[0].getStats()
        for report in stats.values():
            if report.type == "remote-inbound-rtp":
                rtt_s = report.roundTripTime
                return {
                    "packets_lost": report.packetsLost,
                    "packets_counted": report.packetsReceived + report.packetsLost,
                    "rtt_ms": None if rtt_s is None else round(rtt_s * 1000, 2),
                }
        return None

    async def gateway_sent(self) -> int | None:
        """Return how many packets the gateway says that it has sent, None without a report."""
        stats = await self.pc.getReceivers()[0].getStats()
        sent = (s.packetsSent for s in stats.values() if s.type == "remote-outbound-rtp")
        return next(sent, None)

    async def close(self) -> None:
        """Hang up; relayed addresses are given back."""
        await self.consent.close()
        for task in list(self._adding):
            task.cancel()
        self.track.stop()
        await taps.close_fully(self.pc)

    async def _happens_within(
        self, within_s: float, happens: Callable[[], Awaitable[object]]
    ) -> tuple[bool, float]:
        """Say whether it happens, and how long it was given: longer where packets are lost."""
        if await happens_within(within_s, happens()):
            return True, within_s
        if not self.consent.lossy:
            return False, within_s
        longer_s = LOSSY_TIMES * within_s
        return await happens_within(longer_s - within_s, happens()), longer_s

    async def _until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            self._changed.clear()
            await self._changed.wait()

    async def _add(self, candidate: IceCandidate) -> None:
        with contextlib.suppress(ValueError, InvalidStateError, InvalidAccessError):
            if candidate.candidate is None:
                return  # see _as_needed
            ice = candidate_from_sdp(candidate.candidate.removeprefix("candidate:"))
            ice.sdpMid, ice.sdpMLineIndex = candidate.sdp_mid or "0", candidate.sdp_mline_index or 0
            await self.pc.addIceCandidate(ice)


def _read(candidates: Sequence[str]) -> list[CandidateFacts]:
    read = (read_candidate(text) for text in candidates[:MAX_CANDIDATES])
    return [facts for facts in read if facts is not None]


def _as_needed(answer: str) -> str:
    """Leave out what aiortc would stumble over.

    Told of the end of candidates, aioice takes no peer-reflexive ones any more: a gateway behind a
    `.local` name is met by its own checks, and our timer ends the waiting. Format parameters are
    for an encoder and a decoder, both of them ours; what is wrong in them is to be passed over
    (RFC 7587 §6.1), and aiortc gives up.
    """
    return re.sub(r"(?m)^a=(end-of-candidates|fmtp:|rtcp-fb:).*\n?", "", answer)


def _written(facts: CandidateFacts) -> str:
    return f"{facts.type} {shown((facts.address, facts.port))}"
