"""The faults of the sandbox's TURN server, as aioice's client meets them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aioice.stun import TransactionFailed, TransactionTimeout
from aioice.turn import create_turn_endpoint

from polyai_diag.analysis.turn_username import expires_at
from polyai_diag.sandbox import Sandbox
from polyai_diag.stun_message import Method, parse, request
from polyai_diag.target import parse_ice_url
from tests.aio import in_loop
from tests.sandbox.caller import client_context
from tests.sandbox.turn_clients import Inbox, TurnClient, udp_socket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aioice.turn import TurnTransport

QUIET_S = 0.3  # a healthy sandbox relays within milliseconds, as the first test shows


def relay_entry(sandbox: Sandbox) -> dict[str, Any]:
    entry: dict[str, Any] = sandbox.describe()["ice_servers"][1]
    return entry


def transports(sandbox: Sandbox) -> list[str]:
    return [parse_ice_url(url).transport for url in relay_entry(sandbox)["urls"]]


@asynccontextmanager
async def relay(
    sandbox: Sandbox, transport: str = "udp"
) -> AsyncIterator[tuple[TurnTransport, Inbox]]:
    """Allocate by aioice over one of the URLs that are given out; delete it at the end."""
    entry = relay_entry(sandbox)
    (url,) = [u for u in map(parse_ice_url, entry["urls"]) if u.transport == transport]
    made, inbox = await create_turn_endpoint(
        Inbox,
        (url.host, url.port),
        entry["username"],
        entry["credential"],
        ssl=client_context(sandbox) if transport == "tls" else None,
        transport="udp" if transport == "udp" else "tcp",
    )
    try:
        yield made, inbox
    finally:
        made.close()
        await made._TurnTransport__close_task  # type: ignore[attr-defined]


async def passes(made: TurnTransport, inbox: Inbox) -> bool:
    """Whether a packet comes back from an echoing peer."""
    async with udp_socket(echo=True) as peer:
        made.sendto(b"hello", peer.address)
        try:
            async with asyncio.timeout(QUIET_S):
                await inbox.received.get()
        except TimeoutError:
            return False
    return True


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@in_loop
async def test_healthy_it_relays(transport: str) -> None:
    async with Sandbox() as sandbox, relay(sandbox, transport) as (made, inbox):
        assert await passes(made, inbox)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("turn-credentials-expired", 401),
        ("turn-refused", 403),
        ("turn-quota-reached", 486),
        ("turn-out-of-capacity", 508),
    ],
)
@in_loop
async def test_refusals_of_a_signed_allocate(fault: str, code: int) -> None:
    async with Sandbox([fault]) as sandbox:
        for transport in ("udp", "tcp", "tls"):
            with pytest.raises(TransactionFailed) as refused:
                async with relay(sandbox, transport):
                    pass
            assert refused.value.response.error_code == code


@in_loop
async def test_credentials_expired_are_told_by_the_user_name() -> None:
    async with Sandbox() as healthy, Sandbox(["turn-credentials-expired"]) as expired:
        good, bad = (expires_at(relay_entry(s)["username"]) for s in (healthy, expired))
        assert good is not None
        assert bad is not None
        assert (good - bad).total_seconds() == pytest.approx(25 * 3600, abs=5)


@in_loop
async def test_turn_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.stun.RETRY_MAX", 1)
    monkeypatch.setattr("aioice.stun.RETRY_RTO", 0.02)
    async with Sandbox(["turn-unreachable"]) as sandbox:
        assert transports(sandbox) == ["udp", "tcp", "tls"]
        with pytest.raises(TransactionTimeout):
            async with relay(sandbox, "udp"):
                pass
        for transport in ("tcp", "tls"):
            with pytest.raises(ConnectionRefusedError):
                async with relay(sandbox, transport):
                    pass
        (stun,) = sandbox.describe()["ice_servers"][0]["urls"]
        async with udp_socket() as inbox:
            inbox.transport.sendto(
                bytes(request(Method.BINDING)), (parse_ice_url(stun).host, parse_ice_url(stun).port)
            )
            assert parse((await inbox.next())[0]).error_code is None


@pytest.mark.parametrize("method", [Method.CREATE_PERMISSION, Method.CHANNEL_BIND])
@in_loop
async def test_turn_peer_refused(method: Method) -> None:
    async with Sandbox(["turn-peer-refused"]) as sandbox, udp_socket() as inbox:
        entry = relay_entry(sandbox)
        url = parse_ice_url(entry["urls"][0])
        login = entry["username"], entry["credential"]
        client = TurnClient(inbox, (url.host, url.port), *login)
        await client.allocate()
        peer = {"XOR-PEER-ADDRESS": ("127.0.0.1", 9)}
        number = {"CHANNEL-NUMBER": 0x4000} if method is Method.CHANNEL_BIND else {}
        assert (await client.ask_signed(method, peer | number)).error_code == 403


@in_loop
async def test_turn_relay_blackhole() -> None:
    async with Sandbox(["turn-relay-blackhole"]) as sandbox, relay(sandbox) as (made, inbox):
        assert not await passes(made, inbox)


@in_loop
async def test_turn_not_configured() -> None:
    async with Sandbox(["turn-not-configured"]) as sandbox:
        urls = [u for entry in sandbox.describe()["ice_servers"] for u in entry["urls"]]
        assert [url.split(":")[0] for url in urls] == ["stun"]


@in_loop
async def test_turn_tcp_not_configured_and_it_works_all_the_same() -> None:
    async with Sandbox(["turn-tcp-not-configured"]) as sandbox:
        assert transports(sandbox) == ["udp"]
        entry = relay_entry(sandbox)
        url = parse_ice_url(entry["urls"][0])
        made, inbox = await create_turn_endpoint(
            Inbox,
            (url.host, url.port),
            entry["username"],
            entry["credential"],
            transport="tcp",
        )
        assert await passes(made, inbox)
        made.close()
        await made._TurnTransport__close_task  # type: ignore[attr-defined]
