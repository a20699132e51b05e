"""What stands in place of the upgrade: other servers, other statuses, silence."""

import asyncio
from pathlib import Path

import pytest

from polyai_diag.model import Status
from tests.aio import in_loop, in_loop_for
from tests.real.foreign import (
    Certified,
    Handler,
    answering,
    closed_port,
    http,
    judged,
    signaling_url,
    silent,
    summary,
    tcp_server,
)


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
    async with tcp_server(handler) as port:
        report = await judged(signaling_url(port))
    assert report.record.duration_ms < 2000
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


@in_loop
async def test_names_and_ports_that_lead_nowhere() -> None:
    no_name, ipv4, ipv6 = await asyncio.gather(
        judged("wss://gateway.invalid/api/v1/webrtc/signal"),
        judged(signaling_url(closed_port())),
        judged(signaling_url(closed_port("::1"), host="[::1]")),
    )
    assert no_name.root_causes == ("dns-failure",)
    assert summary(no_name).startswith("gateway.invalid: no such name; nothing was there to")
    for report in (ipv4, ipv6):
        assert report.root_causes == ("gateway-unreachable",)
        assert "Connection refused" in summary(report)
        assert "Errno" not in summary(report)
