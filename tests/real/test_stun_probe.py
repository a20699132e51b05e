"""The STUN probe against real coturn, and against silence."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator

import pytest
import trustme

from polyai_diag import IceServer, Report, Target, diagnose
from polyai_diag.failures import Failure
from polyai_diag.probes.stun_control import TLS_PORTS
from polyai_diag.steps.stun import MAX_SERVERS, check_stun
from tests.aio import in_loop
from tests.real.coturn import Coturn
from tests.real.foreign import HOST, closed_port

pytestmark = pytest.mark.coturn

TLS_PORT = TLS_PORTS[-1]
BLOCKED_S = 3.3  # the last request at 2.8 s, and half a second more


def target(*urls: str) -> Target:
    return Target("ws://127.0.0.1:1/", ice_servers=[IceServer(urls)], third_party=False)


@contextlib.contextmanager
def deaf(host: str = HOST, port: int = 0) -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind((host, port))
        yield listening.getsockname()[1]


async def judged(*urls: str) -> Report:
    return await diagnose(target(*urls), steps=("stun",))


@in_loop
async def test_bindings(coturn: Coturn) -> None:
    result = await check_stun(target(f"stun:{HOST}:{coturn.udp_port}"))
    assert result.status == "passed"
    [row] = result.data["servers"]
    assert row["answered"] == row["sent"] > 20
    assert (row["family"], row["server"]) == ("IPv4", f"{HOST}:{coturn.udp_port}")
    low, high = row["rtt_interval_ms"]
    assert 0 < low <= row["rtt_ms"] <= high < 100
    assert row["jitter_interval_ms"][0] <= row["jitter_ms"] <= row["jitter_interval_ms"][1]
    assert (row["loss_percent"], row["loss_interval_percent"][0], row["malformed"]) == (0, 0, 0)
    host, port = row["mapped_address"].rsplit(":", 1)
    assert host == HOST  # no translation between: the socket's own address
    assert int(port) in range(1024, 65536)
    assert result.duration_ms < 1500
    [control] = [o for o in result.observations if o.operation == "tcp_connect"]
    assert control.failure is None


@in_loop
async def test_silence_and_a_server_that_answers(coturn: Coturn) -> None:
    with deaf() as silent:
        silent_url = f"stun:localhost:{silent}"
        report = await judged(silent_url, f"stun:{HOST}:{coturn.udp_port}")
    took_s = report.step("stun").duration_ms / 1000
    assert BLOCKED_S - 0.1 < took_s < BLOCKED_S + 0.7
    assert report.root_causes == ("stun-unreachable",)
    assert "no answer to 12 requests" in report.findings[0].summary
    assert report.findings[0].severity == "warning"
    assert report.step("stun").data["udp"] == "open"


@in_loop
async def test_tls_is_the_control_where_a_port_is_tls() -> None:
    """On an address of the test's own: the port is a fixed one."""
    authority, host = trustme.CA(), "127.77.53.49"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    with authority.cert_pem.tempfile() as ca_file, deaf(host, TLS_PORT):
        server = await asyncio.start_server(lambda _, w: w.close(), host, TLS_PORT, ssl=context)
        async with server:
            urls = [IceServer(f"turn:{host}:{TLS_PORT}?transport=udp")]
            aimed = Target(
                "ws://127.0.0.1:1/", ice_servers=urls, third_party=False, ca_file=ca_file
            )
            report = await diagnose(aimed, steps=("stun",))
            await asyncio.sleep(0.01)
    assert report.step("stun").data["udp"] == "blocked"
    failures = {o.operation: o.failure for o in report.step("stun").observations}
    assert failures == {
        "tcp_connect": None, "tls_control": None, "stun_binding": Failure.GENERIC_TIMEOUT,
    }  # fmt: skip
    [finding] = report.findings
    assert finding.id == "stun-unreachable"
    assert "TLS to the same host works; no other operator was asked" in finding.summary


@in_loop
async def test_of_very_many_servers_some_are_asked(coturn: Coturn) -> None:
    here = f"stun:{HOST}:{coturn.udp_port}"
    result = await check_stun(target(here, *(f"stun:127.0.9.{n}:9" for n in range(1, 200))))
    assert len(result.data["servers"]) == MAX_SERVERS
    assert result.data["servers_left_out"] == 200 - MAX_SERVERS
    assert result.data["udp"] == "open"


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
    with deaf() as silent:
        task = asyncio.create_task(check_stun(target(f"stun:{HOST}:{silent}")))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
