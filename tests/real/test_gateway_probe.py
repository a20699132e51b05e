"""The signaling probes against gateways that are not ours, each with one thing wrong."""

import asyncio
import base64
import datetime as dt
import json
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Response

from polyai_diag import IceServer, Report, Target, diagnose
from polyai_diag.failures import Failure
from polyai_diag.media import aiortc_taps
from polyai_diag.model import Event, Observed, Status
from polyai_diag.sandbox.turn import TurnServer
from polyai_diag.steps.call import check_call
from polyai_diag.steps.signaling import check_signaling
from tests.aio import in_loop, in_loop_for, until
from tests.real.foreign import (
    HOST,
    ICE_SERVERS_PATH,
    TOKEN,
    Certified,
    Handler,
    Script,
    answering,
    closed_port,
    head_of,
    http,
    judged,
    signaling_url,
    silent,
    tcp_server,
    websocket_server,
)

A_DAY = dt.timedelta(days=1)


def summary(report: Report) -> str:
    return report.findings[0].summary


# --- in place of the upgrade ------------------------------------------------------------------


async def echoes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(4096):
        writer.write(data)


async def is_ssh(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await reader.read(4096)


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4096)


@pytest.mark.parametrize(
    ("handler", "cause", "said"),
    [
        (answering(http("403 Forbidden")), "websocket-refused", "HTTP 403"),
        (answering(http("429 Too Many Requests")), "websocket-refused", "HTTP 429"),
        (answering(http("503 Service Unavailable")), "websocket-refused", "HTTP 503"),
        (answering(http("200 OK", "<html>hello</html>")), "wrong-endpoint", "HTTP 200"),
        (answering(http("404 Not Found")), "wrong-endpoint", "HTTP 404"),
        (
            answering(http("301 Moved", Location="https://elsewhere.invalid/")),
            "wrong-endpoint",
            "redirected to https://elsewhere.invalid/",
        ),
        (echoes, "wrong-endpoint", "HTTP/1.1"),
        (is_ssh, "wrong-endpoint", "SSH-2.0-OpenSSH_9.2"),
        (hangs_up, "websocket-refused", "closed"),
    ],
)
@in_loop
async def test_in_place_of_the_upgrade(handler: Handler, cause: str, said: str) -> None:
    async with tcp_server(handler) as port, asyncio.timeout(2):
        report = await judged(signaling_url(port))
    assert report.root_causes == (cause,)
    assert said in summary(report)
    assert report.step("signaling").status is Status.SKIPPED


@in_loop_for(12)
async def test_silence_is_named_by_how_far_it_came(tmp_path: Path) -> None:
    """TCP accepts and nothing follows: before TLS, before the upgrade's answer."""
    certified = Certified(tmp_path)
    async with tcp_server(silent) as plain, tcp_server(silent, tls=certified.context) as secure:
        before_tls, after_tls, without_tls = await asyncio.gather(
            judged(signaling_url(plain, scheme="wss")),
            judged(signaling_url(secure, scheme="wss"), ca_file=certified.ca_file),
            judged(signaling_url(plain)),
        )
    assert before_tls.root_causes == ("gateway-unreachable",)
    assert "TLS" in summary(before_tls)
    for report in (after_tls, without_tls):
        assert report.root_causes == ("websocket-refused",)
        assert "no answer to the upgrade in 5 s" in summary(report)


@in_loop
async def test_tls_where_none_is_and_none_where_tls_is(tmp_path: Path) -> None:
    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(http("400 Bad Request").encode())

    async def alert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(b"\x15\x03\x03\x00\x02\x02\x0a")  # a fatal TLS alert: unexpected_message

    async with tcp_server(refuses) as plain, tcp_server(alert) as tls:
        reports = await asyncio.gather(
            judged(signaling_url(plain, scheme="wss")), judged(signaling_url(tls))
        )
    for report in reports:
        assert report.root_causes == ("wrong-endpoint",)
        assert "_ssl.c" not in summary(report)


# --- the way there ----------------------------------------------------------------------------


@in_loop
async def test_names_and_ports_that_lead_nowhere() -> None:
    no_name, ipv4, ipv6 = await asyncio.gather(
        judged("wss://gateway.invalid/api/v1/webrtc/signal"),
        judged(signaling_url(closed_port())),
        judged(signaling_url(closed_port("::1"), host="[::1]")),
    )
    assert no_name.root_causes == ("dns-failure",)
    assert summary(no_name) == "gateway.invalid: no such name"
    for report in (ipv4, ipv6):
        assert report.root_causes == ("gateway-unreachable",)
        assert "Connection refused" in summary(report)
        assert "Errno" not in summary(report)


@pytest.mark.parametrize(
    ("names", "valid", "trusted", "failure", "said"),
    [
        ((HOST,), None, False, Failure.TLS_UNTRUSTED, "an authority that is not known here"),
        ((HOST,), (-2, -1), True, Failure.TLS_EXPIRED, "expired"),
        ((HOST,), (1, 2), True, Failure.TLS_NOT_YET_VALID, "not valid yet"),
        (("gateway.example",), None, True, Failure.TLS_WRONG_HOST, "made for another host"),
    ],
)
@in_loop
async def test_certificates(
    tmp_path: Path,
    names: tuple[str, ...],
    valid: tuple[int, int] | None,
    trusted: bool,
    failure: Failure,
    said: str,
) -> None:
    now = dt.datetime.now(dt.UTC)
    dates = {}
    if valid is not None:
        dates = {"not_before": now + valid[0] * A_DAY, "not_after": now + valid[1] * A_DAY}
    certified = Certified(tmp_path, *names, **dates)
    async with tcp_server(silent, tls=certified.context) as port:
        url = signaling_url(port, scheme="wss")
        report = await judged(url, ca_file=certified.ca_file if trusted else None)
    assert report.root_causes == ("tls-certificate-invalid",)
    assert said in summary(report)
    handshakes = [o for o in report.step("gateway").observations if o.operation == "tls_handshake"]
    assert [o.failure for o in handshakes] == [failure]


# --- in place of the answer -------------------------------------------------------------------


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


def closes(code: int) -> Script:
    async def script(connection: ServerConnection, _: dict[str, Any]) -> None:
        await connection.close(code, "why")

    return script


async def breaks_off(connection: ServerConnection, _: dict[str, Any]) -> None:
    connection.transport.abort()


async def speaks_no_websocket(connection: ServerConnection, _: dict[str, Any]) -> None:
    connection.transport.write(b"\xff\xff\xff\xff")


VIOLATION = "signaling-protocol-violation"
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
    async with websocket_server(script) as port, asyncio.timeout(4):
        report = await judged(signaling_url(port))
    assert report.root_causes == (cause,)
    assert said in summary(report)
    assert Report.from_json(report.to_json()).root_causes == (cause,)


@in_loop
async def test_an_answer_without_ice_is_named_where_it_is_applied() -> None:
    async with websocket_server(sends(answer(NO_ICE))) as port:
        report = await judged(signaling_url(port), steps=("call",))
    assert report.root_causes == (VIOLATION,)
    assert report.findings[0].severity == "critical"
    assert "ICE username fragment" in summary(report)


@in_loop_for(15)
async def test_silence_after_the_offer_takes_eight_seconds() -> None:
    async with websocket_server(sends()) as port, asyncio.timeout(9):
        report = await judged(signaling_url(port))
    assert report.root_causes == ("signaling-timeout",)


@pytest.mark.parametrize("frame", ['{"type": "pong"}', "no JSON"])
@in_loop_for(18)
async def test_a_flood_of_frames_is_named_and_ended(frame: str) -> None:
    async def flood(connection: ServerConnection, _: dict[str, Any]) -> None:
        while True:
            await connection.send(frame)

    async with websocket_server(flood) as port, asyncio.timeout(8):
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


# --- the ICE servers --------------------------------------------------------------------------


def gives(body: str, status: HTTPStatus = HTTPStatus.OK) -> Callable[..., Response]:
    return lambda connection, _request: connection.respond(status, body)


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
    async with websocket_server(sends(), respond=respond) as port, asyncio.timeout(3):
        report = await judged(signaling_url(port), steps=("gateway",), ice_servers=None)
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
        asyncio.timeout(6.5),
    ):
        report = await judged(signaling_url(port), steps=("gateway",), ice_servers=None)
    assert report.root_causes == ("ice-servers-unavailable",)
    assert "generic_timeout" in summary(report)


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


# --- proxies ----------------------------------------------------------------------------------

LOGIN = "clerk:pr0xy-pass"


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("200 Connection established", None),
        ("403 Forbidden", "proxy-blocks-websocket"),
        ("407 Proxy Authentication Required", "proxy-blocks-websocket"),
    ],
)
@in_loop
async def test_an_http_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str, cause: str | None
) -> None:
    asked: list[str] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await head_of(reader))
        writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
        if status.startswith("200"):
            await pipe(reader, writer, "", int(asked[0].split()[1].rsplit(":")[1]))

    certified = Certified(tmp_path)
    async with (
        websocket_server(sends(error("FOO")), ssl=certified.context) as port,
        tcp_server(proxy) as proxy_port,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{LOGIN}@{HOST}:{proxy_port}")
        monkeypatch.setenv("NO_PROXY", "elsewhere.example")
        url = signaling_url(port, scheme="wss", host="localhost")
        report = await judged(url, ca_file=certified.ca_file)
    assert report.root_causes == ((cause or "gateway-error"),)
    assert asked[0].startswith(f"CONNECT localhost:{port} HTTP/1.1\r\n")
    assert base64.b64encode(LOGIN.encode()).decode() in asked[0]
    assert len(asked) == (1 if cause else 4)  # WebSocket, health, ICE servers, chain: the same way
    for word in LOGIN.split(":"):
        assert word not in report.to_json()
    assert report.record.environment["proxies"]["https"] == f"http://{HOST}:{proxy_port}"
    if cause:
        assert status[:3] in summary(report)


@in_loop
async def test_a_proxy_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{LOGIN}@{HOST}:{closed_port()}")
    report = await judged("wss://localhost:1/")
    assert report.root_causes == ("proxy-blocks-websocket",)
    assert "pr0xy" not in report.to_json()


@in_loop
async def test_a_socks_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeting = await reader.readexactly(2)
        await reader.readexactly(greeting[1])
        writer.write(b"\x05\x00")
        kind = (await reader.readexactly(4))[3]
        length = (await reader.readexactly(1))[0] if kind == 3 else 4
        await reader.readexactly(length)
        port = int.from_bytes(await reader.readexactly(2))
        writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        await pipe(reader, writer, "", port)

    certified = Certified(tmp_path)
    async with (
        websocket_server(sends(error("FOO")), ssl=certified.context) as port,
        tcp_server(proxy) as proxy_port,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"socks5://{HOST}:{proxy_port}")
        url = signaling_url(port, scheme="wss", host="localhost")
        report = await judged(url, ca_file=certified.ca_file)
    assert report.root_causes == ("gateway-error",)


# --- the call: aiortc as a gateway that is not ours ---------------------------------------------


class Mute(AudioStreamTrack):
    """A track that never has anything to send."""

    async def recv(self) -> Any:
        await asyncio.Event().wait()


def answers(change: Callable[[str], str], *, mute: bool = False, early: bool = False) -> Script:
    """Answer by aiortc, with an SDP that `change` has had; `early` sends candidates before it."""

    async def script(connection: ServerConnection, offer: dict[str, Any]) -> None:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        try:
            pc.addTrack(Mute() if mute else AudioStreamTrack())
            await pc.setRemoteDescription(RTCSessionDescription(offer["data"]["sdp"], "offer"))
            with aiortc_taps.host_candidates_from([HOST]):
                await pc.setLocalDescription(await pc.createAnswer())
            sdp = change(pc.localDescription.sdp)
            if early:
                for line in pc.localDescription.sdp.splitlines():
                    if line.startswith("a=candidate:"):
                        data = {"candidate": line[2:], "sdpMid": "0", "sdpMLineIndex": 0}
                        await connection.send(json.dumps({"type": "ice-candidate", "data": data}))
            await connection.send(json.dumps(answer(sdp)))
            await connection.wait_closed()
        finally:
            await aiortc_taps.close_fully(pc)

    return script


def without(prefix: str | tuple[str, ...]) -> Callable[[str], str]:
    return lambda sdp: "".join(f"{s}\r\n" for s in sdp.splitlines() if not s.startswith(prefix))


def with_another_fingerprint(sdp: str) -> str:
    other = ":".join(["AB"] * 32)
    kept = without("a=fingerprint:sha-256 ")(without("a=fingerprint:sha-384 ")(sdp))
    lines = [s for s in kept.splitlines() if not s.startswith("a=fingerprint")]
    return "".join(f"{s}\r\n" for s in [*lines, f"a=fingerprint:sha-256 {other}"])


@pytest.mark.parametrize(
    ("script", "causes", "within_s"),
    [
        (answers(lambda sdp: sdp), (), 5),
        (answers(without(("a=candidate", "a=end-of-candidates")), early=True), (), 5),
        (answers(with_another_fingerprint), ("dtls-failed",), 5),
        (answers(without("a=candidate")), ("ice-no-candidates",), 12),
        (answers(without("a=end-of-candidates")), (), 5),
        (answers(lambda sdp: sdp, mute=True), ("no-audio-received",), 7),
        (answers(lambda sdp: sdp.replace("sendrecv", "recvonly")), ("media-direction",), 5),
        (answers(lambda sdp: sdp.replace("48000/2", "48000/1")), ("opus-misconfigured",), 5),
    ],
    ids=[
        "healthy",
        "early-candidates",
        "fingerprint",
        "no-candidates",
        "no-end",
        "mute",
        "one-way",
        "mono-opus",
    ],
)
@in_loop_for(15)
async def test_calls(script: Script, causes: tuple[str, ...], within_s: float) -> None:
    async with websocket_server(script) as port, asyncio.timeout(within_s):
        report = await judged(signaling_url(port), steps=("call",))
    assert report.root_causes == causes
    if causes == ("dtls-failed",):
        assert "AB:AB" in summary(report)


@in_loop_for(28)
async def test_an_agent_that_says_nothing_is_given_fifteen_seconds() -> None:
    answers_silence = answers(lambda sdp: sdp)

    async def refuses_echo(connection: ServerConnection, _: dict[str, Any]) -> None:
        await connection.send(json.dumps(error("FORBIDDEN")))
        await answers_silence(connection, json.loads(await connection.recv()))

    async with websocket_server(refuses_echo) as port, asyncio.timeout(22):
        report = await judged(signaling_url(port), steps=("audio",))
    assert report.root_causes == ("silent-audio",)
    assert "no speech from the agent in 15 s" in summary(report)
    assert report.step("audio").data["mode"] == "agent"


# --- cancelled --------------------------------------------------------------------------------


@pytest.mark.parametrize("after", ["tcp_connect", "http_health", "ice_gather", "ice_connect"])
@in_loop
async def test_cancelled_in_the_midst_it_leaves_nothing(after: str) -> None:
    """`in_loop` fails on tasks and sockets that are left; the moment is right after an exchange."""
    cancelled: list[bool] = []
    gone = asyncio.Event()
    inner = answers(lambda sdp: sdp)

    async def script(connection: ServerConnection, offer: dict[str, Any]) -> None:
        try:
            await inner(connection, offer)
        finally:
            gone.set()

    def cancel(event: Event) -> None:
        if isinstance(event, Observed) and event.observation.operation == after and not cancelled:
            cancelled.append(task.cancel())

    async with websocket_server(script) as port:
        target = Target(signaling_url(port), TOKEN, ice_servers=[], third_party=False)
        task = asyncio.create_task(diagnose(target, steps=("call",), on_event=cancel))
        with pytest.raises(asyncio.CancelledError):
            await task
        if after == "ice_connect":
            async with asyncio.timeout(2):
                await gone.wait()


@pytest.mark.parametrize("check", [check_signaling, check_call])
@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.1])
@in_loop
async def test_a_cancelled_check_leaves_nothing(check: Any, after_s: float) -> None:
    async with websocket_server(sends()) as port:
        target = Target(signaling_url(port), TOKEN, ice_servers=[], third_party=False)
        task = asyncio.create_task(check(target))
        await asyncio.sleep(after_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("over", ["udp", "tcp"])
@in_loop
async def test_a_cancelled_call_gives_its_relayed_address_back(over: str) -> None:
    async with TurnServer(users={"alice": "s3cret"}) as turn, websocket_server(sends()) as port:
        url = f"turn:{HOST}:{turn.udp_port}?transport={over}"
        servers = [IceServer(url, "alice", "s3cret")]
        target = Target(signaling_url(port), TOKEN, ice_servers=servers, third_party=False)
        task = asyncio.create_task(check_call(target))
        await until(lambda: turn.allocations > 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(1):
            await until(lambda: turn.allocations == 0)


@in_loop
async def test_cancelled_while_the_upgrade_waits() -> None:
    async with tcp_server(silent) as port:
        target = Target(signaling_url(port), TOKEN, ice_servers=[], third_party=False)
        task = asyncio.create_task(check_signaling(target))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
