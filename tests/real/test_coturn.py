"""Real coturn answers, and is gone afterwards."""

import socket
import ssl
from pathlib import Path

import pytest
from aioice.stun import TransactionFailed
from aioice.turn import create_turn_endpoint

from polyai_diag.stun_message import CHANGE_IP, CHANGE_PORT, Method, parse, request
from tests.aio import in_loop
from tests.real.coturn import Coturn, running_coturn
from tests.sandbox.turn_clients import Inbox, udp_socket

pytestmark = pytest.mark.coturn


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@in_loop
async def test_aioice_allocates_and_relays(coturn: Coturn, transport: str) -> None:
    tls = ssl.create_default_context(cafile=str(coturn.ca_file)) if transport == "tls" else None
    port = coturn.tls_port if transport == "tls" else coturn.udp_port
    async with udp_socket(echo=True) as peer:
        relay, inbox = await create_turn_endpoint(
            Inbox,
            (coturn.host, port),
            coturn.username,
            coturn.password,
            ssl=tls,
            transport="udp" if transport == "udp" else "tcp",
        )
        assert relay.get_extra_info("sockname")[0] == coturn.host
        relay.sendto(b"there and back", peer.address)
        assert await inbox.next() == (b"there and back", peer.address)
        relay.close()
        await relay._TurnTransport__close_task  # type: ignore[attr-defined]


@in_loop
async def test_a_wrong_password_is_unauthorized(coturn: Coturn) -> None:
    with pytest.raises(TransactionFailed) as refused:
        await create_turn_endpoint(Inbox, (coturn.host, coturn.udp_port), coturn.username, "wrong")
    assert refused.value.response.error_code == 401


@in_loop
async def test_rfc_5780(coturn: Coturn) -> None:
    async with udp_socket() as client:
        change = {"CHANGE-REQUEST": CHANGE_IP | CHANGE_PORT}
        client.transport.sendto(
            bytes(request(Method.BINDING, change)), (coturn.host, coturn.udp_port)
        )
        data, origin = await client.next()
        seen = parse(data).attributes
        assert origin == seen["RESPONSE-ORIGIN"] == ("127.0.0.2", coturn.udp_port + 1)
        assert seen["XOR-MAPPED-ADDRESS"] == client.address


def test_it_is_gone_afterwards(tmp_path: Path) -> None:
    with running_coturn(tmp_path) as running:
        pid = int((tmp_path / "turnserver.pid").read_text())
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((running.host, running.udp_port), timeout=1)


def test_a_coturn_that_does_not_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="no-such-key"),
        running_coturn(tmp_path, "pkey=no-such-key"),
    ):
        pass
