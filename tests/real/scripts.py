"""What gateways that are not ours say to an offer: frames, closes, calls by aiortc."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Response

from polyai_diag.media import aiortc_taps
from tests.real.foreign import (
    HOST,
    Script,
)

LASTS_S = 1.8  # the call step is over by then
VIOLATION = "signaling-protocol-violation"


def error(code: str, message: str = "why") -> dict[str, Any]:
    return {"type": "error", "sessionId": None, "data": {"code": code, "message": message}}


def answer(sdp: Any = "v=0", session_id: Any = "s-1") -> dict[str, Any]:
    return {"type": "answer", "sessionId": session_id, "data": {"type": "answer", "sdp": sdp}}


def sends(*frames: Any) -> Script:
    async def script(connection: ServerConnection, _: dict[str, Any]) -> None:
        for frame in frames:
            raw = isinstance(frame, str | bytes)
            await connection.send(frame if raw else json.dumps(frame))

    return script


def closes(code: int, reason: str = "why") -> Script:
    async def script(connection: ServerConnection, _: dict[str, Any]) -> None:
        await connection.close(code, reason)

    return script


def gives(body: str, status: HTTPStatus = HTTPStatus.OK) -> Callable[..., Response]:
    return lambda connection, _request: connection.respond(status, body)


class Mute(AudioStreamTrack):
    """A track that never has anything to send."""

    async def recv(self) -> Any:
        await asyncio.Event().wait()


def echoes(over: asyncio.Event) -> Script:
    """Loop the audio back by aiortc until it is over, also when the socket has gone before."""

    async def script(connection: ServerConnection, offer: dict[str, Any]) -> None:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        pc.on("track", pc.addTrack)
        try:
            await connection.send(json.dumps(answer(await _answered(pc, offer))))
            await over.wait()
        finally:
            await aiortc_taps.close_fully(pc)

    return script


def answers(
    change: Callable[[str], str],
    *,
    mute: bool = False,
    early: bool = False,
    deaf: bool = False,
    ending: Callable[[RTCPeerConnection], Awaitable[None]] | None = None,
) -> Script:
    """Answer by aiortc, with an SDP that `change` has had; `early` sends candidates before it.

    `deaf` drops all UDP of the media; `ending` is done a while after the call is connected.
    """

    async def script(connection: ServerConnection, offer: dict[str, Any]) -> None:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        try:
            pc.addTrack(Mute() if mute else AudioStreamTrack())
            sdp = await _answered(pc, offer)
            if early:
                for line in sdp.splitlines():
                    if line.startswith("a=candidate:"):
                        data = {"candidate": line[2:], "sdpMid": "0", "sdpMLineIndex": 0}
                        await connection.send(json.dumps({"type": "ice-candidate", "data": data}))
            if deaf:
                aiortc_taps.filter_datagrams(pc, lambda *_: False)
            await connection.send(json.dumps(answer(change(sdp))))
            if ending is not None:
                await asyncio.sleep(LASTS_S)
                await ending(pc)
            await connection.wait_closed()
        finally:
            await aiortc_taps.close_fully(pc)

    return script


async def _answered(pc: RTCPeerConnection, offer: dict[str, Any]) -> str:
    await pc.setRemoteDescription(RTCSessionDescription(offer["data"]["sdp"], "offer"))
    with aiortc_taps.host_candidates_from([HOST]):
        await pc.setLocalDescription(await pc.createAnswer())
    sdp: str = pc.localDescription.sdp
    return sdp


def without(prefix: str | tuple[str, ...]) -> Callable[[str], str]:
    return lambda sdp: "".join(f"{s}\r\n" for s in sdp.splitlines() if not s.startswith(prefix))
