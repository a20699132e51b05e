"""One call of the sandbox's gateway: a peer connection that echoes, or that an agent answers."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
import uuid
from typing import TYPE_CHECKING

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import candidate_from_sdp

from polyai_diag.analysis.sdp_lint import lint_sdp
from polyai_diag.media import aiortc_taps
from polyai_diag.model import Severity
from polyai_diag.sandbox.agent import Agent
from polyai_diag.sandbox.descriptions import (
    reachable_candidate,
    with_media_rejected,
    with_opus_parameters,
    with_reachable_candidates,
    without_any_candidate,
)
from polyai_diag.sandbox.echo import Echo
from polyai_diag.sandbox.path import Path, is_rtp
from polyai_diag.sandbox.settings import Way
from polyai_diag.sandbox.sound import altered

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack

    from polyai_diag.sandbox.gateway import GatewayConfig
    from polyai_diag.sandbox.settings import GatewayFaults

_MAX_CANDIDATES = 128
_DTLS_FIRST_BYTES = range(20, 64)  # RFC 7983 §7


class OfferRefused(Exception):  # noqa: N818 - an answer of the protocol, not a fault of ours
    """The offer cannot be answered; the text is what its sender is told."""


class Call:
    """A call from its offer to its end.

    `ended` gets the connection state that ended the media: `failed`, or `closed`.
    """

    def __init__(self, config: GatewayConfig, *, echo: bool) -> None:
        self.session_id = str(uuid.uuid4())
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._host = config.host
        self._faults = config.faults
        self._sound = config.sound
        self._path = Path(config.path)
        self._relayed_addresses = config.relayed_addresses
        self._voice = _voice(config, echo=echo)
        self._listening: list[asyncio.Task[None]] = []
        self._candidates = 0
        self._connected_s: float | None = None
        self._dtls_datagrams = 0
        self._pc = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._pc.on("connectionstatechange", self._state_changed)

    async def answer(self, offer: str) -> str:
        """Return the SDP that answers the offer. Raises OfferRefused."""
        grave = [i for i in lint_sdp(offer, "offer") if i.severity is Severity.CRITICAL]
        if grave:
            raise OfferRefused(f"Failed to process the offer: {grave[0].message}")
        try:
            offer.encode()  # half a surrogate pair would only be met in the middle of the checks
            await self._negotiate(with_reachable_candidates(offer, self._host))
        except Exception as exc:  # aiortc raises whatever it trips over in an SDP
            raise OfferRefused(f"Failed to process the offer: {type(exc).__name__}") from exc
        return _described(self._pc.localDescription.sdp, self._faults)

    async def add_candidate(self, candidate: str) -> None:
        """Add a trickled `candidate:…`. Raises ValueError when it is none."""
        self._candidates += 1
        if self._candidates > _MAX_CANDIDATES or not reachable_candidate(candidate, self._host):
            return
        ice = aiortc_taps.dtls_transport(self._pc).transport
        await ice.addRemoteCandidate(candidate_from_sdp(candidate.removeprefix("candidate:")))

    async def close(self) -> None:
        """End the call; nothing of it is left."""
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)
        await aiortc_taps.close_fully(self._pc)
        self._end("closed")

    async def _negotiate(self, offer: str) -> None:
        track = altered(self._voice.track, self._sound)
        transceiver = self._pc.addTransceiver(track, self._faults.answer_direction)
        codecs = RTCRtpSender.getCapabilities("audio").codecs
        transceiver.setCodecPreferences([c for c in codecs if c.name.lower() == "opus"])
        await self._pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        for receiver in self._pc.getReceivers():
            if receiver.track:
                self._listening.append(asyncio.create_task(self._listen(receiver.track)))
        if isinstance(self._voice, Echo):
            aiortc_taps.tap_rtp(transceiver.receiver, self._voice.on_packet)
        with aiortc_taps.host_candidates_from([self._host]):
            await self._pc.setLocalDescription(await self._pc.createAnswer())
        aiortc_taps.filter_datagrams(self._pc, self._passes)
        aiortc_taps.hold_datagrams(self._pc, self._path.holds_s)

    async def _listen(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            await self._voice.listen(track)

    def _passes(self, data: bytes, address: aiortc_taps.Address, sent: bool) -> bool:
        faults = self._faults
        if is_rtp(data) and sent and self._has_lasted(faults.silent_after_s):
            return False
        if faults.drops_only not in (None, Way.SENT if sent else Way.RECEIVED):
            return True
        if faults.drop_media or self._has_lasted(faults.media_lasts_s):
            return False
        if faults.drop_udp and address not in self._relayed_addresses:
            return False
        return not (faults.swallow_dtls and self._is_late_dtls(data))

    def _is_late_dtls(self, data: bytes) -> bool:
        is_dtls = bool(data) and data[0] in _DTLS_FIRST_BYTES
        self._dtls_datagrams += is_dtls
        return is_dtls and self._dtls_datagrams > self._faults.dtls_passes

    def _has_lasted(self, for_s: float | None) -> bool:
        """Whether the call is connected for so long; None is never reached."""
        if for_s is None or self._connected_s is None:
            return False
        return time.monotonic() - self._connected_s > for_s

    async def _end_media(self, after_s: float) -> None:
        """Close DTLS (RFC 5246 §7.2.1), and say nothing in signaling."""
        await asyncio.sleep(after_s)
        await aiortc_taps.dtls_transport(self._pc).stop()

    def _state_changed(self) -> None:
        if self._pc.connectionState == "connected":
            self._connected_s = time.monotonic()
            if self._faults.ends_media_after_s is not None:
                ending = self._end_media(self._faults.ends_media_after_s)
                self._listening.append(asyncio.create_task(ending))
        if self._pc.connectionState in ("failed", "closed"):
            self._end(self._pc.connectionState)

    def _end(self, state: str) -> None:
        if not self.ended.done():
            self.ended.set_result(state)


def _described(answer: str, faults: GatewayFaults) -> str:
    """Return the answer as it is told."""
    if faults.answer_fmtp:
        answer = with_opus_parameters(answer, faults.answer_fmtp)
    if faults.omit_candidates:
        answer = without_any_candidate(answer)
    for pattern, replacement in faults.answer_rewritten:
        answer = re.sub(pattern, replacement, answer, flags=re.MULTILINE)
    return with_media_rejected(answer) if faults.reject_audio else answer


def _voice(config: GatewayConfig, *, echo: bool) -> Agent | Echo:
    silent = config.faults.send_silence
    if echo and config.path.drop_received_rtp:  # nothing comes that could be sent back
        return Agent(silent=True)
    return Echo(silent=silent) if echo else Agent(silent=silent)
