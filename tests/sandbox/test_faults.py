"""Each fault, as it shows on the wire to a client that knows nothing of faults."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

from polyai_diag.analysis.sdp import parse_sdp
from polyai_diag.media import aiortc_taps
from polyai_diag.sandbox import FAULTS, FaultError, Sandbox
from polyai_diag.stun_message import TRANSPORT_UDP, Method, parse, request
from polyai_diag.target import IceUrl, parse_ice_url
from tests.aio import in_loop
from tests.sandbox.caller import (
    Caller,
    caller,
    client_context,
    http_base,
    ice_servers_url,
    level_dbfs,
    signaling,
    tone,
)
from tests.sandbox.turn_clients import Inbox, TurnClient, udp_socket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

QUIET_S = 0.3  # a healthy sandbox answers within milliseconds, as the tests beside show


def _turn_server(sandbox: Sandbox, transport: str) -> tuple[dict[str, Any], IceUrl]:
    """Return an iceServers entry with the one TURN URL of this transport."""
    _, relay = sandbox.describe()["ice_servers"]
    (url,) = [u for u in relay["urls"] if parse_ice_url(u).transport == transport]
    return relay | {"urls": [url]}, parse_ice_url(url)


@asynccontextmanager
async def _call(
    sandbox: Sandbox, *, relay: str | None = None, mode: str = "echo"
) -> AsyncIterator[Caller]:
    """Place a call that has its answer; through the TURN server over `relay` where given."""
    server = _turn_server(sandbox, relay)[0] if relay else None
    async with signaling(sandbox) as socket, caller(server, client_context(sandbox)) as me:
        answer = await socket.offer(me.sdp, mode=mode)
        await me.take(answer)
        yield me


async def _answers(inbox: Inbox, server: tuple[str, int]) -> bool:
    """Whether a STUN request over UDP gets any answer."""
    inbox.transport.sendto(bytes(request(Method.BINDING)), server)
    try:
        async with asyncio.timeout(QUIET_S):
            parse((await inbox.received.get())[0])
    except TimeoutError:
        return False
    return True


def test_a_fault_that_cannot_be_played_is_refused_in_one_line() -> None:
    with pytest.raises(FaultError) as caught:
        Sandbox(["udp-blocked", "gremlins"])
    text = str(caught.value)
    assert "gremlins" in text
    assert all(fault in text for fault in FAULTS)
    assert "\n" not in text


@pytest.mark.parametrize(
    "fault", ["dns-answer-wrong", "captive-portal", "mtu-blackhole", "turn-tls-intercepted"]
)
def test_a_fault_that_only_a_network_can_make_is_said_to_be_one(fault: str) -> None:
    assert fault not in FAULTS
    with pytest.raises(FaultError, match=f"^only a network can make the fault '{fault}'.*$"):
        Sandbox([fault])


@pytest.mark.parametrize(
    ("faults", "both_set"),
    [
        (["agent-failure", "gateway-error"], "refuse_offers"),
        (["token-expired", "token-not-yet-valid"], "studio_token_s"),
        (["tls-intercepted", "proxy-blocks-websocket"], "proxy"),
    ],
)
def test_two_faults_that_exclude_each_other_are_refused(faults: list[str], both_set: str) -> None:
    with pytest.raises(FaultError, match=f"at once: both set {both_set}$"):
        Sandbox(faults)


def test_the_list_is_closed_and_in_the_order_of_the_catalogues_tables() -> None:
    assert FAULTS == (
        "token-missing",
        "token-malformed",
        "token-expired",
        "token-not-yet-valid",
        "clock-skew",
        "token-rejected",
        "request-forbidden",
        "request-invalid",
        "dns-failure",
        "gateway-unreachable",
        "tls-intercepted",
        "tls-certificate-invalid",
        "proxy-blocks-websocket",
        "wrong-endpoint",
        "websocket-refused",
        "signaling-timeout",
        "signaling-protocol-violation",
        "signaling-closed",
        "signaling-lost",
        "ice-servers-unavailable",
        "agent-failure",
        "media-bridge-failure",
        "gateway-error",
        "setup-slow",
        "udp-blocked",
        "media-ports-blocked",
        "stun-unreachable",
        "turn-unreachable",
        "turn-credentials-rejected",
        "turn-credentials-expired",
        "turn-refused",
        "turn-quota-reached",
        "turn-out-of-capacity",
        "turn-peer-refused",
        "turn-relay-blackhole",
        "turn-not-configured",
        "turn-tcp-not-configured",
        "ice-no-candidates",
        "ice-failed",
        "ice-disconnected",
        "call-ended-early",
        "dtls-failed",
        "opus-rejected",
        "opus-misconfigured",
        "media-direction",
        "no-audio-received",
        "no-audio-delivered",
        "silent-audio",
        "audio-too-quiet",
        "audio-clipped",
        "audio-narrowband",
        "audio-distorted",
        "audio-wrong-rate",
        "audio-channel-fault",
        "audio-dropouts",
        "audio-hum",
        "echo-heard",
        "packet-loss",
        "high-latency",
        "high-jitter",
        "clock-drift",
    )


@in_loop
async def test_token_rejected() -> None:
    async with Sandbox(["token-rejected"]) as sandbox, caller() as me:
        told = sandbox.describe()
        async with httpx.AsyncClient(verify=client_context(sandbox), trust_env=False) as http:
            response = await http.get(
                ice_servers_url(sandbox), headers={"Authorization": f"Bearer {told['token']}"}
            )
        assert response.status_code == 401
        async with signaling(sandbox) as socket:
            refusal = await socket.offer(me.sdp)
        assert refusal["data"]["code"] == "UNAUTHORIZED"
        assert refusal["data"]["message"] == "Invalid authentication token"


@in_loop
async def test_wrong_endpoint() -> None:
    async with Sandbox(["wrong-endpoint"]) as sandbox:
        with pytest.raises(InvalidStatus) as caught:
            async with signaling(sandbox):
                pass
        assert caught.value.response.status_code == 404
        async with httpx.AsyncClient(verify=client_context(sandbox), trust_env=False) as http:
            assert (await http.get(f"{http_base(sandbox)}/health")).status_code == 200


@in_loop
async def test_signaling_timeout() -> None:
    async with (
        Sandbox(["signaling-timeout"]) as sandbox,
        signaling(sandbox) as socket,
        caller() as me,
    ):
        offer = {"type": "offer", "sdp": me.sdp}
        await socket.send({"type": "offer", "data": offer, "authToken": socket.token})
        await socket.send("no frame")
        # Frames are answered in order: the offer's answer would have come first.
        assert (await socket.receive())["data"]["code"] == "INVALID_MESSAGE"


@pytest.mark.parametrize("blocked", [False, True])
@in_loop
async def test_udp_blocked(blocked: bool) -> None:
    async with (
        Sandbox(["udp-blocked"] if blocked else []) as sandbox,
        signaling(sandbox) as socket,
        caller() as me,
        udp_socket() as inbox,
    ):
        url = _turn_server(sandbox, "udp")[1]
        assert await _answers(inbox, (url.host, url.port)) is not blocked
        answer = await socket.offer(me.sdp)
        (candidate,) = parse_sdp(answer["data"]["sdp"]).candidates
        media = (candidate.split()[4], int(candidate.split()[5]))
        assert await _answers(inbox, media) is not blocked


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@in_loop
async def test_udp_blocked_leaves_turn_over_tcp_and_tls(transport: str) -> None:
    async with (
        Sandbox(["udp-blocked"]) as sandbox,
        _call(sandbox, relay=transport) as me,
    ):
        await me.hear(10)
        pair = aiortc_taps.nominated_pair(me.pc)
        assert pair is not None
        assert pair.local_type == "relay"


@pytest.mark.parametrize("rejected", [False, True])
@in_loop
async def test_turn_credentials_rejected(rejected: bool) -> None:
    faults = ["turn-credentials-rejected"] if rejected else []
    async with Sandbox(faults) as sandbox, udp_socket() as inbox:
        server, url = _turn_server(sandbox, "udp")
        address = (url.host, url.port)
        client = TurnClient(inbox, address, server["username"], server["credential"])
        await client.challenge()
        wanted = {"REQUESTED-TRANSPORT": TRANSPORT_UDP}
        signed = await client.ask_signed(Method.ALLOCATE, wanted)
        assert signed.error_code == (401 if rejected else None)
        assert await _answers(inbox, address)


async def _media_answers(sandbox: Sandbox, me: Caller, inbox: Inbox) -> bool:
    """Whether the media port of a new call answers a STUN request of a stranger."""
    async with signaling(sandbox) as socket:
        answer = await socket.offer(me.sdp)
        (candidate,) = parse_sdp(answer["data"]["sdp"]).candidates
        return await _answers(inbox, (candidate.split()[4], int(candidate.split()[5])))


@in_loop
async def test_media_ports_blocked_leaves_turn_over_udp() -> None:
    async with Sandbox(["media-ports-blocked"]) as sandbox, caller() as me, udp_socket() as inbox:
        url = _turn_server(sandbox, "udp")[1]
        assert await _answers(inbox, (url.host, url.port))
        assert not await _media_answers(sandbox, me, inbox)
        async with _call(sandbox, relay="udp") as relayed:
            await relayed.hear(10)


@in_loop
async def test_ice_failed() -> None:
    async with Sandbox(["ice-failed"]) as sandbox, caller() as me, udp_socket() as inbox:
        assert not await _media_answers(sandbox, me, inbox)
        async with _call(sandbox, relay="tcp") as relayed:
            await asyncio.sleep(QUIET_S)
            assert relayed.pc.iceConnectionState == "checking"


@pytest.mark.parametrize("trickle", [False, True])
@in_loop
async def test_ice_no_candidates(trickle: bool) -> None:
    async with Sandbox(["ice-no-candidates"], trickle=trickle) as sandbox, caller() as me:
        asked: list[aiortc_taps.Address] = []

        def keep(_: bytes, address: aiortc_taps.Address, _sent: bool) -> bool:
            asked.append(address)
            return True

        aiortc_taps.filter_datagrams(me.pc, keep)
        async with signaling(sandbox) as socket:
            answer = await socket.offer(me.sdp)
            assert parse_sdp(answer["data"]["sdp"]).candidates == ()
            if trickle:
                assert (await socket.receive())["data"]["candidate"] == ""
            await asyncio.sleep(QUIET_S)
        assert asked == []


@in_loop
async def test_ice_disconnected() -> None:
    async with (
        Sandbox(["ice-disconnected"]) as sandbox,
        signaling(sandbox) as socket,
        caller() as me,
    ):
        await me.take(await socket.offer(me.sdp, mode="echo"))
        await me.hear(20)
        await me.falls_silent(QUIET_S)
        assert me.connected_s is not None
        assert me.heard[-1].arrival_s - me.connected_s == pytest.approx(2, abs=0.5)
        await (await socket.socket.ping())
        assert sandbox.active_calls == 1


@in_loop
async def test_call_ended_early() -> None:
    async with (
        Sandbox(["call-ended-early"]) as sandbox,
        signaling(sandbox) as socket,
        caller() as me,
    ):
        answer = await socket.offer(me.sdp, mode="echo")
        answered_s = time.monotonic()
        await me.take(answer)
        frame = await socket.receive()
        assert (frame["type"], frame["sessionId"]) == ("close", answer["sessionId"])
        assert time.monotonic() - answered_s == pytest.approx(2, abs=0.5)
        await me.state("closed")
        assert sandbox.active_calls == 0


@in_loop
async def test_dtls_failed() -> None:
    async with Sandbox(["dtls-failed"]) as sandbox, signaling(sandbox) as socket, caller() as me:
        kinds: list[int] = []

        def keep(data: bytes, _: aiortc_taps.Address, _sent: bool) -> bool:
            kinds.append(data[0])
            return True

        aiortc_taps.filter_datagrams(me.pc, keep)
        answer = await socket.offer(me.sdp)
        assert "a=setup:active" in answer["data"]["sdp"]  # so a ClientHello was to come
        await me.take(answer)
        await me.ice_completed()
        await asyncio.sleep(0.1)
        assert kinds
        assert all(kind < 4 for kind in kinds)  # STUN alone (RFC 7983 §7)
        assert me.pc.connectionState == "connecting"
        assert sandbox.active_calls == 1


@in_loop
async def test_opus_rejected() -> None:
    async with Sandbox(["opus-rejected"]) as sandbox, signaling(sandbox) as socket, caller() as me:
        answer = await socket.offer(me.sdp)
        offered, answered = parse_sdp(me.sdp), parse_sdp(answer["data"]["sdp"])
        assert len(answered.sections) == len(offered.sections) == 1
        assert answered.audio is not None
        assert offered.audio is not None
        assert answered.audio.port == 0
        assert answered.audio.payload_types
        assert set(answered.audio.payload_types) <= set(offered.audio.payload_types)
        assert answered.audio.first("mid") == offered.audio.first("mid")
        assert "group" not in answered.attributes
        assert answer["data"]["sdp"].endswith("\r\n")


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("opus-misconfigured", "a=fmtp:96 maxplaybackrate=8000;maxaveragebitrate=6000"),
        ("audio-channel-fault", "a=fmtp:96 stereo=1"),
        ("media-direction", "a=recvonly"),
    ],
)
@in_loop
async def test_what_the_answer_says(fault: str, line: str) -> None:
    async with Sandbox([fault]) as sandbox, signaling(sandbox) as socket, caller() as me:
        answer = await socket.offer(me.sdp)
        lines = answer["data"]["sdp"].split("\r\n")
        assert line in lines
        assert "a=rtpmap:96 opus/48000/2" in lines
        assert ("a=sendrecv" in lines) is (fault != "media-direction")


@pytest.mark.parametrize("mode", ["echo", "end-to-end"])
@in_loop
async def test_silent_audio(mode: str) -> None:
    async with Sandbox(["silent-audio"]) as sandbox, _call(sandbox, mode=mode) as me:
        me.play(tone(1))
        await me.hear(60)
        assert level_dbfs(me.sound) < -90
        assert set(np.diff([packet.timestamp for packet in me.heard]) % 2**32) == {960}


@in_loop
async def test_faults_add_up() -> None:
    faults = ["udp-blocked", "silent-audio"]
    async with Sandbox(faults) as sandbox, _call(sandbox, relay="tcp") as me:
        me.play(tone(1))
        await me.hear(20)
        assert level_dbfs(me.sound) < -90
