"""Gateways and proxies that mean harm: bounded in memory and time, and named all the same."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from markdown_it import MarkdownIt
from websockets.asyncio.server import ServerConnection

from polyai_diag import Report
from polyai_diag.notebook.view import result, tabs
from tests.aio import in_loop_for
from tests.real.elsewhere import measured
from tests.real.foreign import (
    HOST,
    ICE_SERVERS_PATH,
    TOKEN,
    Handler,
    Script,
    answering,
    head_of,
    http,
    judged,
    pipe,
    signaling_url,
    summary,
    tcp_server,
    websocket_server,
)
from tests.real.scripts import VIOLATION, answer, closes, error, sends

GROWTH_MB = 60
WITHIN_MS = 8000
REPORT_BYTES = 100_000
PIECE = b"x" * 65536
OPEN_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"


async def bounded(url: str, *steps: str, **environment: str) -> Report:
    """Diagnose it in a process of its own, and weigh that."""
    target = {"url": url, "token": TOKEN}
    report, grown_mb = await measured(target, steps, environment=environment)
    assert grown_mb < GROWTH_MB
    assert report.record.duration_ms < WITHIN_MS
    assert len(report.to_json()) < REPORT_BYTES
    return report


def endless(head: bytes, piece: bytes = PIECE) -> Handler:
    """Answer with this head, and then with this piece until the client goes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return handle


def beside(path: str, hostile: Handler, gateway: int) -> Handler:
    """Be hostile where this path is asked for, and the gateway on that port elsewhere."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await head_of(reader)
        if path not in head.split("\r\n")[0]:
            await pipe(reader, writer, head, gateway)
            return
        again = asyncio.StreamReader()
        again.feed_data(head.encode())
        await hostile(again, writer)

    return handle


NEVER_ENDING = {
    "body": endless(OPEN_HEAD),
    "counted": endless(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"),
    "chunks": endless(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + PIECE + b"\r\n"
    ),
    "header": endless(b"HTTP/1.1 200 OK\r\nX-Long: "),
    "headers": endless(b"HTTP/1.1 200 OK\r\n", b"X-Many: 1\r\n" * 4096),
    "status": endless(b"HTTP/1.1 200 "),
    "continue": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1024),
}
never_ending = pytest.mark.parametrize("hostile", NEVER_ENDING.values(), ids=NEVER_ENDING)


@never_ending
@in_loop_for(30)
async def test_an_answer_without_end_in_place_of_the_upgrade(hostile: Handler) -> None:
    """Something was said: that it did not end must not read as silence."""
    async with tcp_server(hostile) as port:
        report = await bounded(signaling_url(port), "gateway")
    never_switches = hostile is NEVER_ENDING["continue"]  # 100 is a status, and not 101
    cause = "websocket-refused" if never_switches else "wrong-endpoint"
    assert report.root_causes == (cause,)
    assert "no answer" not in summary(report)


@never_ending
@in_loop_for(30)
async def test_an_answer_without_end_at_the_ice_servers(hostile: Handler) -> None:
    async with (
        websocket_server(sends()) as gateway,
        tcp_server(beside(ICE_SERVERS_PATH, hostile, gateway)) as port,
    ):
        report = await bounded(signaling_url(port), "gateway")
    assert report.root_causes == ("ice-servers-unavailable",)


@never_ending
@in_loop_for(30)
async def test_an_answer_without_end_at_health_harms_nothing(hostile: Handler) -> None:
    async with (
        websocket_server(sends()) as gateway,
        tcp_server(beside("/health", hostile, gateway)) as port,
    ):
        report = await bounded(signaling_url(port), "gateway")
    assert report.findings == ()
    assert report.step("gateway").status == "passed"


@pytest.mark.parametrize("status", ["200 Connection established", "403 Forbidden"])
@pytest.mark.parametrize(
    "rest",
    [(b"X-Long: ", PIECE), (b"", b"X-Many: 1\r\n" * 4096), (b"\r\n", PIECE)],
    ids=["header", "headers", "body"],
)
@in_loop_for(30)
async def test_a_proxy_that_answers_connect_without_end(
    status: str, rest: tuple[bytes, bytes]
) -> None:
    head, piece = rest
    async with tcp_server(endless(f"HTTP/1.1 {status}\r\n".encode() + head, piece)) as port:
        url = "wss://gateway.example/api/v1/webrtc/signal"
        report = await bounded(url, "gateway", HTTPS_PROXY=f"http://{HOST}:{port}")
    expected = {("proxy-blocks-websocket",)}
    if status.startswith("200") and head == b"\r\n":  # connected, and then it is no TLS
        expected = {("wrong-endpoint",)}
    assert report.root_causes in expected


@in_loop_for(30)
async def test_a_proxy_that_asks_to_continue_without_end() -> None:
    hostile = NEVER_ENDING["continue"]
    async with tcp_server(hostile) as port:
        url = "wss://gateway.example/api/v1/webrtc/signal"
        report = await bounded(url, "gateway", HTTPS_PROXY=f"http://{HOST}:{port}")
    assert report.root_causes == ("proxy-blocks-websocket",)


# --- frames -------------------------------------------------------------------------------------


async def in_fragments(connection: ServerConnection, _: dict[str, Any]) -> None:
    """One message in fragments that never ends."""

    async def pieces() -> Any:
        while True:
            yield "x" * 65536

    await connection.send(pieces())


def at_a_rate(frame: dict[str, Any]) -> Script:
    """Send a thousand such frames a second."""

    async def script(connection: ServerConnection, _: dict[str, Any]) -> None:
        while True:
            for _number in range(50):
                await connection.send(json.dumps(frame))
            await asyncio.sleep(0.05)

    return script


def nested(depth: int) -> str:
    return '{"type": "answer", "data": ' + "[" * depth + "]" * depth + "}"


A_CANDIDATE = {"type": "ice-candidate", "data": {"candidate": "candidate:1 1 UDP 1 192.0.2.1 9"}}


@pytest.mark.parametrize(
    "script",
    [
        sends("x" * 10_000_000),
        sends(b"\x00" * 10_000_000),
        sends(json.dumps(answer(sdp="v=0\r\n" + "a=x\r\n" * 2_000_000))),
        sends(nested(100_000)),
        in_fragments,
        at_a_rate({"type": "pong"}),
        at_a_rate(A_CANDIDATE),
    ],
    ids=["text", "binary", "sdp", "nested", "fragments", "pongs", "candidates"],
)
@in_loop_for(30)
async def test_frames_beyond_measure(script: Script) -> None:
    async with websocket_server(script) as port:
        report = await bounded(signaling_url(port), "signaling")
    assert report.root_causes == (VIOLATION,)


@in_loop_for(30)
async def test_a_session_description_beyond_measure() -> None:
    async with websocket_server(sends(answer(sdp="v=0\r\n" + "a=x\r\n" * 90_000))) as port:
        report = await bounded(signaling_url(port), "call")
    assert report.root_causes == (VIOLATION,)


# --- what it says is shown, and does nothing ------------------------------------------------------

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'`[a](javascript:alert(3))"
CONTROL = "\x1b]0;owned\x07\x1b[2J"


def redirects(to: str) -> Handler:
    return answering(http("302 Found", Location=to, Server=MARKUP))


@pytest.mark.parametrize(
    "handler",
    [
        redirects(f"javascript:alert(4)//{MARKUP}"),
        redirects(f"https://evil.example/{CONTROL}"),
        answering(f"HTTP/1.1 302 Found\r\nLocation: https://e.example/\rX: {MARKUP}\r\n\r\n"),
        answering(http("200 OK", f"<html>blocked by policy {MARKUP}{CONTROL}</html>")),
        answering(http("503 Service Unavailable", MARKUP, Retry_After=MARKUP)),
        answering(f"SSH-2.0-{MARKUP}\r\n"),
    ],
    ids=["javascript", "escape", "injected", "page", "status", "banner"],
)
@in_loop_for(20)
async def test_what_an_answer_says_is_only_shown(handler: Handler) -> None:
    async with tcp_server(handler) as port:
        report = await judged(signaling_url(port), ice_servers=None)
    assert report.verdict == "failed"
    check_faces(report)


@pytest.mark.parametrize(
    "script",
    [
        sends(error("UNAUTHORIZED", MARKUP + CONTROL)),
        sends(error(MARKUP + CONTROL, "why")),
        sends({"type": MARKUP}, error("FOO")),
        sends(answer(session_id=MARKUP + CONTROL)),
        sends(MARKUP + CONTROL),
        closes(1011, MARKUP[:80]),
    ],
    ids=["message", "code", "type", "session", "frame", "reason"],
)
@in_loop_for(20)
async def test_what_a_frame_says_is_only_shown(script: Script) -> None:
    async with websocket_server(script) as port:
        report = await judged(signaling_url(port))
    check_faces(report)


def check_faces(report: Report) -> None:
    for html in faces(report):
        for raw in ("<script>alert", "<img src=x", "onerror=alert(2)>", 'href="javascript:'):
            assert raw not in html
        assert "\x1b" not in html
    assert "\x1b" not in report.to_markdown()


def faces(report: Report) -> Iterator[str]:
    """Every HTML that is made of a report; what is saved by a link stands encoded in it."""
    yield report.to_html()
    yield report._repr_html_()
    yield result(report)
    yield from tabs(report).values()
    yield MarkdownIt("commonmark").render(report.to_markdown())
