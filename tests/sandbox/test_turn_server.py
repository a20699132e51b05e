"""The sandbox's STUN/TURN server, asked by aioice's TURN client and by hand."""

import asyncio
import contextlib
import ipaddress
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aioice.stun
import pytest
import trustme
from aioice.stun import TransactionFailed, TransactionTimeout
from aioice.turn import TurnTransport, create_turn_endpoint

from polyai_diag.sandbox.turn import TurnFaults, TurnLimits, TurnServer
from polyai_diag.stun_message import (
    CHANGE_IP,
    CHANGE_PORT,
    FAMILY_IPV4,
    FAMILY_IPV6,
    TRANSPORT_TCP,
    TRANSPORT_UDP,
    Class,
    Method,
    channel_data,
    indication,
    parse,
    parse_channel_data,
    request,
)
from tests.aio import in_loop, until
from tests.sandbox.turn_clients import Address, Inbox, StreamClient, TurnClient, udp_socket

USERS = {"alice": "s3cret", "bob": "hunter2"}
TRANSPORTS = ["udp", "tcp", "tls"]
UDP_ONLY = {"REQUESTED-TRANSPORT": TRANSPORT_UDP}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@asynccontextmanager
async def aioice_client(
    server: TurnServer,
    transport: str,
    tls: ssl.SSLContext | None = None,
    password: str = USERS["alice"],
) -> AsyncIterator[tuple[TurnTransport, Inbox]]:
    """Allocate by aioice's client, and delete the allocation at the end."""
    port = {"udp": server.udp_port, "tcp": server.tcp_port}.get(transport) or server.tls_port
    relay, inbox = await create_turn_endpoint(
        Inbox,
        ("127.0.0.1", port),
        "alice",
        password,
        ssl=tls if transport == "tls" else None,
        transport="udp" if transport == "udp" else "tcp",
    )
    try:
        yield relay, inbox
    finally:
        relay.close()
        task = relay._TurnTransport__close_task  # type: ignore[attr-defined]
        await task


@asynccontextmanager
async def turn_client(
    server: TurnServer, username: str = "alice", password: str | None = None
) -> AsyncIterator[TurnClient]:
    async with udp_socket() as inbox:
        at = ("127.0.0.1", server.udp_port)
        yield TurnClient(inbox, at, username, USERS[username] if password is None else password)


# --- aioice's client ----------------------------------------------------------------------------


@pytest.mark.parametrize("transport", TRANSPORTS)
@in_loop
async def test_relays_to_a_peer_and_back(
    transport: str, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    async with (
        TurnServer(users=USERS, ssl_context=server_tls) as server,
        udp_socket(echo=True) as peer,
    ):
        async with aioice_client(server, transport, client_tls) as (relay, inbox):
            relayed = relay.get_extra_info("sockname")
            assert server.relayed_addresses == {relayed}
            assert server.allocations == 1
            for size in (1, 2, 3, 1200):
                relay.sendto(bytes(size), peer.address)
                assert await inbox.next() == (bytes(size), peer.address)
                assert (await peer.next())[1] == relayed
        assert server.allocations == 0
        assert server.relayed_addresses == set()


@pytest.mark.parametrize("transport", TRANSPORTS)
@in_loop
async def test_relays_between_two_allocations(
    transport: str, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    async with (
        TurnServer(users=USERS, ssl_context=server_tls) as server,
        aioice_client(server, transport, client_tls) as (first, first_inbox),
        aioice_client(server, "udp") as (second, second_inbox),
    ):
        # The first to send meets no permission yet on the other side.
        second.sendto(b"opens the way", first.get_extra_info("sockname"))
        first.sendto(b"there", second.get_extra_info("sockname"))
        while (await second_inbox.next())[0] != b"there":
            pass
        second.sendto(b"and back", first.get_extra_info("sockname"))
        while (await first_inbox.next())[0] != b"and back":
            pass


@pytest.mark.parametrize("transport", TRANSPORTS)
@in_loop
async def test_a_wrong_password_is_unauthorized(
    transport: str, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    async with TurnServer(users=USERS, ssl_context=server_tls) as server:
        with pytest.raises(TransactionFailed) as refused:
            async with aioice_client(server, transport, client_tls, password="wrong"):
                pass
        assert refused.value.response.error_code == 401
        assert server.allocations == 0


@pytest.mark.parametrize("transport", TRANSPORTS)
@in_loop
async def test_rejected_credentials(
    transport: str, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    faults = TurnFaults(reject_credentials=True)
    async with TurnServer(users=USERS, ssl_context=server_tls, faults=faults) as server:
        with pytest.raises(TransactionFailed) as refused:
            async with aioice_client(server, transport, client_tls):
                pass
        assert refused.value.response.error_code == 401


@in_loop
async def test_udp_dropped_while_tcp_and_tls_work(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aioice.stun.RETRY_MAX", 1)
    monkeypatch.setattr("aioice.stun.RETRY_RTO", 0.02)
    faults = TurnFaults(drop_udp=True)
    async with TurnServer(users=USERS, ssl_context=server_tls, faults=faults) as server:
        with pytest.raises(TransactionTimeout):
            async with aioice_client(server, "udp"):
                pass
        monkeypatch.undo()
        for transport in ("tcp", "tls"):
            async with aioice_client(server, transport, client_tls), udp_socket() as inbox:
                inbox.transport.sendto(
                    bytes(request(Method.BINDING)), ("127.0.0.1", server.udp_port)
                )
        assert inbox.received.empty()


# --- STUN: RFC 8489 and RFC 5780 ------------------------------------------------------------------


@in_loop
async def test_binding() -> None:
    async with TurnServer(users=USERS) as server, turn_client(server) as client:
        seen = (await client.ask(request(Method.BINDING))).attributes
        assert seen["XOR-MAPPED-ADDRESS"] == client.inbox.address
        assert seen["MAPPED-ADDRESS"] == client.inbox.address
        assert seen["RESPONSE-ORIGIN"] == client.server
        assert seen["SOFTWARE"] == "polyai-diag sandbox"


@in_loop
async def test_change_request_is_answered_from_each_address() -> None:
    async with TurnServer(users=USERS) as server, turn_client(server) as client:
        plain = await client.ask(request(Method.BINDING))
        other_host, other_port = plain.attributes["OTHER-ADDRESS"]
        host, port = client.server
        assert other_host == "127.0.0.2"
        assert other_port != port
        for change, origin in [
            (0, (host, port)),
            (CHANGE_PORT, (host, other_port)),
            (CHANGE_IP, (other_host, port)),
            (CHANGE_IP | CHANGE_PORT, (other_host, other_port)),
        ]:
            client.send(bytes(request(Method.BINDING, {"CHANGE-REQUEST": change})))
            data, came_from = await client.receive()
            assert came_from == origin
            assert parse(data).attributes["RESPONSE-ORIGIN"] == origin


@in_loop
async def test_other_address_depends_on_the_address_that_was_asked() -> None:
    async with TurnServer(users=USERS) as server, turn_client(server) as client:
        other = (await client.ask(request(Method.BINDING))).attributes["OTHER-ADDRESS"]
        client.send(bytes(request(Method.BINDING)), other)
        data, came_from = await client.receive()
        assert came_from == other
        assert parse(data).attributes["OTHER-ADDRESS"] == client.server


@in_loop
async def test_response_port_and_padding() -> None:
    async with (
        TurnServer(users=USERS) as server,
        turn_client(server) as client,
        udp_socket() as elsewhere,
    ):
        asked = {"RESPONSE-PORT": elsewhere.address[1], "PADDING": bytes(1500)}
        client.send(bytes(request(Method.BINDING, asked)))
        data, _ = await elsewhere.next()
        assert parse(data).attributes["XOR-MAPPED-ADDRESS"] == client.inbox.address
        assert len(parse(data).attributes["PADDING"]) == 1500


@in_loop
async def test_without_a_second_address_there_is_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    # 192.0.2.1 stands for what 127.0.0.2 is on macOS: an address that is nobody's.
    monkeypatch.setattr("polyai_diag.sandbox.turn.OTHER_HOST", "192.0.2.1")
    async with TurnServer(users=USERS) as server, turn_client(server) as client:
        seen = (await client.ask(request(Method.BINDING))).attributes
        assert seen["XOR-MAPPED-ADDRESS"] == client.inbox.address
        assert "OTHER-ADDRESS" not in seen
        moved = await client.ask(request(Method.BINDING, {"CHANGE-REQUEST": CHANGE_PORT}))
        assert moved.error_code == 420
        assert moved.attributes["UNKNOWN-ATTRIBUTES"] == (0x0003,)


@in_loop
async def test_binding_over_tcp() -> None:
    async with TurnServer(users=USERS) as server:
        client = await StreamClient.connect(("127.0.0.1", server.tcp_port))
        answer = await client.ask(request(Method.BINDING))
        address = client.writer.get_extra_info("sockname")
        assert answer.attributes["XOR-MAPPED-ADDRESS"] == address
        assert "OTHER-ADDRESS" not in answer.attributes
        moved = await client.ask(request(Method.BINDING, {"CHANGE-REQUEST": CHANGE_IP}))
        assert moved.error_code == 420
        await client.close()


@in_loop
async def test_every_socket_is_on_loopback() -> None:
    async with TurnServer(users=USERS) as server, turn_client(server) as client:
        relayed = await client.allocate()
        other = (await client.ask(request(Method.BINDING))).attributes["OTHER-ADDRESS"]
        for host, _ in (relayed, other, client.server):
            assert ipaddress.ip_address(host).is_loopback


@in_loop
async def test_urls_and_ports(server_tls: ssl.SSLContext) -> None:
    async with TurnServer(users=USERS) as server:
        assert len(server.urls()) == 3
        with pytest.raises(ValueError, match="no TLS"):
            _ = server.tls_port
    async with TurnServer(users=USERS, ssl_context=server_tls) as server:
        at = f"127.0.0.1:{server.udp_port}"
        assert server.urls() == [
            f"stun:{at}",
            f"turn:{at}?transport=udp",
            f"turn:{at}?transport=tcp",
            f"turns:127.0.0.1:{server.tls_port}?transport=tcp",
        ]
        with pytest.raises(OSError, match="in use"):
            await TurnServer(users=USERS, port=server.udp_port).start()
        with pytest.raises(OSError, match="in use"):
            await TurnServer(users=USERS, ssl_context=server_tls, tls_port=server.tls_port).start()


# --- long-term credentials: RFC 8489 §9.2 ---------------------------------------------------------


@in_loop
async def test_the_challenge_carries_realm_and_nonce() -> None:
    async with TurnServer(users=USERS, realm="here") as server, turn_client(server) as client:
        answer = await client.challenge()
        assert answer.error_code == 401
        assert answer.attributes["REALM"] == "here"
        assert "MESSAGE-INTEGRITY" not in answer.attributes


@pytest.mark.parametrize(
    ("username", "password"), [("alice", "wrong"), ("alice", ""), ("bob", USERS["alice"])]
)
@in_loop
async def test_wrong_credentials(username: str, password: str) -> None:
    async with (
        TurnServer(users=USERS) as server,
        turn_client(server, username, password) as client,
    ):
        await client.challenge()
        answer = await client.ask_signed(Method.ALLOCATE, UDP_ONLY)
        assert answer.error_code == 401
        assert "MESSAGE-INTEGRITY" not in answer.attributes


@in_loop
async def test_a_user_unknown_is_unauthorized() -> None:
    async with TurnServer(users={}) as server, turn_client(server) as client:
        await client.challenge()
        assert (await client.ask_signed(Method.ALLOCATE, UDP_ONLY)).error_code == 401


@in_loop
async def test_a_signature_without_username_is_a_bad_request() -> None:
    async with TurnServer(users=USERS) as server, turn_client(server) as client:
        await client.challenge()
        message = request(Method.ALLOCATE, UDP_ONLY)
        message.add_message_integrity(client.key)
        assert (await client.ask(message)).error_code == 400


@pytest.mark.parametrize("nonce", [b"", b"-", b"1.0-0123", b"\xff\xfe", b"nan-nan"])
@in_loop
async def test_an_invented_nonce_is_stale(nonce: bytes) -> None:
    async with TurnServer(users=USERS) as server, turn_client(server) as client:
        await client.challenge()
        genuine, client.nonce = client.nonce, nonce
        answer = await client.ask_signed(Method.ALLOCATE, UDP_ONLY)
        assert answer.error_code == 438
        assert answer.check_message_integrity(client.key)
        assert answer.attributes["REALM"] == client.realm
        client.nonce = answer.attributes["NONCE"]
        assert client.nonce not in (nonce, b"")
        assert (await client.ask_signed(Method.ALLOCATE, UDP_ONLY)).error_code is None
        client.nonce = genuine
        assert (await client.ask_signed(Method.REFRESH)).error_code is None


@in_loop
async def test_a_nonce_goes_stale() -> None:
    limits = TurnLimits(nonce_s=0.03)
    async with TurnServer(users=USERS, limits=limits) as server, turn_client(server) as client:
        await client.challenge()
        await asyncio.sleep(0.05)
        answer = await client.ask_signed(Method.ALLOCATE, UDP_ONLY)
        assert answer.error_code == 438
        client.nonce = answer.attributes["NONCE"]
        assert (await client.ask_signed(Method.ALLOCATE, UDP_ONLY)).error_code is None


# --- allocations: RFC 8656 §7, §8 -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, 400),
        ({"REQUESTED-TRANSPORT": TRANSPORT_TCP}, 442),
        ({"REQUESTED-TRANSPORT": 0}, 442),
        (UDP_ONLY | {"REQUESTED-ADDRESS-FAMILY": FAMILY_IPV6}, 440),
        (UDP_ONLY | {"DONT-FRAGMENT": None}, 420),
        (UDP_ONLY | {"EVEN-PORT": True}, 508),
        (UDP_ONLY | {"RESERVATION-TOKEN": bytes(8)}, 508),
        (UDP_ONLY | {"REQUESTED-ADDRESS-FAMILY": FAMILY_IPV4}, None),
        (UDP_ONLY | {"EVEN-PORT": False}, None),
    ],
)
@in_loop
async def test_what_an_allocation_may_ask_for(asked: dict[str, Any], code: int | None) -> None:
    async with TurnServer(users=USERS) as server, turn_client(server) as client:
        await client.challenge()
        answer = await client.ask_signed(Method.ALLOCATE, asked)
        assert answer.error_code == code
        assert answer.check_message_integrity(client.key)
        assert server.allocations == (code is None)
        if "EVEN-PORT" in asked and code is None:
            assert answer.attributes["XOR-RELAYED-ADDRESS"][1] % 2 == 0


@in_loop
async def test_an_unknown_required_attribute_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # Known by name only: it can be written, and nobody can read it.
    unheard_of = (0x0031, "UNHEARD-OF", aioice.stun.pack_bytes, aioice.stun.unpack_bytes)
    monkeypatch.setitem(aioice.stun.ATTRIBUTES_BY_NAME, "UNHEARD-OF", unheard_of)
    async with TurnServer(users=USERS) as server, turn_client(server) as client:
        await client.challenge()
        turn = await client.ask_signed(Method.ALLOCATE, UDP_ONLY | {"UNHEARD-OF": b"x"})
        assert turn.check_message_integrity(client.key)
        binding = await client.ask(request(Method.BINDING, {"UNHEARD-OF": b"x"}))
        for answer in (turn, binding):
            assert answer.error_code == 420
            assert answer.attributes["UNKNOWN-ATTRIBUTES"] == (0x0031,)


@in_loop
async def test_a_second_allocation_is_a_mismatch_but_a_repeated_request_is_not() -> None:
    async with TurnServer(users=USERS) as server, turn_client(server) as client:
        await client.challenge()
        asked = client.signed(Method.ALLOCATE, UDP_ONLY)
        client.send(bytes(asked))
        first = await client.ask(asked)
        again = await client.ask(asked)
        assert first.attributes["XOR-RELAYED-ADDRESS"] == again.attributes["XOR-RELAYED-ADDRESS"]
        assert server.allocations == 1
        assert (await client.ask_signed(Method.ALLOCATE, UDP_ONLY)).error_code == 437


@pytest.mark.parametrize(
    ("asked_s", "granted_s"), [(None, 600), (0, 600), (60, 600), (1800, 1800), (99999, 3600)]
)
@in_loop
async def test_lifetimes_granted(asked_s: int | None, granted_s: int) -> None:
    async with TurnServer(users=USERS) as server, turn_client(server) as client:
        await client.challenge()
        wish = {} if asked_s is None else {"LIFETIME": asked_s}
        answer = await client.ask_signed(Method.ALLOCATE, UDP_ONLY | wish)
        assert answer.attributes["LIFETIME"] == granted_s
        assert answer.attributes["XOR-MAPPED-ADDRESS"] == client.inbox.address


@in_loop
async def test_refresh_and_delete() -> None:
    async with TurnServer(users=USERS) as server, turn_client(server) as client:
        await client.challenge()
        assert (await client.ask_signed(Method.REFRESH)).error_code == 437
        relayed = await client.allocate()
        refreshed = await client.ask_signed(Method.REFRESH, {"LIFETIME": 1200})
        assert refreshed.attributes["LIFETIME"] == 1200
        deleted = await client.ask_signed(Method.REFRESH, {"LIFETIME": 0})
        assert deleted.attributes["LIFETIME"] == 0
        assert deleted.check_message_integrity(client.key)
        assert server.allocations == 0
        assert relayed not in server.relayed_addresses
        assert (await client.ask_signed(Method.REFRESH)).error_code == 437
        assert (await client.ask_signed(Method.ALLOCATE, UDP_ONLY)).error_code is None


@in_loop
async def test_an_allocation_expires() -> None:
    limits = TurnLimits(allocation_s=0.03, longest_allocation_s=0.03)
    async with TurnServer(users=USERS, limits=limits) as server, turn_client(server) as client:
        await client.allocate()
        assert server.allocations == 1
        await until(lambda: server.allocations == 0)
        assert server.relayed_addresses == set()
        assert (await client.ask_signed(Method.REFRESH)).error_code == 437


@in_loop
async def test_an_allocation_belongs_to_who_made_it() -> None:
    async with TurnServer(users=USERS) as server, turn_client(server) as client:
        await client.allocate()
        client.username, client.password = "bob", USERS["bob"]
        assert (await client.ask_signed(Method.REFRESH, {"LIFETIME": 0})).error_code == 441
        assert server.allocations == 1


@pytest.mark.parametrize(
    ("limits", "code"),
    [(TurnLimits(allocations_per_user=1), 486), (TurnLimits(allocations=1), 508)],
)
@in_loop
async def test_quota_and_capacity(limits: TurnLimits, code: int) -> None:
    async with (
        TurnServer(users=USERS, limits=limits) as server,
        turn_client(server) as first,
        turn_client(server) as second,
        turn_client(server, "bob") as third,
    ):
        await first.allocate()
        await second.challenge()
        assert (await second.ask_signed(Method.ALLOCATE, UDP_ONLY)).error_code == code
        await third.challenge()
        others = (await third.ask_signed(Method.ALLOCATE, UDP_ONLY)).error_code
        assert others == (None if code == 486 else 508)
        await first.ask_signed(Method.REFRESH, {"LIFETIME": 0})
        assert (await second.ask_signed(Method.ALLOCATE, UDP_ONLY)).error_code is None


# --- permissions, data, channels: RFC 8656 §9 to §12 ----------------------------------------------


async def permit(client: TurnClient, *hosts: str) -> int | None:
    answer = await client.ask_signed(
        Method.CREATE_PERMISSION, {"XOR-PEER-ADDRESS": (hosts[0], 9)} if hosts else {}
    )
    return answer.error_code


def data_to(peer: Address, payload: bytes) -> bytes:
    return bytes(indication(Method.SEND, {"XOR-PEER-ADDRESS": peer, "DATA": payload}))


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1", None),
        ("127.9.9.9", None),
        ("192.0.2.1", 403),
        ("10.0.0.1", 403),
        ("0.0.0.0", 403),  # noqa: S104 - a peer that is refused
        ("224.0.0.1", 403),
        ("::1", 443),
        ("2001:db8::1", 443),
    ],
)
@in_loop
async def test_only_loopback_peers_are_permitted(host: str, code: int | None) -> None:
    async with TurnServer(users=USERS) as server, turn_client(server) as client:
        await client.allocate()
        assert await permit(client, host) == code
        bound = await client.ask_signed(
            Method.CHANNEL_BIND, {"CHANNEL-NUMBER": 0x4000, "XOR-PEER-ADDRESS": (host, 9)}
        )
        assert bound.error_code == code


@in_loop
async def test_send_and_data_indications_need_a_permission() -> None:
    async with (
        TurnServer(users=USERS) as server,
        turn_client(server) as client,
        udp_socket() as peer,
    ):
        relayed = await client.allocate()
        client.send(data_to(peer.address, b"too early"))
        peer.transport.sendto(b"too early", relayed)
        assert await permit(client) == 400
        assert await permit(client, "127.0.0.1") is None
        client.send(data_to(peer.address, b"there"))
        assert await peer.next() == (b"there", relayed)
        peer.transport.sendto(b"back", relayed)
        came = parse((await client.receive())[0])
        assert (came.message_method, came.message_class) == (Method.DATA, Class.INDICATION)
        assert came.attributes == {"XOR-PEER-ADDRESS": peer.address, "DATA": b"back"}
        assert peer.received.empty()


@in_loop
async def test_a_permission_expires() -> None:
    limits = TurnLimits(permission_s=0.03)
    async with (
        TurnServer(users=USERS, limits=limits) as server,
        turn_client(server) as client,
        udp_socket() as peer,
    ):
        relayed = await client.allocate()
        assert await permit(client, "127.0.0.1") is None
        await asyncio.sleep(0.05)
        client.send(data_to(peer.address, b"too late"))
        peer.transport.sendto(b"too late", relayed)
        await client.challenge()  # its answer comes after whatever was on its way
        assert peer.received.empty()
        assert client.inbox.received.empty()


@in_loop
async def test_channel() -> None:
    async with (
        TurnServer(users=USERS) as server,
        turn_client(server) as client,
        udp_socket() as peer,
        udp_socket() as stranger,
    ):
        relayed = await client.allocate()
        wish = {"CHANNEL-NUMBER": 0x4001, "XOR-PEER-ADDRESS": peer.address}
        assert (await client.ask_signed(Method.CHANNEL_BIND, wish)).error_code is None
        assert (await client.ask_signed(Method.CHANNEL_BIND, wish)).error_code is None
        client.send(channel_data(0x4001, b"there"))
        client.send(channel_data(0x4001, b"padded", padded=True))
        client.send(channel_data(0x4002, b"nowhere"))
        assert await peer.next() == (b"there", relayed)
        assert await peer.next() == (b"padded", relayed)
        peer.transport.sendto(b"back", relayed)
        assert parse_channel_data((await client.receive())[0]) == (0x4001, b"back")
        # Another port of the same host is permitted, yet it has no channel.
        stranger.transport.sendto(b"by the way", relayed)
        came = parse((await client.receive())[0])
        assert came.attributes == {"XOR-PEER-ADDRESS": stranger.address, "DATA": b"by the way"}


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"CHANNEL-NUMBER": 0x4001},
        {"XOR-PEER-ADDRESS": ("127.0.0.1", 9)},
        {"CHANNEL-NUMBER": 0x3FFF, "XOR-PEER-ADDRESS": ("127.0.0.1", 9)},
        {"CHANNEL-NUMBER": 0x8000, "XOR-PEER-ADDRESS": ("127.0.0.1", 9)},
        {"CHANNEL-NUMBER": 0x4001, "XOR-PEER-ADDRESS": ("127.0.0.1", 9)},  # number is taken
        {"CHANNEL-NUMBER": 0x4002, "XOR-PEER-ADDRESS": ("127.0.0.1", 8)},  # peer is taken
    ],
)
@in_loop
async def test_channels_that_cannot_be_bound(wish: dict[str, Any]) -> None:
    async with TurnServer(users=USERS) as server, turn_client(server) as client:
        await client.allocate()
        taken = {"CHANNEL-NUMBER": 0x4001, "XOR-PEER-ADDRESS": ("127.0.0.1", 8)}
        assert (await client.ask_signed(Method.CHANNEL_BIND, taken)).error_code is None
        assert (await client.ask_signed(Method.CHANNEL_BIND, wish)).error_code == 400


@in_loop
async def test_a_channel_expires() -> None:
    limits = TurnLimits(channel_s=0.03)
    async with (
        TurnServer(users=USERS, limits=limits) as server,
        turn_client(server) as client,
        udp_socket() as peer,
    ):
        relayed = await client.allocate()
        wish = {"CHANNEL-NUMBER": 0x4001, "XOR-PEER-ADDRESS": peer.address}
        assert (await client.ask_signed(Method.CHANNEL_BIND, wish)).error_code is None
        await asyncio.sleep(0.05)
        client.send(channel_data(0x4001, b"too late"))
        peer.transport.sendto(b"back", relayed)
        assert parse((await client.receive())[0]).message_method is Method.DATA
        assert peer.received.empty()


@in_loop
async def test_permissions_are_bounded() -> None:
    async with (
        TurnServer(users=USERS, limits=TurnLimits(peers=2)) as server,
        turn_client(server) as client,
    ):
        await client.allocate()
        assert await permit(client, "127.0.0.1") is None
        assert await permit(client, "127.0.0.2") is None
        assert await permit(client, "127.0.0.3") == 508
        assert await permit(client, "127.0.0.1") is None


# --- connections and hostile input ----------------------------------------------------------------


async def assert_serving(server: TurnServer) -> None:
    async with turn_client(server) as client:
        await client.allocate()
        answer = await client.ask_signed(Method.REFRESH, {"LIFETIME": 0})
        assert answer.error_code is None
    stream = await StreamClient.connect(("127.0.0.1", server.tcp_port))
    assert (await stream.ask(request(Method.BINDING))).error_code is None
    await stream.close()


@in_loop
async def test_random_datagrams_are_not_answered() -> None:
    noise = random.Random(8489)  # noqa: S311 - the same noise each time, nothing secret
    async with TurnServer(users=USERS) as server, turn_client(server) as client:
        genuine = bytes(request(Method.BINDING))
        for _ in range(200):
            client.send(noise.randbytes(noise.randrange(200)))
            client.send(genuine[: noise.randrange(len(genuine))])
            client.send(genuine[:8] + noise.randbytes(12) + noise.randbytes(8))
            await asyncio.sleep(0)  # else the kernel's buffer overflows, and nothing is tested
        for useless in (Method.SEND, Method.DATA, Method.ALLOCATE):
            client.send(bytes(indication(useless, {})))
        client.send(bytes(request(Method.DATA)))
        await client.challenge()
        assert client.inbox.received.empty()
        await assert_serving(server)


@in_loop
async def test_messages_over_tcp_arrive_in_pieces() -> None:
    async with TurnServer(users=USERS) as server:
        client = await StreamClient.connect(("127.0.0.1", server.tcp_port))
        asked = request(Method.BINDING)
        for start in range(0, 20, 3):
            client.writer.write(bytes(asked)[start : start + 3])
            await client.writer.drain()
            await asyncio.sleep(0.001)
        assert parse(await client.receive()).transaction_id == asked.transaction_id
        await client.close()


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"\x00\x01\x00\x00\x00\x00\x00\x00", b"\xff\xff"]
)
@in_loop
async def test_nonsense_over_tcp_or_silence_is_hung_up_on(data: bytes) -> None:
    async with TurnServer(users=USERS, limits=TurnLimits(idle_s=0.05)) as server:
        client = await StreamClient.connect(("127.0.0.1", server.tcp_port))
        client.writer.write(data)
        assert await client.is_hung_up_on()
        await client.close()
        await assert_serving(server)


@in_loop
async def test_a_slow_client_is_hung_up_on_and_one_with_an_allocation_is_not(
    server_tls: ssl.SSLContext,
) -> None:
    limits = TurnLimits(idle_s=0.05)
    async with (
        TurnServer(users=USERS, limits=limits) as server,
        aioice_client(server, "tcp"),
    ):
        slow = await StreamClient.connect(("127.0.0.1", server.tcp_port))
        slow.writer.write(bytes(request(Method.BINDING))[:10])
        assert await slow.is_hung_up_on()
        await slow.close()
        assert server.allocations == 1


@in_loop
async def test_connections_are_bounded() -> None:
    async with TurnServer(users=USERS, limits=TurnLimits(connections=2)) as server:
        at = ("127.0.0.1", server.tcp_port)
        clients = [await StreamClient.connect(at) for _ in range(3)]
        assert await clients[2].is_hung_up_on()
        for client in clients[:2]:
            assert (await client.ask(request(Method.BINDING))).error_code is None
        for client in clients:
            await client.close()
        await asyncio.sleep(0.01)  # the server takes note of their end when it next looks
        await assert_serving(server)


@in_loop
async def test_a_client_that_does_not_read_makes_the_server_drop_not_hoard() -> None:
    async with TurnServer(users=USERS) as server:
        client = await StreamClient.connect(("127.0.0.1", server.tcp_port))
        asked = 500
        large = bytes(request(Method.BINDING, {"PADDING": bytes(60_000)}))
        for _ in range(asked):
            client.writer.write(large)
            await client.writer.drain()
        answered = 0
        with contextlib.suppress(TimeoutError):
            while await client.receive(0.1):
                answered += 1
        assert 0 < answered < asked
        assert (await client.ask(request(Method.BINDING))).error_code is None
        await client.close()


@in_loop
async def test_nonsense_instead_of_a_handshake(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    async with TurnServer(users=USERS, ssl_context=server_tls) as server:
        for data in (b"GET / HTTP/1.1\r\n\r\n", bytes(request(Method.BINDING))):
            client = await StreamClient.connect(("127.0.0.1", server.tls_port))
            client.writer.write(data)
            assert await client.is_hung_up_on()
            await client.close()
        async with aioice_client(server, "tls", client_tls):
            assert server.allocations == 1


@in_loop
async def test_a_client_that_does_not_trust_the_certificate(server_tls: ssl.SSLContext) -> None:
    async with TurnServer(users=USERS, ssl_context=server_tls) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            async with aioice_client(server, "tls", ssl.create_default_context()):
                pass


@in_loop
async def test_the_end_of_a_connection_frees_its_allocation() -> None:
    async with TurnServer(users=USERS) as server:
        relay, _ = await create_turn_endpoint(
            Inbox, ("127.0.0.1", server.tcp_port), "alice", USERS["alice"], transport="tcp"
        )
        assert server.allocations == 1
        inner = relay._TurnTransport__inner_protocol  # type: ignore[attr-defined]
        inner.refresh_task.cancel()
        inner.transport.abort()
        await until(lambda: server.allocations == 0)


@in_loop
async def test_closing_ends_everything_that_is_open(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    async with udp_socket() as inbox:
        async with TurnServer(users=USERS, ssl_context=server_tls) as server:
            in_handshake = await StreamClient.connect(("127.0.0.1", server.tls_port))
            in_handshake.writer.write(b"\x16\x03\x01")
            idle = await StreamClient.connect(("127.0.0.1", server.tcp_port))
            secured = StreamClient(
                *await asyncio.open_connection("127.0.0.1", server.tls_port, ssl=client_tls)
            )
            client = TurnClient(inbox, ("127.0.0.1", server.udp_port), "alice", USERS["alice"])
            relayed = await client.allocate()
            port, ports = server.udp_port, (server.tcp_port, server.tls_port)
        assert server.allocations == 0
        for stream in (in_handshake, idle, secured):
            assert await stream.is_hung_up_on()
            await stream.close()
        for number in ports:
            with pytest.raises(ConnectionRefusedError):
                await StreamClient.connect(("127.0.0.1", number))
        for address in (relayed, ("127.0.0.1", port), ("127.0.0.2", port)):
            async with bound_to(address):
                pass


@asynccontextmanager
async def bound_to(address: Address) -> AsyncIterator[None]:
    """Bind the address: it must be free."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Inbox, local_addr=address)
    transport.abort()
    await asyncio.sleep(0)
    yield
