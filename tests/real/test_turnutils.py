"""The sandbox's STUN/TURN server, judged by coturn's own client programs."""

import asyncio
import re
import ssl

import pytest
import trustme

from polyai_diag.sandbox.turn import TurnFaults, TurnServer
from tests.aio import in_loop
from tests.real.coturn import INSTALL
from tests.real.needs import need
from tests.sandbox.turn_clients import udp_socket

pytestmark = pytest.mark.coturn

USERS = {"alice": "s3cret"}
RUN_S = 18
MESSAGES = 20
BY_CHANNEL: tuple[str, ...] = ()
BY_INDICATION = ("-s",)


async def run(program: str, *arguments: object) -> str:
    """Run one of coturn's programs to its end and return what it printed."""
    path = need(program, install=INSTALL)
    process = await asyncio.create_subprocess_exec(
        path,
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(RUN_S):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return printed.decode()


async def uclient(port: int, *options: object, password: str = USERS["alice"]) -> str:
    credentials = ("-u", "alice", "-w", password)
    rate = ("-n", MESSAGES, "-z", 5)
    return await run(
        "turnutils_uclient", *options, "-c", *credentials, *rate, "-p", port, "127.0.0.1"
    )


def sent_and_received(printed: str) -> tuple[int, int]:
    totals = re.findall(r"start_mclient: tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", printed)
    assert totals, printed
    sent, received = totals[-1]
    return int(sent), int(received)


@in_loop
async def test_uclient_to_uclient() -> None:
    transports, ways = [(), ("-t",)], [BY_CHANNEL, BY_INDICATION]
    async with TurnServer(users=USERS) as server:
        # Each takes seconds of waiting, so they run side by side.
        prints = await asyncio.gather(
            *(uclient(server.udp_port, "-y", *how, *way) for how in transports for way in ways)
        )
    for printed in prints:
        # Two clients, each of which sends to the other.
        assert sent_and_received(printed) == (2 * MESSAGES, 2 * MESSAGES)
        assert "Total lost packets 0 (0.000000%)" in printed


@pytest.mark.parametrize("way", [BY_CHANNEL, BY_INDICATION])
@in_loop
async def test_uclient_to_an_echoing_peer(way: tuple[str, ...]) -> None:
    async with TurnServer(users=USERS) as server, udp_socket(echo=True) as peer:
        printed = await uclient(server.udp_port, "-e", "127.0.0.1", "-r", peer.address[1], *way)
        assert peer.received.qsize() == MESSAGES
    assert sent_and_received(printed) == (MESSAGES, MESSAGES)
    assert "Total lost packets 0 (0.000000%)" in printed


@in_loop
async def test_uclient_over_tls() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with TurnServer(users=USERS, ssl_context=context) as server:
        printed = await uclient(server.tls_port, "-y", "-t", "-S")
    sent, received = sent_and_received(printed)
    assert sent == 2 * MESSAGES
    assert received > 0  # uclient itself loses some over TLS, against coturn's server too
    assert "client session connected with cipher" in printed


@pytest.mark.parametrize(
    ("faults", "password"),
    [(TurnFaults(), "wrong"), (TurnFaults(reject_credentials=True), USERS["alice"])],
)
@in_loop
async def test_uclient_is_told_of_bad_credentials(faults: TurnFaults, password: str) -> None:
    async with TurnServer(users=USERS, faults=faults) as server:
        printed = await uclient(server.udp_port, "-y", password=password)
        assert server.allocations == 0
    assert "ERROR: Cannot complete Allocation" in printed


@in_loop
async def test_natdiscovery() -> None:
    async with TurnServer(users=USERS) as server:
        printed = await run(
            "turnutils_natdiscovery", "-m", "-f", "-H", "-P",
            "-L", "127.0.0.1", "-p", server.udp_port, "127.0.0.1",
        )  # fmt: skip
    assert printed.count("No NAT! (Endpoint Independent Mapping)") == 2
    assert "NAT with Endpoint Independent Mapping!" in printed
    assert "NAT with Endpoint Independent Filtering!" in printed
    assert "maybe a successful hairpinning" in printed
    assert "No ALG: Mapped == XOR-Mapped" in printed
    assert "timeout" not in printed


@in_loop
async def test_stunclient() -> None:
    async with TurnServer(users=USERS) as server:
        printed = await run("turnutils_stunclient", "-f", "-p", server.udp_port, "127.0.0.1")
    # Plain, from the other address, and to another port of the client: all of RFC 5780.
    assert re.findall(r"RFC 5780 response (\d)", printed) == ["1", "2", "3"]
    origins = re.findall(r"Response origin: : ([\d.]+):", printed)
    assert {"127.0.0.1", "127.0.0.2"} == set(origins)
