"""A gateway that takes calls, run in a namespace: `python -m … JSON`.

It serves TLS on its own address, offers that as its media's, and plays silence; `translated` it
offers what a STUN server would see, `at home` a private address besides; what `echoes` sends the
audio back.
"""

import asyncio
import contextlib
import json
import re
import ssl
import sys
from http import HTTPStatus

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from polyai_diag.media import aiortc_taps

AT_HOME = "a=candidate:9 1 udp 2130706431 10.1.1.1 40000 typ host"

asked = json.loads(sys.argv[1])


def respond(connection: ServerConnection, request: Request) -> Response | None:
    """Answer what is no upgrade."""
    if request.path == "/health":
        return connection.respond(HTTPStatus.OK, '{"status": "healthy"}')
    if request.path.startswith("/api/v1/ice-servers"):
        return connection.respond(HTTPStatus.OK, '{"iceServers": []}')
    return None


async def take_call(connection: ServerConnection) -> None:
    """Answer one offer, and stay until the caller goes."""
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        offer = json.loads(await connection.recv())
        if "echoes" in asked["special"]:
            pc.on("track", pc.addTrack)
        else:
            pc.addTrack(AudioStreamTrack())
        await pc.setRemoteDescription(RTCSessionDescription(offer["data"]["sdp"], "offer"))
        with aiortc_taps.host_candidates_from([asked["host"]]):
            await pc.setLocalDescription(await pc.createAnswer())
        sdp = pc.localDescription.sdp
        if "translated" in asked["special"]:
            sdp = sdp.replace(" typ host", " typ srflx raddr 10.1.1.1 rport 9")
        if "at home" in asked["special"]:
            sdp = re.sub(r"(?m)^(a=candidate:.*)$", rf"\1\n{AT_HOME}", sdp, count=1)
        data = {"type": "answer", "sdp": sdp}
        await connection.send(json.dumps({"type": "answer", "sessionId": "s-1", "data": data}))
        await connection.wait_closed()
    except ConnectionClosed:
        pass
    finally:
        await aiortc_taps.close_fully(pc)


async def main() -> None:
    """Serve until killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(asked["certificate"], asked["key"])
    at = (asked["host"], asked["port"])
    async with serve(take_call, *at, ssl=context, process_request=respond) as server:
        print("ready", flush=True)
        with contextlib.suppress(asyncio.CancelledError):
            await server.serve_forever()


asyncio.run(main())
