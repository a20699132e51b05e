"""The TURN probe against real coturn, and against servers that are no TURN servers."""

import asyncio
import base64
import contextlib
import datetime as dt
import hmac
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from polyai_diag import IceServer, Report, Target, diagnose
from polyai_diag.failures import Failure
from polyai_diag.model import Event, Observation, Observed
from polyai_diag.probes.stun_transport import open_udp
from polyai_diag.probes.trace import Trace
from polyai_diag.probes.turn_allocation import Allocation, Holdings
from polyai_diag.sandbox.proxy import Proxy, Upstream
from polyai_diag.sandbox.settings import ProxyMode
from polyai_diag.sandbox.turn import TurnFaults, TurnServer
from polyai_diag.steps.turn import check_turn
from polyai_diag.target import parse_ice_url
from tests.aio import in_loop, in_loop_for, until
from tests.real.coturn import Coturn, running_coturn
from tests.real.elsewhere import diagnosed
from tests.real.foreign import Certified, Handler, closed_port, http, silent, tcp_server
from tests.real.namespaces import namespace, serving

pytestmark = pytest.mark.coturn

ALL = ("udp", "tcp", "tls")
FREED_S = 2.0
CHECK_S = 4.0


def turn_urls(coturn: Coturn, *transports: str) -> list[str]:
    wanted = transports or ALL
    return [u for u in coturn.urls() if u[:4] == "turn" and parse_ice_url(u).transport in wanted]


def aimed(
    urls: list[str],
    username: str | None = "alice",
    credential: str | None = "s3cret",
    *,
    ca_file: Path | str | None = None,
) -> Target:
    return Target(
        "ws://127.0.0.1:1/",
        ice_servers=[IceServer(urls, username, credential)],
        third_party=False,
        ca_file=str(ca_file) if ca_file else None,
    )


async def judged(target: Target) -> Report:
    return await diagnose(target, steps=("turn",))


def rows(report: Report) -> list[dict[str, Any]]:
    """What was configured; the other transports are tried beside it."""
    found: list[dict[str, Any]] = report.step("turn").data["urls"]
    return [row for row in found if row["configured"]]


def of(report: Report, operation: str) -> list[Observation]:
    """What was seen of the near end, for what is configured."""
    return [
        o
        for o in report.step("turn").observations
        if o.operation == operation
        and not o.notes.get("far_end")
        and o.notes.get("configured") is not False
    ]


@in_loop
async def test_the_right_password_reaches_the_relayed_echo(coturn: Coturn) -> None:
    report = await judged(aimed(turn_urls(coturn), ca_file=coturn.ca_file))
    assert report.root_causes == ()
    assert [row["transport"] for row in rows(report)] == list(ALL)
    for row in rows(report):
        assert (row["stage"], row["ok"], row["failure"]) == ("relayed_echo", True, None)
        assert (row["sent"], row["proof"], row["measured"]) == (50, "echo", "relay")
        assert row["throughput_kbps"] > 150
        assert 0 < row["rtt_p50_ms"] <= row["rtt_p95_ms"] < 200
        assert 0 < row["setup_ms"] < 1000
        assert row["relayed_address"].startswith("127.0.0.1:")
    udp, tcp, _ = rows(report)
    assert (udp["lost"], tcp["lost"]) == (0, 0)  # TLS loses packets in coturn now and then


@pytest.mark.parametrize(
    ("username", "credential", "said"),
    [
        ("alice", "not-the-p4ss", "401 Unauthorized"),
        ("nobody", "s3cret", "401 Unauthorized"),
        (None, None, "no username or credential configured"),
    ],
)
@in_loop
async def test_credentials_that_are_refused(
    coturn: Coturn, username: str | None, credential: str | None, said: str
) -> None:
    report = await judged(aimed(turn_urls(coturn), username, credential, ca_file=coturn.ca_file))
    assert report.root_causes == ("turn-credentials-rejected",)
    assert all(o.failure is None for o in of(report, "turn_challenge"))
    refused = of(report, "turn_allocate")
    assert [o.failure for o in refused] == [Failure.STUN_UNAUTHORIZED] * len(ALL)
    assert {o.notes["signed"] for o in refused} == {credential is not None}
    assert {row["detail"] for row in rows(report)} == {said}
    assert "not-the-p4ss" not in report.to_json()


@in_loop
async def test_credentials_that_have_expired(tmp_path: Path) -> None:
    with running_coturn(tmp_path, "use-auth-secret", "static-auth-secret=hush") as coturn:
        urls = turn_urls(coturn)
        report = await judged(aimed(urls, "1600000000:bob", "stale", ca_file=coturn.ca_file))
    assert report.root_causes == ("turn-credentials-expired",)
    assert "2020-09-13" in report.findings[0].summary


@in_loop
async def test_a_quota_of_two_is_free_again_after_each_run(tmp_path: Path) -> None:
    with running_coturn(tmp_path, "user-quota=2") as coturn:
        target = aimed(turn_urls(coturn, "udp"))
        for _ in range(3):
            async with asyncio.timeout(FREED_S + CHECK_S):  # coturn counts a released one longer
                await echoes(target)


async def echoes(target: Target) -> None:
    """Ask until the echo is reached: two allocations were granted. Only asking tells."""
    while rows(await judged(target))[0]["stage"] != "relayed_echo":  # noqa: ASYNC110 - see above
        await asyncio.sleep(0.1)


@in_loop
async def test_a_quota_that_our_own_urls_fill_is_no_finding(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    with running_coturn(one, "user-quota=1") as single, running_coturn(two, "user-quota=2") as pair:
        reports = await asyncio.gather(
            *(judged(aimed(turn_urls(c), ca_file=c.ca_file)) for c in (single, pair))
        )
    for report in reports:
        assert (report.root_causes, report.findings) == ((), ())
        assert [row["ok"] for row in rows(report)] == [True] * len(ALL)
    for row in rows(reports[0]):
        assert (row["stage"], row["failure"]) == ("allocate", None)
        assert "486" in row["detail"]


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (("total-quota=1",), "turn-quota-reached"),
        (("user-quota=1",), "turn-quota-reached"),
        (("min-port={free}", "max-port={free}"), "turn-out-of-capacity"),
    ],
)
@in_loop
async def test_a_server_that_others_have_filled(
    tmp_path: Path, options: tuple[str, ...], cause: str
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    with running_coturn(tmp_path, *(option.format(free=free) for option in options)) as coturn:
        async with held_allocation(coturn):
            report = await judged(aimed(turn_urls(coturn), ca_file=coturn.ca_file))
    assert report.root_causes == (cause,)
    assert [row["ok"] for row in rows(report)] == [False] * len(ALL)


@contextlib.asynccontextmanager
async def held_allocation(coturn: Coturn) -> AsyncIterator[Allocation]:
    """Someone else's allocation, for as long as the block lasts."""
    server = IceServer(turn_urls(coturn, "udp"), coturn.username, coturn.password)
    trace = Trace("turn")
    async with open_udp((coturn.host, coturn.udp_port)) as transport:
        allocation = Allocation(transport, server, Holdings())
        with trace.observe("turn_allocate", "someone else") as seen:
            await allocation.challenge(seen)
            await allocation.allocate(seen)
        try:
            yield allocation
        finally:
            await allocation.release()


@in_loop
async def test_a_hardened_server_is_not_at_fault(tmp_path: Path) -> None:
    with running_coturn(tmp_path, "denied-peer-ip=127.0.0.0-127.255.255.255") as coturn:
        report = await judged(aimed(turn_urls(coturn), ca_file=coturn.ca_file))
    assert report.findings == ()
    for row in rows(report):
        assert (row["ok"], row["stage"], row["proof"]) == (True, "permission", "none")
        assert (row["measured"], row["sent"]) == ("server", 50)
        assert "echo not measured" in row["detail"]


@in_loop
async def test_a_stale_nonce_is_renewed(tmp_path: Path) -> None:
    with running_coturn(tmp_path, "stale-nonce=1") as coturn:
        async with held_allocation(coturn) as allocation, asyncio.timeout(5):
            before = allocation._nonce
            while allocation._nonce == before:  # coturn tells of a stale nonce only when asked
                await allocation.permit(("127.0.0.1", 9))
                await asyncio.sleep(0.05)


@in_loop
async def test_certificates(coturn: Coturn, tmp_path: Path) -> None:
    elsewhere = Certified(tmp_path, "turn.example")
    urls = turn_urls(coturn, "tls")
    async with tcp_server(silent, tls=elsewhere.context) as port:
        unknown, other_host = await asyncio.gather(
            judged(aimed(urls)),
            judged(aimed([f"turns:127.0.0.1:{port}"], ca_file=elsewhere.ca_file)),
        )
    for report, failure in (
        (unknown, Failure.TLS_UNTRUSTED),
        (other_host, Failure.TLS_WRONG_HOST),
    ):
        assert report.root_causes == ("tls-certificate-invalid",)
        assert {o.failure for o in of(report, "tls_handshake")} == {failure}
        assert rows(report)[0]["failure"] == failure
        assert "_ssl.c" not in report.to_json()


async def slams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(20)


@pytest.mark.parametrize(
    ("handler", "failure", "within_s"),
    [
        (silent, Failure.GENERIC_TIMEOUT, 3.5),
        (slams, Failure.CONNECTION_RESET, 0.5),
    ],
)
@in_loop
async def test_something_that_is_no_turn_server(
    handler: Handler, failure: Failure, within_s: float
) -> None:
    async with tcp_server(handler) as port:
        report = await judged(aimed([f"turn:127.0.0.1:{port}?transport=tcp"]))
    assert report.record.duration_ms < within_s * 1000
    assert report.root_causes == ("turn-unreachable",)
    assert (rows(report)[0]["stage"], rows(report)[0]["failure"]) == ("challenge", failure)


@in_loop
async def test_a_port_that_speaks_http() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(20)
        writer.write(http("400 Bad Request", "no").encode())
        await reader.read()

    async with tcp_server(speak) as port:
        report = await judged(aimed([f"turn:127.0.0.1:{port}?transport=tcp"]))
    assert report.record.duration_ms < 1000
    assert report.root_causes == ("turn-unreachable",)
    assert rows(report)[0]["failure"] == Failure.STUN_MALFORMED
    assert rows(report)[0]["detail"] == "not STUN: it begins with 'HTTP/1.1 400 Bad Request'"


@in_loop
async def test_ports_that_are_closed() -> None:
    port = closed_port()
    urls = [f"turn:127.0.0.1:{port}?transport={t}" for t in ("udp", "tcp")]
    report = await judged(aimed([*urls, f"turn:[::1]:{port}?transport=tcp"]))
    assert report.record.duration_ms < 1000
    assert report.root_causes == ("turn-unreachable",)
    assert {row["failure"] for row in rows(report)} == {Failure.CONNECTION_REFUSED}


@in_loop
async def test_a_udp_host_without_a_route_is_a_failure_of_the_network() -> None:
    report = await judged(aimed(["turn:[2001:db8::1]:3478"]))
    assert report.step("turn").status == "failed"
    assert report.root_causes == ("turn-unreachable",)
    assert rows(report)[0]["failure"] in (Failure.NETWORK_UNREACHABLE, Failure.GENERIC_TIMEOUT)


@in_loop
async def test_a_name_that_does_not_exist() -> None:
    report = await judged(aimed(["turn:turn.invalid"]))
    assert report.root_causes == ("turn-unreachable",)
    assert rows(report)[0]["failure"] == Failure.DNS_NXDOMAIN


@in_loop
async def test_what_is_not_probed_is_not_at_fault() -> None:
    report = await judged(aimed(["turns:127.0.0.1:5349?transport=udp"]))
    assert report.findings == ()
    assert rows(report)[0]["detail"] == "TURN over DTLS is not probed"
    alone = await check_turn(Target("ws://127.0.0.1:1/", ice_servers=[]))
    assert (alone.status, alone.reason) == ("skipped", "no TURN server is configured")


# --- silence after the challenge --------------------------------------------------------------


@in_loop_for(10)
async def test_a_server_that_falls_silent_after_the_challenge() -> None:
    async with TurnServer(users={"alice": "s3cret"}) as server, dropping_signed(server) as port:
        report = await judged(aimed([f"turn:127.0.0.1:{port}"]))
    assert rows(report)[0]["stage"] == "allocate"
    assert rows(report)[0]["failure"] == Failure.GENERIC_TIMEOUT
    assert report.root_causes == ("turn-unreachable",)


@contextlib.asynccontextmanager
async def dropping_signed(server: TurnServer) -> AsyncIterator[int]:
    """A relay before a TURN server that lets short requests through: unsigned ones."""
    loop = asyncio.get_running_loop()

    class Front(asyncio.DatagramProtocol):
        client: Any = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport: Any = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            if addr[1] == server.udp_port:
                self.transport.sendto(data, self.client)
            elif len(data) < 60:
                self.client = addr
                self.transport.sendto(data, ("127.0.0.1", server.udp_port))

    transport, _ = await loop.create_datagram_endpoint(Front, local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


# --- cancelled --------------------------------------------------------------------------------


@pytest.mark.parametrize("after", ["turn_challenge", "turn_allocate", "turn_channel"])
@in_loop
async def test_cancelled_it_leaves_nothing_behind(after: str) -> None:
    """The moments are those right after an exchange: the next one is on its way."""
    async with TurnServer(users={"alice": "s3cret"}) as server:
        port = server.udp_port
        urls = [f"turn:127.0.0.1:{port}?transport={t}" for t in ("udp", "tcp")]
        task: asyncio.Task[Report]
        cancelled: list[Any] = []

        def cancel(event: Event) -> None:
            if (
                isinstance(event, Observed)
                and event.observation.operation == after
                and not cancelled
            ):
                cancelled.append(task.cancel())

        task = asyncio.create_task(diagnose(aimed(urls), steps=("turn",), on_event=cancel))
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(FREED_S):
            await until(lambda: not server.allocations)


@in_loop
async def test_a_cancelled_check_leaves_nothing_in_coturn(tmp_path: Path) -> None:
    with running_coturn(tmp_path, "user-quota=2") as coturn:
        task = asyncio.create_task(check_turn(aimed(turn_urls(coturn, "udp"))))
        await asyncio.sleep(0.1)  # in the midst of the comparison, which takes a second
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(FREED_S + CHECK_S):
            await echoes(aimed(turn_urls(coturn, "udp")))


# --- other ways to the same server ------------------------------------------------------------


def all_rows(report: Report) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = report.step("turn").data["urls"]
    return found


@in_loop
async def test_tcp_beside_udp_is_tried_though_nobody_configured_it(coturn: Coturn) -> None:
    report = await judged(aimed(turn_urls(coturn, "udp"), ca_file=coturn.ca_file))
    assert report.findings == ()
    tcp = next(row for row in all_rows(report) if row["transport"] == "tcp")
    assert (tcp["configured"], tcp["ok"], tcp["proof"]) == (False, True, "echo")
    assert "TURN over TCP (not configured)" in report.step("turn").data["comparison"]["sentence"]
    tls = [row for row in all_rows(report) if row["transport"] == "tls"]
    assert {row["server_address"] for row in tls} == {"127.0.0.1:5349", "127.0.0.1:443"}
    assert {row["failure"] for row in tls} == {Failure.CONNECTION_REFUSED}


@in_loop
async def test_an_alternate_server_is_followed_once(tmp_path: Path) -> None:
    (tmp_path / "end").mkdir()
    (tmp_path / "start").mkdir()
    with running_coturn(tmp_path / "end") as end:
        there = f"alternate-server={end.host}:{end.udp_port}"
        with running_coturn(tmp_path / "start", there) as start:
            report = await judged(aimed(turn_urls(start, "udp", "tcp"), ca_file=start.ca_file))
            assert report.findings == ()
            for row in rows(report):
                assert (row["stage"], row["proof"]) == ("relayed_echo", "echo")
            moved = [o.notes.get("alternate") for o in of(report, "turn_challenge")]
            assert moved.count(f"{end.host}:{end.udp_port}") == 2


@in_loop
async def test_an_alternate_server_that_sends_on_again_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "next").mkdir()
    (tmp_path / "start").mkdir()
    with running_coturn(tmp_path / "next", "alternate-server=127.0.0.1:9") as second:
        there = f"alternate-server={second.host}:{second.udp_port}"
        with running_coturn(tmp_path / "start", there) as start:
            report = await judged(aimed(turn_urls(start, "udp")))
    assert report.root_causes == ("turn-refused",)
    assert "300" in report.findings[0].summary


@pytest.mark.parametrize(
    ("mode", "through_works"), [(ProxyMode.LET_THROUGH, True), (ProxyMode.REFUSE, False)]
)
@in_loop
async def test_streams_are_tried_through_the_proxy_as_well(
    coturn: Coturn, mode: ProxyMode, through_works: bool
) -> None:
    nowhere = Upstream(1, ssl.create_default_context())
    async with Proxy(mode, nowhere) as proxy:
        servers = [IceServer(turn_urls(coturn), "alice", "s3cret")]
        target = Target(
            "ws://127.0.0.1:1/",
            ice_servers=servers,
            third_party=False,
            ca_file=str(coturn.ca_file),
            proxy=proxy.url,
        )
        report = await judged(target)
    assert report.findings == ()
    through = [row for row in rows(report) if row["through"] == proxy.url]
    assert [row["transport"] for row in through] == ["tcp", "tls"]
    for row in through:
        assert row["ok"] is through_works
        assert row["proof"] == ("echo" if through_works else "none")
        assert row["stage"] == ("relayed_echo" if through_works else "connect")
    direct = [row for row in rows(report) if row["through"] is None]
    assert [row["ok"] for row in direct] == [True] * 3


@in_loop
async def test_an_ipv6_server_by_its_number(tmp_path: Path) -> None:
    with running_coturn(tmp_path, "listening-ip=::1") as coturn:
        urls = [f"turn:[::1]:{coturn.udp_port}?transport={t}" for t in ("udp", "tcp")]
        report = await judged(aimed(urls))
    assert report.findings == ()
    for row in rows(report):
        assert (row["server_address"], row["proof"]) == (f"[::1]:{coturn.udp_port}", "echo")


@pytest.mark.root
@in_loop
async def test_both_families_of_a_name_are_tried() -> None:
    """Nobody listens there: what counts is whom was asked."""
    server = {"urls": ["turn:turn.test", "turn:turn.test?transport=tcp"], "username": "a"}
    target = {"url": "ws://127.0.0.1:1/", "ice_servers": [server | {"credential": "b"}]}
    with (
        namespace("families", nameserver="127.0.0.1") as inside,
        serving("tests.real.dns", inside, {"turn.test": ["127.0.0.1", "::1"]}),
    ):
        report = await diagnosed(target, ["turn"], namespace=inside)
    assert report.root_causes == ("turn-unreachable",)
    asked = [(row["transport"], row["server_address"]) for row in rows(report)]
    assert asked == [
        ("udp", "127.0.0.1:3478"),
        ("udp", "[::1]:3478"),
        ("tcp", "127.0.0.1:3478"),
        ("tcp", "[::1]:3478"),
    ]


# --- proof and hardening ----------------------------------------------------------------------


@in_loop
async def test_a_hardened_server_is_proven_by_a_binding_through_it(tmp_path: Path) -> None:
    """It refuses its own address; a STUN server elsewhere, 127.0.0.2, answers through it."""
    async with TurnServer(users={}) as stun:
        with running_coturn(tmp_path, "denied-peer-ip=127.0.0.1") as coturn:
            servers = [
                IceServer(f"stun:127.0.0.2:{stun.udp_port}"),
                IceServer(turn_urls(coturn), coturn.username, coturn.password),
            ]
            target = Target(
                "ws://127.0.0.1:1/",
                ice_servers=servers,
                third_party=False,
                ca_file=str(coturn.ca_file),
            )
            report = await judged(target)
    assert report.findings == ()
    for row in rows(report):
        assert (row["ok"], row["proof"], row["measured"]) == (True, "binding", "server")
    for seen in of(report, "turn_relayed_binding"):
        assert seen.notes["server"] == f"127.0.0.2:{stun.udp_port}"
        assert seen.notes["mapped_address"].startswith("127.0.0.1:")
        assert 0 < seen.notes["rtt_ms"] < 200


@in_loop
async def test_fresh_rest_credentials_are_read_and_taken(tmp_path: Path) -> None:
    moment = int(time.time()) + 3600
    username = f"{moment}:bob"
    digest = hmac.new(b"hush", username.encode(), "sha1").digest()
    with running_coturn(tmp_path, "use-auth-secret", "static-auth-secret=hush") as coturn:
        urls = turn_urls(coturn, "udp")
        report = await judged(aimed(urls, username, base64.b64encode(digest).decode()))
    assert report.findings == ()
    (row,) = rows(report)
    assert (row["proof"], row["expires"]) == (
        "echo",
        f"{dt.datetime.fromtimestamp(moment, dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
    )


@in_loop
async def test_secure_stun_leaves_turn_alone(tmp_path: Path) -> None:
    """Bindings are refused with 401 there; relays are granted as ever."""
    with running_coturn(tmp_path, "secure-stun") as coturn:
        report = await judged(aimed(turn_urls(coturn), ca_file=coturn.ca_file))
    assert report.findings == ()
    assert [row["proof"] for row in rows(report)] == ["echo"] * len(ALL)


# --- codes that few servers send --------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (400, "turn-credentials-rejected"),
        (403, "turn-refused"),
        (437, "turn-refused"),
        (438, "turn-refused"),
        (440, "turn-refused"),
        (441, "turn-credentials-rejected"),
        (442, "turn-refused"),
        (486, "turn-quota-reached"),
        (500, "turn-refused"),
        (508, "turn-out-of-capacity"),
    ],
)
@in_loop
async def test_every_refusal_is_named_with_its_code(code: int, cause: str) -> None:
    faults = TurnFaults(allocate_error=code)
    async with TurnServer(users={"alice": "s3cret"}, faults=faults) as server:
        report = await judged(aimed([f"turn:127.0.0.1:{server.udp_port}"]))
    assert report.root_causes == (cause,)
    assert str(code) in report.findings[0].summary
    assert rows(report)[0]["stage"] == "allocate"
