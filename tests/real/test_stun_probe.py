"""The STUN probe against real coturn, and against silence."""

import asyncio
import socket

import pytest

from polyai_diag import IceServer, Report, Target, diagnose
from polyai_diag.failures import Failure
from polyai_diag.steps.stun import check_stun
from tests.aio import in_loop
from tests.real.coturn import Coturn
from tests.real.foreign import HOST, closed_port

pytestmark = pytest.mark.coturn

BLOCKED_S = 3.3  # the last request at 2.8 s, and half a second more


def target(*urls: str) -> Target:
    return Target("ws://127.0.0.1:1/", ice_servers=[IceServer(urls)], third_party=False)


async def judged(*urls: str) -> Report:
    return await diagnose(target(*urls), steps=("stun",))


@in_loop
async def test_bindings(coturn: Coturn) -> None:
    result = await check_stun(target(f"stun:{HOST}:{coturn.udp_port}"))
    assert result.status == "passed"
    [row] = result.data["servers"]
    assert row["answered"] >= 5
    assert 0 < row["rtt_ms"] < 100
    host, port = row["mapped_address"].rsplit(":", 1)
    assert host == HOST  # no translation between: the socket's own address
    assert int(port) in range(1024, 65536)
    assert result.duration_ms < 1500
    [control] = [o for o in result.observations if o.operation == "tcp_connect"]
    assert control.failure is None


@in_loop
async def test_silence_and_a_server_that_answers(coturn: Coturn) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind((HOST, 0))
        silent_url = f"stun:localhost:{deaf.getsockname()[1]}"
        report = await judged(silent_url, f"stun:{HOST}:{coturn.udp_port}")
    took_s = report.step("stun").duration_ms / 1000
    assert BLOCKED_S - 0.1 < took_s < BLOCKED_S + 0.7
    assert report.root_causes == ("stun-unreachable",)
    assert "no answer to 12 requests" in report.findings[0].summary
    assert report.findings[0].severity == "warning"
    assert report.step("stun").data["udp"] == "open"


@in_loop
async def test_a_closed_port_is_told_early() -> None:
    report = await judged(f"stun:{HOST}:{closed_port()}")
    assert report.step("stun").duration_ms < 1000
    assert report.root_causes == ("stun-unreachable",)
    assert "connection_refused" in report.findings[0].summary


@in_loop
async def test_a_name_that_does_not_exist() -> None:
    report = await judged("stun:stun.invalid")
    assert report.root_causes == ("stun-unreachable",)
    failures = {o.failure for o in report.step("stun").observations}
    assert failures == {Failure.DNS_NXDOMAIN}


@in_loop
async def test_cancelled_it_leaves_nothing() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind((HOST, 0))
        task = asyncio.create_task(check_stun(target(f"stun:{HOST}:{deaf.getsockname()[1]}")))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
