"""HTTP and SOCKS proxies as the environment sets them, each by a small server."""

import asyncio
import base64
from pathlib import Path

import pytest

from tests.aio import in_loop
from tests.real.foreign import (
    HOST,
    Certified,
    closed_port,
    head_of,
    judged,
    pipe,
    signaling_url,
    summary,
    tcp_server,
    websocket_server,
)
from tests.real.scripts import (
    error,
    sends,
)

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
