"""A gateway whose agent does not start, run in a namespace: `python -m … JSON`."""

import asyncio
import contextlib
import json
import ssl
import sys
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.real.scripts import error


def respond(connection: ServerConnection, request: Request) -> Response | None:
    """Answer what is no upgrade."""
    if request.path.startswith("/api/v1/ice-servers"):
        return connection.respond(HTTPStatus.OK, '{"iceServers": []}')
    if request.path == "/health":
        return connection.respond(HTTPStatus.OK, '{"status": "healthy"}')
    return None


async def refuse(connection: ServerConnection) -> None:
    """Answer every frame with AGENT_FAILURE."""
    with contextlib.suppress(ConnectionClosed):
        async for _ in connection:
            await connection.send(json.dumps(error("AGENT_FAILURE")))


async def main() -> None:
    """Serve TLS on every address, until killed."""
    asked = json.loads(sys.argv[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(asked["certificate"], asked["key"])
    async with serve(refuse, None, asked["port"], ssl=context, process_request=respond) as server:
        print("ready", flush=True)
        await server.serve_forever()


asyncio.run(main())
