"""What comes in place of the answer to an offer, and of the ICE servers."""

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Response

from polyai_diag import Report
from tests.aio import in_loop, in_loop_for
from tests.real.foreign import (
    ICE_SERVERS_PATH,
    Script,
    head_of,
    judged,
    pipe,
    signaling_url,
    summary,
    tcp_server,
    websocket_server,
)
from tests.real.scripts import (
    VIOLATION,
    answer,
    closes,
    error,
    gives,
    sends,
)


async def breaks_off(connection: ServerConnection, _: dict[str, Any]) -> None:
    connection.transport.abort()


async def speaks_no_websocket(connection: ServerConnection, _: dict[str, Any]) -> None:
    connection.transport.write(b"\xff\xff\xff\xff")


NO_ICE = (
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 opus/48000/2\r\n"
)


@pytest.mark.parametrize(
    ("script", "cause", "said"),
    [
        (closes(1000), "signaling-closed", "1000 (why)"),
        (closes(1008), "signaling-closed", "1008 (why)"),
        (closes(1011), "signaling-closed", "1011 (why)"),
        (closes(1013), "signaling-closed", "1013 (why)"),
        (breaks_off, "signaling-closed", "1006"),
        (sends({"type": "close", "sessionId": None}), "signaling-closed", "a close frame"),
        (sends("hello"), VIOLATION, "not JSON"),
        (sends([1, 2]), VIOLATION, "an array"),
        (sends("[" * 100_000), VIOLATION, "not JSON"),
        (sends(b"\xff\xfe\x00"), VIOLATION, "a binary frame"),
        (sends("x" * 1_000_000), VIOLATION, "1000000 bytes"),
        (speaks_no_websocket, VIOLATION, "1002"),
        (sends(answer(session_id=None)), VIOLATION, "$.sessionId"),
        (sends(answer(session_id=7)), VIOLATION, "$.sessionId"),
        (sends(answer(sdp=None)), VIOLATION, "$.data.sdp: missing"),
        (sends(answer(sdp="garbage")), VIOLATION, "$.data.sdp: not a session description"),
        (sends({"type": "error"}), VIOLATION, "$.data.code"),
        (sends(error("HANDLER_ERROR")), "gateway-error", "HANDLER_ERROR: why"),
        (sends(error("FOO")), "gateway-error", "FOO: why"),
        (sends(json.dumps(error("FOO")).encode()), "gateway-error", "FOO: why"),
        (sends(error("AGENT_FAILURE")), "agent-failure", "why"),
        (sends(error("MEDIA_BRIDGE_FAILURE")), "media-bridge-failure", "why"),
        (sends(error("INVALID_ARGUMENT")), "request-invalid", "INVALID_ARGUMENT: why"),
        (sends(error("INVALID_MESSAGE")), "request-invalid", "INVALID_MESSAGE: why"),
        (sends(error("UNAUTHORIZED")), "token-rejected", "UNAUTHORIZED: why"),
        (
            sends({"type": "error", "code": "UNAUTHORIZED", "message": "top"}),
            "token-rejected",
            "UNAUTHORIZED: top",
        ),
        (sends({"type": "pong"}, {"type": "hi"}, error("FOO")), "gateway-error", "FOO: why"),
        (sends(error("A\ud800", "\udfff")), "gateway-error", "A?: ?"),
    ],
)
@in_loop
async def test_in_place_of_the_answer(script: Script, cause: str, said: str) -> None:
    async with websocket_server(script) as port:
        report = await judged(signaling_url(port))
    assert report.record.duration_ms < 4000
    assert report.root_causes == (cause,)
    assert said in summary(report)
    assert Report.from_json(report.to_json()).root_causes == (cause,)


@in_loop
async def test_an_answer_without_ice_is_named_where_it_is_applied() -> None:
    async with websocket_server(sends(answer(NO_ICE))) as port:
        report = await judged(signaling_url(port), steps=("call",))
    assert report.root_causes == (VIOLATION,)
    assert report.findings[0].severity == "critical"
    assert "no a=ice-ufrag" in summary(report)


@in_loop_for(15)
async def test_silence_after_the_offer_takes_eight_seconds() -> None:
    async with websocket_server(sends()) as port:
        report = await judged(signaling_url(port))
    assert report.record.duration_ms < 9000
    assert report.root_causes == ("signaling-timeout",)


@pytest.mark.parametrize("frame", ['{"type": "pong"}', "no JSON"])
@in_loop_for(50)
async def test_a_flood_of_frames_is_named_and_ended(frame: str) -> None:
    async def flood(connection: ServerConnection, _: dict[str, Any]) -> None:
        while True:
            await connection.send(frame)

    async with websocket_server(flood) as port, asyncio.timeout(40):
        report = await judged(signaling_url(port))
    assert report.root_causes == (VIOLATION,)
    assert len(report.to_json()) < 100_000


@in_loop
async def test_forbidden() -> None:
    offers: list[str | None] = []

    async def refuses_echo(connection: ServerConnection, offer: dict[str, Any]) -> None:
        offers.append(offer.get("mode"))
        await connection.send(json.dumps(error("FORBIDDEN")))
        offers.append(json.loads(await connection.recv()).get("mode"))
        await connection.send(json.dumps(answer("v=0\r\n")))

    async def hangs_up_on_echo(connection: ServerConnection, offer: dict[str, Any]) -> None:
        if offer.get("mode") == "echo":
            await connection.send(json.dumps(error("FORBIDDEN")))
            await connection.close()
        else:
            await connection.send(json.dumps(answer("v=0\r\n")))

    async with websocket_server(refuses_echo) as port:
        fell_back = await judged(signaling_url(port))
    assert offers == ["echo", None]
    assert fell_back.findings == ()
    assert fell_back.step("signaling").data["mode"] == "end-to-end"
    async with websocket_server(hangs_up_on_echo) as port:
        reopened = await judged(signaling_url(port))
    assert reopened.findings == ()
    assert reopened.step("signaling").status == "passed"
    async with websocket_server(sends(error("FORBIDDEN"))) as port:
        explicit = await judged(signaling_url(port), mode="traditional")
    assert explicit.root_causes == ("request-forbidden",)


@pytest.mark.parametrize(
    ("respond", "cause", "said"),
    [
        (gives('{"error": "x"}', HTTPStatus.UNAUTHORIZED), "token-rejected", "answered 401"),
        (gives("no", HTTPStatus.INTERNAL_SERVER_ERROR), "ice-servers-unavailable", "answered 500"),
        (gives("<html>hello</html>"), "ice-servers-unavailable", "the answer is not JSON"),
        (gives("[" * 60_000), "ice-servers-unavailable", "the answer is not JSON"),
        (gives("[]"), "ice-servers-unavailable", "no iceServers list in the answer"),
        (gives("[" + "0," * 1_000_000), "ice-servers-unavailable", "longer than 65536 bytes"),
    ],
)
@in_loop
async def test_no_ice_servers(respond: Callable[..., Response], cause: str, said: str) -> None:
    async with websocket_server(sends(), respond=respond) as port:
        report = await judged(signaling_url(port), steps=("gateway",), ice_servers=None)
    assert report.record.duration_ms < 3000
    assert report.root_causes == (cause,)
    assert said in summary(report)
    assert len(report.to_json()) < 20_000


@in_loop
async def test_malformed_entries_are_noted_and_left_out() -> None:
    entries = [
        {"urls": ["stun:127.0.0.1:3478"]},
        {"urls": "turn:127.0.0.1:3478", "username": "u", "credential": "top-secret"},
        {"urls": ["http://nonsense"]},
        {"username": "only"},
        {"urls": "stun:x", "username": 5},
        "text",
    ]
    body = json.dumps({"iceServers": entries})
    async with websocket_server(sends(), respond=gives(body)) as port:
        report = await judged(signaling_url(port), steps=("gateway",), ice_servers=None)
    assert report.findings == ()
    data = report.step("gateway").data
    assert data["ice_urls"] == ["stun:127.0.0.1:3478", "turn:127.0.0.1:3478"]
    fetch = report.step("gateway").observations[-1]
    assert len(fetch.notes["unread"]) == 4
    assert "top-secret" not in report.to_json()


@in_loop
async def test_a_slow_drip_is_bounded_in_time() -> None:
    """Plain HTTP that never ends, on the port whose WebSocket works."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await head_of(reader)
        if ICE_SERVERS_PATH not in head:
            await pipe(reader, writer, head, backend)
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.1)

    async with (
        websocket_server(sends()) as backend,
        tcp_server(drip) as port,
    ):
        report = await judged(signaling_url(port), steps=("gateway",), ice_servers=None)
    assert report.record.duration_ms < 6500
    assert report.root_causes == ("ice-servers-unavailable",)
    assert "generic_timeout" in summary(report)
