"""Three ways to have a sound come back: the gateway's echo, a relay of TURN, Opus alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.rtcconfiguration import RTCIceTransportPolicy

from polyai_diag.analysis.audio.carriers import Carriers
from polyai_diag.media import aiortc_taps as taps
from polyai_diag.media.opus import (
    SAMPLE_RATE_HZ,
    decode_all,
    encode,
    sent_silk_khz,
    silence_packet,
)
from polyai_diag.media.packets import PacketLog, place
from polyai_diag.media.tracks import FRAME_S, PacketTrack

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from polyai_diag.media.aiortc_taps import RtpArrival
    from polyai_diag.target import IceServer

LATE_S = 2.0  # by which a busy machine may hand over the last packet
TAIL_S = 0.5  # what is still on its way when the last packet has left
RELAY_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Loop:
    """What came back, shape (samples, 2), and both timelines' zeros (`time.monotonic()` s).

    `lost` marks the samples of packets that did not come back, and of those that an echo leaves
    out (`unsent`), for it never got them or lost them itself; `carriers` is what carried each.
    """

    received: NDArray[np.float32]
    lost: NDArray[np.bool_]
    unsent: NDArray[np.bool_]
    carriers: Carriers
    received_start_s: float
    sent_start_s: float
    arrivals: Sequence[RtpArrival]

    def delay_ms(self, offset_samples: float) -> float:
        """Return the delay from handing a sound to the network until it has come back.

        `offset_samples` is how much later the sound stands on the received timeline. The two
        codec passes' look-ahead is part of it, a jitter buffer is not.
        """
        shift_s = offset_samples / SAMPLE_RATE_HZ
        return (self.received_start_s + shift_s - self.sent_start_s) * 1000


class MediaStopped(Exception):  # noqa: N818 - what the call did, not an error of ours
    """The call takes no more packets: its transport has ended in the middle of the sound."""


async def loop_back(track: PacketTrack, packets: PacketLog, pcm: NDArray[np.float32]) -> Loop:
    """Encode and play a sound, and gather what arrives until shortly after its end.

    Raises MediaStopped.
    """
    payloads = await asyncio.to_thread(encode, pcm)
    already = len(packets.arrivals)
    track.play(payloads)
    try:
        async with asyncio.timeout(len(payloads) * FRAME_S + LATE_S):
            await track.played()
    except TimeoutError:
        raise MediaStopped("the call ended in the middle of the sound") from None
    await asyncio.sleep(TAIL_S)
    arrivals = packets.arrivals[already:]
    placed = await asyncio.to_thread(place, arrivals)
    sent_start_s = min(at_s - number * FRAME_S for number, at_s in enumerate(track.sent_s))
    lost = placed.lost | placed.unsent
    carriers = Carriers(sent_silk_khz(payloads), placed.silk_khz)
    return Loop(placed.sound, lost, placed.unsent, carriers, placed.start_s, sent_start_s, arrivals)


def opus_alone(pcm: NDArray[np.float32], *, passes: int = 2) -> NDArray[np.float32]:
    """Return what Opus itself makes of a sound: encoded and decoded in this process.

    An echo that decodes and encodes again is two passes: the floor that nothing gets below.
    """
    for _ in range(passes):
        pcm = decode_all(encode(pcm))
    return pcm


class RelayUnreachable(Exception):  # noqa: N818 - what the network did, not an error of ours
    """The two peers do not meet by the relay; the text says how far they came."""


class RelayLoop:
    """Two peers of our own that meet by a TURN server, for an `async with` block.

    What `track` plays goes out to the relay and comes back into `packets`; no gateway takes part.
    `server` names one TURN URL. Raises RelayUnreachable on entering.
    """

    def __init__(self, server: IceServer, context: ssl.SSLContext) -> None:
        self.track = PacketTrack(silence_packet())
        self.packets = PacketLog()
        self._context = context
        self._server = server
        self._near, self._far = _relayed_peer(), _relayed_peer()

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(RELAY_TIMEOUT_S):
                await self._meet()
                await self.packets.begun.wait()
        except TimeoutError:
            state = self._near.iceConnectionState
            await self._close()
            raise RelayUnreachable(
                f"no sound by the relay in {RELAY_TIMEOUT_S:.0f} s: ICE {state}"
            ) from None
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def _meet(self) -> None:
        near, far = self._near, self._far
        near.addTransceiver(self.track, "sendonly")
        self._use_relay(near)
        await near.setLocalDescription(await near.createOffer())
        await far.setRemoteDescription(near.localDescription)
        self._use_relay(far)
        taps.tap_rtp(far.getReceivers()[0], self.packets.keep)
        taps.spare_decoding(far.getReceivers()[0])
        await far.setLocalDescription(await far.createAnswer())
        await near.setRemoteDescription(far.localDescription)

    def _use_relay(self, pc: RTCPeerConnection) -> None:
        taps.use_ice_servers(pc, [self._server])
        taps.trust_turn_server(pc, self._context)

    async def _close(self) -> None:
        self.track.stop()
        await asyncio.gather(taps.close_fully(self._near), taps.close_fully(self._far))


def _relayed_peer() -> RTCPeerConnection:
    # aiortc falls back on a STUN server of its own where none is given, and none may be asked.
    return RTCPeerConnection(RTCConfiguration([], iceTransportPolicy=RTCIceTransportPolicy.RELAY))
