"""What else keeps a call from connecting, as clients that know nothing of faults meet it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from polyai_diag.media import aiortc_taps
from polyai_diag.sandbox import Sandbox
from polyai_diag.sandbox.settings import StreamMode, Way
from polyai_diag.stun_message import TRANSPORT_UDP, Method, parse, request
from polyai_diag.target import parse_ice_url
from tests.aio import in_loop
from tests.live.cases import Case, gateway, turn
from tests.sandbox.caller import caller, client_context, http_base, signaling
from tests.sandbox.test_turn_faults import passes, relay, relay_entry
from tests.sandbox.turn_clients import TurnClient, udp_socket

if TYPE_CHECKING:
    from polyai_diag.sandbox.faults import Fault
    from tests.sandbox.turn_clients import Inbox

QUIET_S = 0.3
needs_ipv6 = pytest.mark.skipif(
    bool(Case("", sandbox={"ipv6": True}).lacks), reason="no IPv6 on this machine"
)


def _client(sandbox: Sandbox, inbox: Inbox) -> TurnClient:
    entry = relay_entry(sandbox)
    url = parse_ice_url(entry["urls"][0])
    return TurnClient(inbox, (url.host, url.port), entry["username"], entry["credential"])


@needs_ipv6
@in_loop
async def test_all_of_a_sandbox_is_on_ipv6() -> None:
    async with Sandbox(ipv6=True) as sandbox:
        told = sandbox.describe()
        urls = [u for entry in told["ice_servers"] for u in entry["urls"]]
        assert {parse_ice_url(url).host for url in urls} == {"::1"}
        async with httpx.AsyncClient(verify=client_context(sandbox)) as http:
            assert (await http.get(f"{http_base(sandbox)}/health")).status_code == 200
        async with signaling(sandbox) as socket, caller() as me:
            answer = await socket.offer(me.sdp)
            assert " ::1 " in answer["data"]["sdp"]
        for transport in ("udp", "tcp", "tls"):
            async with relay(sandbox, transport) as (made, _):
                assert made.get_extra_info("sockname")[0] == "::1"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"reject_credentials": True, "rejection_code": 400}, (400, "Bad Request")),
        ({"reject_credentials": True, "error_reason": "No, no"}, (401, "No, no")),
        ({"allocate_error": 486, "error_reason": "Full"}, (486, "Full")),
    ],
)
@in_loop
async def test_refusals_in_other_words(settings: dict[str, Any], said: tuple[int, str]) -> None:
    async with Sandbox([turn(**settings)]) as sandbox, udp_socket() as inbox:
        client = _client(sandbox, inbox)
        await client.challenge()
        asked = {"REQUESTED-TRANSPORT": TRANSPORT_UDP}
        answer = await client.ask_signed(Method.ALLOCATE, asked)
        assert answer.attributes["ERROR-CODE"] == said


@in_loop
async def test_a_refusal_before_any_credentials() -> None:
    faults = turn(allocate_error=403, refuse_unsigned=True)
    async with Sandbox([faults]) as sandbox, udp_socket() as inbox:
        assert (await _client(sandbox, inbox).ask(request(Method.ALLOCATE))).error_code == 403


@pytest.mark.parametrize("form", ["{expires}", "sandbox:{expires}"])
@in_loop
async def test_other_forms_of_the_user_name_are_taken(form: str) -> None:
    async with Sandbox([turn(username=form)]) as sandbox, relay(sandbox) as (made, inbox):
        assert await passes(made, inbox)


@pytest.mark.parametrize("way", list(Way))
@in_loop
async def test_a_relay_that_carries_one_way_alone(way: Way) -> None:
    faults = turn(drop_relayed=True, drops_only=way)
    async with (
        Sandbox([faults]) as sandbox,
        relay(sandbox) as (made, inbox),
        udp_socket(echo=True) as peer,
    ):
        made.sendto(b"hello", peer.address)
        await asyncio.sleep(QUIET_S)
        assert (peer.received.qsize(), inbox.received.qsize()) == (way is Way.RECEIVED, 0)


@pytest.mark.parametrize("request_name", ["permission", "channel"])
@in_loop
async def test_one_kind_of_request_for_peers_is_refused(request_name: str) -> None:
    faults = turn(refuse_peers=True, refused_requests=(request_name,))
    async with Sandbox([faults]) as sandbox, udp_socket() as inbox:
        client = _client(sandbox, inbox)
        await client.allocate()
        peer = {"XOR-PEER-ADDRESS": ("127.0.0.1", 9)}
        asked = {
            "permission": await client.ask_signed(Method.CREATE_PERMISSION, peer),
            "channel": await client.ask_signed(
                Method.CHANNEL_BIND, peer | {"CHANNEL-NUMBER": 0x4000}
            ),
        }
    assert [name for name, answer in asked.items() if answer.error_code == 403] == [request_name]


@pytest.mark.parametrize(
    ("mode", "heard"),
    [(StreamMode.SILENT, None), (StreamMode.HANG_UP, b""), (StreamMode.WEB, b"HTTP/1.1 400")],
)
@in_loop
async def test_streams_that_are_not_served(mode: StreamMode, heard: bytes | None) -> None:
    async with Sandbox([turn(streams=mode)]) as sandbox:
        for url in map(parse_ice_url, relay_entry(sandbox)["urls"][1:]):
            tls = client_context(sandbox) if url.transport == "tls" else None
            reader, writer = await asyncio.open_connection(url.host, url.port, ssl=tls)
            writer.write(bytes(request(Method.ALLOCATE)))
            answer = None
            try:
                async with asyncio.timeout(QUIET_S):
                    answer = (await reader.read(1000))[:12]
            except TimeoutError:
                pass
            assert answer == heard
            writer.transport.abort()


@pytest.mark.parametrize(
    ("settings", "code"), [({"binding_error": 500}, 500), ({"dead_stun_url": True}, None)]
)
@in_loop
async def test_stun_alone_is_out_of_order(settings: dict[str, Any], code: int | None) -> None:
    async with Sandbox([turn(**settings)]) as sandbox, udp_socket() as inbox:
        url = parse_ice_url(sandbox.describe()["ice_servers"][0]["urls"][0])
        inbox.transport.sendto(bytes(request(Method.BINDING)), (url.host, url.port))
        if code is not None:
            assert parse((await inbox.next())[0]).error_code == code
            return
        await asyncio.sleep(QUIET_S)
        assert inbox.received.empty()
        async with relay(sandbox) as (made, answers):
            assert await passes(made, answers)


@pytest.mark.parametrize(("way", "arrives"), [(Way.SENT, False), (Way.RECEIVED, True)])
@in_loop
async def test_dtls_vanishes_one_way_alone(way: Way, arrives: bool) -> None:
    kinds = await _kinds_heard(gateway(swallow_dtls=True, drops_only=way))
    assert any(20 <= kind < 64 for kind in kinds) is arrives


@in_loop
async def test_dtls_vanishes_after_its_first_datagrams() -> None:
    kinds = await _kinds_heard(gateway(swallow_dtls=True, dtls_passes=1))
    assert sum(20 <= kind < 64 for kind in kinds) == 1


async def _kinds_heard(fault: Fault) -> list[int]:
    """The first bytes (RFC 7983 §7) of what arrives within a moment after ICE is up."""
    kinds: list[int] = []

    def keep(data: bytes, _: Any, sent: bool) -> bool:
        if not sent:
            kinds.append(data[0])
        return True

    async with Sandbox([fault]) as sandbox, signaling(sandbox) as socket, caller() as me:
        aiortc_taps.filter_datagrams(me.pc, keep)
        await me.take(await socket.offer(me.sdp))
        await me.ice_completed()
        await asyncio.sleep(QUIET_S)
        assert me.pc.connectionState == "connecting"
    return kinds


@in_loop
async def test_the_media_ends_without_a_word() -> None:
    fault = gateway(ends_media_after_s=0.3)
    async with Sandbox([fault]) as sandbox, signaling(sandbox) as socket, caller() as me:
        await me.take(await socket.offer(me.sdp, mode="echo"))
        await me.state("connected")
        await me.state("closed")
        with pytest.raises(TimeoutError):
            await socket.receive(QUIET_S)


@in_loop
async def test_the_gateway_falls_silent_and_answers_checks() -> None:
    fault = gateway(silent_after_s=0.3)
    async with Sandbox([fault]) as sandbox, signaling(sandbox) as socket, caller() as me:
        await me.take(await socket.offer(me.sdp, mode="echo"))
        await me.hear(5)
        await me.falls_silent(QUIET_S)
        assert await aiortc_taps.check_pair(me.pc, resends=0) < 1
