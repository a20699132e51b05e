"""What a diagnosis finds behind real nginx: passed on, got wrong, refused, blocked, cut off."""

import asyncio
from pathlib import Path

import pytest

from polyai_diag import diagnose
from polyai_diag.sandbox import Sandbox
from tests.aio import in_loop, in_loop_for
from tests.real.foreign import (
    HOST,
    Certified,
    closed_port,
    judged,
    put_together,
    signaling_url,
    summary,
    websocket_server,
)
from tests.real.nginx import BLOCK_PAGE, FORGETS_UPGRADE, answers, passes_to, running_nginx
from tests.real.scripts import echoes

HTTP_1_1 = "proxy_http_version 1.1;"
IDLE_CUT = "proxy_read_timeout 2s;"
TO_ITSELF = "location / { return 302 $scheme://$http_host$request_uri; }"
OUT_OF_ORDER = "<html><body><h1>Down for maintenance</h1></body></html>"


@in_loop_for(30)
async def test_a_proxy_that_passes_upgrades_is_healthy(tmp_path: Path) -> None:
    certified = Certified(tmp_path)
    async with Sandbox() as sandbox:
        behind = sandbox.describe()
        way = passes_to(behind["signaling_url"].split("/")[2], behind["ca_file"])
        with running_nginx(tmp_path, way, certified) as port:
            target = sandbox.target(
                url=signaling_url(port, scheme="wss"),
                ca_file=put_together(tmp_path, certified.ca_file, behind["ca_file"]),
            )
            report = await diagnose(target)
    assert report.findings == ()
    assert report.verdict == "healthy"
    assert sum(row["configured"] for row in report.step("turn").data["urls"]) == 3


@pytest.mark.parametrize(("more", "status"), [("", "505"), (HTTP_1_1, "426")])
@in_loop
async def test_a_proxy_that_forgets_the_upgrade(tmp_path: Path, more: str, status: str) -> None:
    """As it comes, nginx speaks HTTP/1.0 to what is behind it, and drops hop-by-hop headers."""
    certified = Certified(tmp_path)
    async with Sandbox() as sandbox:
        behind = sandbox.describe()
        at = behind["signaling_url"].split("/")[2]
        way = passes_to(at, behind["ca_file"], FORGETS_UPGRADE, more)
        with running_nginx(tmp_path, way, certified) as port:
            url = signaling_url(port, scheme="wss")
            target = sandbox.target(url=url, ca_file=certified.ca_file)
            report = await diagnose(target, steps=("gateway", "signaling"))
    assert report.root_causes == ("proxy-blocks-websocket",)
    assert "Upgrade" in summary(report)
    assert status in report.to_json()


@pytest.mark.parametrize(
    ("locations", "cause", "said"),
    [
        (answers(404), "wrong-endpoint", "HTTP 404"),
        (answers(200, "<html><body>It works!</body></html>"), "wrong-endpoint", "HTTP 200"),
        (TO_ITSELF, "wrong-endpoint", "redirected to https://127.0.0.1:"),
        (answers(429), "websocket-refused", "HTTP 429"),
        (passes_to(f"{HOST}:{closed_port()}", "{ca}"), "websocket-refused", "HTTP 502"),
        (answers(503, OUT_OF_ORDER), "websocket-refused", "HTTP 503"),
        (answers(403), "websocket-refused", "HTTP 403"),
        (answers(200, BLOCK_PAGE), "proxy-blocks-websocket", "blocked by your organisation"),
        (answers(403, BLOCK_PAGE), "proxy-blocks-websocket", "blocked by your organisation"),
    ],
    ids=["404", "200", "redirect-loop", "429", "502", "503", "403", "block-200", "block-403"],
)
@in_loop
async def test_in_place_of_the_upgrade(
    tmp_path: Path, locations: str, cause: str, said: str
) -> None:
    certified = Certified(tmp_path)
    locations = locations.replace("{ca}", certified.ca_file)
    with running_nginx(tmp_path, locations, certified) as port:
        url = signaling_url(port, scheme="wss")
        report = await judged(url, ca_file=certified.ca_file, ice_servers=None)
    assert report.record.duration_ms < 3000
    assert report.root_causes == (cause,)
    assert said in summary(report)


@in_loop
async def test_a_url_without_tls_where_tls_is_due(tmp_path: Path) -> None:
    """It answers 400 in plain HTTP, and only TLS to the same port tells why."""
    certified = Certified(tmp_path)
    with running_nginx(tmp_path, answers(404), certified) as port:
        report = await judged(signaling_url(port), ca_file=certified.ca_file)
    assert report.root_causes == ("wrong-endpoint",)
    assert "must begin with wss://" in summary(report)


@in_loop_for(30)
async def test_a_proxy_that_cuts_idle_sockets_loses_the_signaling(tmp_path: Path) -> None:
    """Nothing is said on the socket during a call; the media goes its own way, and lives on."""
    certified, over = Certified(tmp_path), asyncio.Event()
    async with websocket_server(echoes(over), ssl=certified.context) as behind:
        way = passes_to(f"{HOST}:{behind}", certified.ca_file, more=IDLE_CUT)
        with running_nginx(tmp_path, way, certified) as port:
            url = signaling_url(port, scheme="wss")
            report = await judged(url, steps=("audio",), ca_file=certified.ca_file, hold_s=4)
        over.set()
    assert report.root_causes == ("signaling-lost",)
    assert report.step("call").status == "passed"
    loopback = report.step("audio").observations[0]
    assert (loopback.operation, loopback.failure) == ("audio_loopback", None)
