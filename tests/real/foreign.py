"""Servers that are not ours, each with one thing wrong: written with asyncio and websockets."""

import asyncio
import contextlib
import datetime as dt
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import trustme
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from polyai_diag import Report, Target, diagnose

HOST = "127.0.0.1"
ICE_SERVERS_PATH = "/api/v1/ice-servers"
TOKEN = "0123456789abcdef-connector"
HEAD_LIMIT_S = 5

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Respond = Callable[[ServerConnection, Request], Response]
Script = Callable[[ServerConnection, dict[str, Any]], Awaitable[None]]


@contextlib.asynccontextmanager
async def tcp_server(
    handler: Handler, *, host: str = HOST, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve TCP with `handler`; yield the port. What a connection waits for ends with the block."""
    serving: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            with contextlib.suppress(ConnectionError, EOFError, ssl.SSLError):
                await handler(reader, writer)
        except asyncio.CancelledError:
            pass  # the block's end; asyncio.streams would report it as a fault
        finally:
            serving.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(handle, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def websocket_server(
    script: Script, *, respond: Respond | None = None, **options: Any
) -> AsyncIterator[int]:
    """Take WebSockets; run `script` with the first frame, and wait for the client to go.

    `respond` answers the request for ICE servers; without it there are none to give.
    """

    def process(connection: ServerConnection, request: Request) -> Response | None:
        if request.path.startswith(ICE_SERVERS_PATH):
            body = '{"iceServers": []}'
            return (
                respond(connection, request) if respond else connection.respond(HTTPStatus.OK, body)
            )
        if request.path == "/health":
            return connection.respond(HTTPStatus.OK, '{"status": "healthy"}')
        return None

    async def handle(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await script(connection, json.loads(await connection.recv()))
            await connection.wait_closed()

    async with serve(
        handle, HOST, 0, close_timeout=0.2, process_request=process, **options
    ) as server:
        yield next(iter(server.sockets)).getsockname()[1]


def answering(*bodies: bytes | str) -> Handler:
    """Read a request's head, write these bytes, and hang up."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        for body in bodies:
            writer.write(body.encode() if isinstance(body, str) else body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return handle


async def head_of(reader: asyncio.StreamReader) -> str:
    """Return a request's head."""
    async with asyncio.timeout(HEAD_LIMIT_S):
        return (await reader.readuntil(b"\r\n\r\n")).decode()


def http(status: str, body: str = "", **headers: str) -> str:
    """Return an HTTP response; underscores in header names become hyphens."""
    fields = {"Content-Length": str(len(body.encode())), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n{body}"


async def pipe(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str, port: int
) -> None:
    """Join a connection with one to `port`, after sending `head` there."""
    far_reader, far_writer = await asyncio.open_connection(HOST, port)
    far_writer.write(head.encode())

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
        sink.close()

    try:
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))
    finally:
        far_writer.transport.abort()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept, and say nothing for as long as the other side stays."""
    while await reader.read(65536):
        pass


def closed_port(host: str = HOST) -> int:
    """Return a port that was free a moment ago."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


class Certified:
    """A server's TLS context, its files, and the authority that vouches for it."""

    def __init__(
        self,
        folder: Path,
        *names: str,
        not_before: dt.datetime | None = None,
        not_after: dt.datetime | None = None,
    ) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert(
            *(names or (HOST, "localhost")), not_before=not_before, not_after=not_after
        )
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self.context)
        self.ca_file, self.certificate_file, self.key_file = (
            str(folder / f"{name}-{id(self)}.pem") for name in ("ca", "certificate", "key")
        )
        authority.cert_pem.write_to_path(self.ca_file)
        Path(self.certificate_file).write_bytes(
            b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        )
        certificate.private_key_pem.write_to_path(self.key_file)


def signaling_url(port: int, *, scheme: str = "ws", host: str = HOST) -> str:
    """Return the signaling URL of a server of the test's own."""
    return f"{scheme}://{host}:{port}/api/v1/webrtc/signal"


async def judged(
    url: str, *, steps: Sequence[str] = ("gateway", "signaling"), **options: Any
) -> Report:
    """Run the steps against it, with no servers but those given."""
    options.setdefault("ice_servers", [])
    target = Target(url, TOKEN, third_party=False, **options)
    report = await diagnose(target, steps=steps, deadline_s=30)
    broken = [(step.name, step.reason) for step in report.steps if step.status == "error"]
    assert broken == []
    return report


def summary(report: Report) -> str:
    """Return what the first finding says."""
    return report.findings[0].summary


def put_together(folder: Path, *files: str | Path) -> str:
    """Return a file that holds all these certificates; those that are not there are left out."""
    together = folder / "together.pem"
    together.write_text("".join(Path(file).read_text() for file in files if Path(file).exists()))
    return str(together)
