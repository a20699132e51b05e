"""A captive portal, run in a namespace: `python -m tests.real.portal SETTINGS`.

Port 80 sends everyone to its login page; port 443 shows the portal's own certificate where the
settings name one, and is closed where they do not.
"""

import asyncio
import json
import ssl
import sys

LOGIN_PAGE = "http://login.portal.example/?from=here"
ANYWHERE = "0.0.0.0"  # noqa: S104 - the namespace is the test's own


async def send_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Redirect whatever is asked for."""
    await reader.readuntil(b"\r\n\r\n")
    head = f"HTTP/1.1 302 Found\r\nLocation: {LOGIN_PAGE}\r\nContent-Length: 0\r\n\r\n"
    writer.write(head.encode())
    writer.close()


async def main() -> None:
    """Serve until killed."""
    files = json.loads(sys.argv[1])
    servers = [await asyncio.start_server(send_away, ANYWHERE, 80)]
    if files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files["certificate"], files["key"])
        servers.append(await asyncio.start_server(send_away, ANYWHERE, 443, ssl=context))
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
