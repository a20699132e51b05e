"""A captive portal, run in a namespace: `python -m tests.real.portal SETTINGS`.

Port 80 sends everyone to its login page, or gives another `answer` that the settings name; port
443 shows the portal's own certificate where they name one, and is closed where they do not.
"""

import asyncio
import json
import ssl
import sys

LOGIN_PAGE = "http://login.portal.example/?from=here"
ANYWHERE = "0.0.0.0"  # noqa: S104 - the namespace is the test's own
LOGIN_FIRST = "<html><h1>Log in first</h1></html>"


async def main() -> None:
    """Serve until killed."""
    asked = json.loads(sys.argv[1]) or {}
    status = asked.get("answer", "302 Found")
    location = f"Location: {LOGIN_PAGE}\r\n" if status.startswith("3") else ""
    head = f"HTTP/1.1 {status}\r\n{location}Content-Length: {len(LOGIN_FIRST)}\r\n\r\n"

    async def send_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer whatever is asked for."""
        await reader.readuntil(b"\r\n\r\n")
        writer.write((head + LOGIN_FIRST).encode())
        writer.close()

    servers = [await asyncio.start_server(send_away, ANYWHERE, 80)]
    if "certificate" in asked:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(asked["certificate"], asked["key"])
        servers.append(await asyncio.start_server(send_away, ANYWHERE, 443, ssl=context))
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
