"""A client of the gateway that writes its frames by hand, on aiortc."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.sdp import candidate_from_sdp
from websockets.asyncio.client import ClientConnection, connect

from polyai_diag.media import aiortc_taps
from polyai_diag.media.opus import SAMPLE_RATE_HZ, decode_all, encode, silence_packet
from polyai_diag.media.tracks import PacketTrack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from numpy.typing import NDArray

    from polyai_diag.sandbox import Sandbox

ANSWER_S = 5


def client_context(sandbox: Sandbox) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=sandbox.describe()["ca_file"])


def http_base(sandbox: Sandbox) -> str:
    url: str = sandbox.describe()["signaling_url"]
    return url.replace("wss:", "https:").partition("/api/")[0]


def ice_servers_url(sandbox: Sandbox) -> str:
    return f"{http_base(sandbox)}/api/v1/ice-servers"


@asynccontextmanager
async def signaling(sandbox: Sandbox) -> AsyncIterator[Signaling]:
    url = sandbox.describe()["signaling_url"]
    async with connect(url, ssl=client_context(sandbox), proxy=None) as socket:
        yield Signaling(socket, sandbox.describe()["token"])


class Signaling:
    """The socket, and frames as a client writes them."""

    def __init__(self, socket: ClientConnection, token: str) -> None:
        self.socket = socket
        self.token = token

    async def send(self, frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def receive(self, within_s: float = ANSWER_S) -> dict[str, Any]:
        async with asyncio.timeout(within_s):
            frame: dict[str, Any] = json.loads(await self.socket.recv())
        return frame

    async def offer(self, sdp: str, **fields: Any) -> dict[str, Any]:
        """Send an offer, and return what comes back first."""
        data = {"type": "offer", "sdp": sdp}
        frame = {"type": "offer", "sessionId": "", "data": data, "authToken": self.token}
        await self.send(frame | fields)
        return await self.receive()

    async def candidate(self, session_id: str | None, candidate: str | None, **data: Any) -> None:
        data = {"candidate": candidate} | data
        await self.send({"type": "ice-candidate", "sessionId": session_id, "data": data})


@asynccontextmanager
async def caller(
    ice_server: dict[str, Any] | None = None, trust: ssl.SSLContext | None = None
) -> AsyncIterator[Caller]:
    """A peer connection that has gathered; through `ice_server` alone where it is given."""
    servers = [RTCIceServer(**ice_server)] if ice_server else []
    policy = RTCIceTransportPolicy.RELAY if ice_server else RTCIceTransportPolicy.ALL
    configuration = RTCConfiguration(iceServers=servers, iceTransportPolicy=policy)
    pc = RTCPeerConnection(configuration)
    try:
        made = Caller(pc)
        if trust:
            aiortc_taps.trust_turn_server(pc, trust)
        await made.gather()
        yield made
    finally:
        await aiortc_taps.close_fully(pc)


class Caller:
    """A peer connection that keeps every RTP packet it hears."""

    def __init__(self, pc: RTCPeerConnection) -> None:
        self.pc = pc
        self.track = PacketTrack(silence_packet())
        self.heard: list[aiortc_taps.RtpArrival] = []
        self.connected_s: float | None = None
        self._changed = asyncio.Event()
        pc.addTrack(self.track)
        pc.on("connectionstatechange", self._keep_state)
        pc.on("iceconnectionstatechange", self._changed.set)
        aiortc_taps.tap_rtp(pc.getReceivers()[0], self._keep)

    async def gather(self) -> None:
        with aiortc_taps.host_candidates_from(["127.0.0.1"]):
            await self.pc.setLocalDescription(await self.pc.createOffer())

    @property
    def sdp(self) -> str:
        return self.pc.localDescription.sdp

    @property
    def candidates(self) -> list[str]:
        lines = [line for line in self.sdp.splitlines() if line.startswith("a=candidate:")]
        return [line.removeprefix("a=") for line in lines]

    @property
    def sdp_without_candidates(self) -> str:
        lines = self.sdp.splitlines()
        left = ("a=candidate:", "a=end-of-candidates")
        return "".join(f"{line}\r\n" for line in lines if not line.startswith(left))

    async def take(self, answer: dict[str, Any]) -> None:
        assert answer["type"] == "answer", answer
        await self.pc.setRemoteDescription(RTCSessionDescription(answer["data"]["sdp"], "answer"))

    async def take_candidate(self, frame: dict[str, Any]) -> None:
        assert frame["type"] == "ice-candidate", frame
        text = frame["data"]["candidate"].removeprefix("candidate:")
        candidate = candidate_from_sdp(text) if text else None
        if candidate:
            candidate.sdpMid = frame["data"]["sdpMid"]
        await self.pc.addIceCandidate(candidate)

    def play(self, sound: NDArray[np.float32]) -> list[bytes]:
        payloads = encode(sound)
        self.track.play(payloads)
        return payloads

    async def state(self, *states: str) -> None:
        """Wait for a connection state."""
        await self._until(lambda: self.pc.connectionState in states, f"state in {states}")

    async def ice_completed(self) -> None:
        """Wait until ICE has its pair."""
        await self._until(lambda: self.pc.iceConnectionState == "completed", "nominated pair")

    async def hear(self, packets: int) -> list[aiortc_taps.RtpArrival]:
        """Wait until so many packets were heard."""
        await self._until(lambda: len(self.heard) >= packets, f"{packets} packets")
        return self.heard

    async def falls_silent(self, for_s: float) -> None:
        """Wait until no packet has been heard for so long."""
        heard = -1
        while heard < len(self.heard):
            heard = len(self.heard)
            await asyncio.sleep(for_s)

    async def hear_payload(self, payload: bytes) -> None:
        """Wait until this very payload is heard."""
        await self._until(lambda: any(p.payload == payload for p in self.heard), "the payload")

    @property
    def sound(self) -> NDArray[np.float32]:
        return decode_all(packet.payload for packet in self.heard)

    async def _until(self, holds: Any, what: str) -> None:
        try:
            async with asyncio.timeout(10):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            state = f"{self.pc.connectionState}, {len(self.heard)} packets heard"
            raise AssertionError(f"no {what} within 10 s: {state}") from None

    def _keep(self, packet: aiortc_taps.RtpArrival) -> None:
        self.heard.append(packet)
        self._changed.set()

    def _keep_state(self) -> None:
        if self.pc.connectionState == "connected":
            self.connected_s = asyncio.get_running_loop().time()
        self._changed.set()


def tone(duration_s: float, frequency_hz: float = 997, level_dbfs: float = -20) -> NDArray[Any]:
    """A sine whose RMS is at `level_dbfs`."""
    time_s = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    sine = 10 ** (level_dbfs / 20) * np.sqrt(2) * np.sin(2 * np.pi * frequency_hz * time_s)
    return np.stack([sine, sine], axis=1).astype(np.float32)


def level_dbfs(sound: NDArray[Any]) -> float:
    """RMS level; full scale is an RMS of 1."""
    power = float(np.mean(np.square(sound.astype(np.float64))))
    return float(10 * np.log10(max(power, 1e-20)))
