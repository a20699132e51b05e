"""A gateway that takes no token, run in a namespace: `python -m tests.bench.far_gateway FILES`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from websockets.http11 import Request, Response

PORT = 443
UNAUTHORIZED = {"code": "UNAUTHORIZED", "message": "Invalid authentication token"}


def respond(connection: ServerConnection, request: Request) -> Response | None:
    """Answer what is no upgrade; the library adds the date."""
    if request.path.startswith("/api/v1/ice-servers"):
        return connection.respond(HTTPStatus.UNAUTHORIZED, '{"error": "invalid auth token"}')
    if request.path == "/health":
        return connection.respond(HTTPStatus.OK, '{"status": "healthy", "activeSessions": 0}')
    return None


async def refuse(connection: ServerConnection) -> None:
    """Answer every frame with UNAUTHORIZED."""
    with contextlib.suppress(ConnectionClosed):
        async for _ in connection:
            refusal = {"type": "error", "sessionId": None, "data": UNAUTHORIZED}
            await connection.send(json.dumps(refusal))


async def main() -> None:
    """Serve TLS 1.3 on every address, until killed."""
    files = json.loads(sys.argv[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(files["certificate"], files["key"])
    async with serve(refuse, None, PORT, ssl=context, process_request=respond) as server:
        print("ready", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
