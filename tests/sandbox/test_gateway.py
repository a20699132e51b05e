"""The sandbox's gateway, met by a client that writes its frames by hand."""

from __future__ import annotations

import re
import ssl
import subprocess
import sys
import threading
import time
import uuid
from contextlib import AsyncExitStack
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import numpy as np
import pytest

from polyai_diag.media.aiortc_taps import RtpArrival
from polyai_diag.sandbox import Sandbox
from polyai_diag.sandbox.echo import Echo
from polyai_diag.sandbox.faults import Fault
from polyai_diag.secret import Secret
from polyai_diag.stun_message import looks_like_stun
from polyai_diag.target import LEGACY_MODES
from tests.aio import in_loop, until
from tests.sandbox.caller import caller, client_context, http_base, level_dbfs, signaling, tone
from tests.sandbox.turn_clients import udp_socket


def _http(sandbox: Sandbox) -> httpx.AsyncClient:
    context = client_context(sandbox)
    return httpx.AsyncClient(base_url=http_base(sandbox), verify=context, trust_env=False)


@in_loop
async def test_a_target_leads_to_the_sandbox() -> None:
    async with Sandbox() as sandbox:
        told = sandbox.describe()
        target = sandbox.target(mode="echo", relay_only=True)
        assert target.url == told["signaling_url"]
        assert target.token == Secret(told["token"])
        assert target.ca_file == told["ca_file"]
        assert target.ice_servers is None
        assert not target.third_party
        assert target.relay_only
        assert sandbox.target(token="another").token == Secret("another")


def test_a_sandbox_that_does_not_run_has_no_target() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        Sandbox().target()


# --- HTTP -------------------------------------------------------------------------------------


@in_loop
async def test_health_counts_the_calls() -> None:
    async with Sandbox() as sandbox, _http(sandbox) as http:
        before = await http.get("/health")
        async with signaling(sandbox) as socket, caller() as me:
            await socket.offer(me.sdp, mode="echo")
            during = await http.get("/health")
        await until(lambda: sandbox.active_calls == 0)
        after = await http.get("/health")
    assert before.json() == {"status": "healthy", "activeSessions": 0}
    assert during.json() == {"status": "healthy", "activeSessions": 1}
    assert after.json() == {"status": "healthy", "activeSessions": 0}
    assert before.headers["content-type"] == "application/json"
    assert before.headers["access-control-allow-origin"] == "*"
    assert parsedate_to_datetime(before.headers["date"]).tzinfo is not None


@in_loop
async def test_ice_servers_are_for_those_who_have_the_token() -> None:
    path = "/api/v1/ice-servers"
    async with Sandbox() as sandbox, _http(sandbox) as http:
        told = sandbox.describe()
        by_header = await http.get(path, headers={"Authorization": f"Bearer {told['token']}"})
        by_query = await http.get(path, params={"token": told["token"]})
        refused = [
            await http.get(path),
            await http.get(path, params={"token": "wrong"}),
            await http.get(path, headers={"Authorization": "Bearer wrong"}),
        ]
        preflight = await http.options(path, headers={"Origin": "http://localhost"})
    assert by_header.json() == by_query.json() == {"iceServers": told["ice_servers"]}
    stun, turn = told["ice_servers"]
    assert [url.split(":")[0] for url in stun["urls"] + turn["urls"]] == [
        "stun",
        "turn",
        "turn",
        "turns",
    ]
    for response in refused:
        assert response.status_code == 401
        assert response.json() == {"error": "invalid auth token"}
    assert preflight.headers["access-control-allow-headers"] == "Authorization"


@in_loop
async def test_other_paths_are_not_found() -> None:
    async with Sandbox() as sandbox, _http(sandbox) as http:
        for path in ("/", "/api/v1/webrtc", "/api/v1/webrtc/signal/", "/healthz"):
            response = await http.get(path)
            assert response.status_code == 404
            assert "date" in response.headers


# --- offers -----------------------------------------------------------------------------------


@in_loop
async def test_an_offer_with_its_candidates_is_answered_and_echoed_packet_by_packet() -> None:
    async with Sandbox() as sandbox, signaling(sandbox) as socket, caller() as me:
        payloads = me.play(tone(0.5))
        answer = await socket.offer(me.sdp, mode="echo", callSid="CA1", caller="+1", callee="+2")
        assert uuid.UUID(answer["sessionId"]).version == 4
        await me.take(answer)
        await me.state("connected")
        await me.hear_payload(payloads[-1])
        assert sandbox.active_calls == 1
        got = [packet.payload for packet in me.heard]
        first = got.index(payloads[1])
        assert got[first : first + len(payloads) - 1] == payloads[1:]
        steps = np.diff([packet.timestamp for packet in me.heard])
        assert set(steps % 2**32) == {960}
        await socket.send({"type": "close", "sessionId": answer["sessionId"]})
        await until(lambda: sandbox.active_calls == 0)


@pytest.mark.parametrize("session_id", ["", None, "missing"])
@in_loop
async def test_every_spelling_of_no_session_opens_one(session_id: str | None) -> None:
    async with Sandbox() as sandbox, signaling(sandbox) as socket, caller() as me:
        data = {"type": "offer", "sdp": me.sdp}
        frame = {"type": "offer", "data": data, "authToken": socket.token, "mode": "echo"}
        if session_id != "missing":
            frame["sessionId"] = session_id  # type: ignore[assignment]
        await socket.send(frame)
        await me.take(await socket.receive())
        await me.hear(3)


@pytest.mark.parametrize("when", ["before the offer", "before the answer", "after the answer"])
@in_loop
async def test_candidates_may_come_at_any_time(when: str) -> None:
    async with Sandbox() as sandbox, signaling(sandbox) as socket, caller() as me:

        async def trickle(session_id: str) -> None:
            hidden = f"candidate:9 1 udp 2113937151 {uuid.uuid4()}.local 50000 typ host"
            for candidate in (hidden, *me.candidates):
                await socket.candidate(session_id, candidate, sdpMid="0", sdpMLineIndex=0)
            await socket.candidate(session_id, "", sdpMid=None, sdpMLineIndex=None)
            await socket.candidate(session_id, None)

        offer = {"type": "offer", "sdp": me.sdp_without_candidates}
        frame = {"type": "offer", "sessionId": "", "data": offer, "mode": "echo"}
        if when == "before the offer":
            await trickle("")
        await socket.send(frame | {"authToken": socket.token})
        if when == "before the answer":
            await trickle("")
        answer = await socket.receive()
        if when == "after the answer":
            await trickle(answer["sessionId"])
        await me.take(answer)
        await me.hear(3)


@in_loop
async def test_candidates_count_before_the_client_makes_its_first_check() -> None:
    """The gateway checks towards a trickled candidate by itself."""
    async with (
        Sandbox() as sandbox,
        signaling(sandbox) as socket,
        udp_socket() as ear,
        caller() as me,
    ):
        answer = await socket.offer(me.sdp_without_candidates)
        text = f"1 1 UDP 2113937151 127.0.0.1 {ear.address[1]} typ host"
        await socket.candidate(answer["sessionId"], text, sdpMid=None, sdpMLineIndex=None)
        check, _ = await ear.next()
        assert looks_like_stun(check)


@in_loop
async def test_a_browsers_other_sections_do_no_harm() -> None:
    async with Sandbox() as sandbox, signaling(sandbox) as socket, caller() as me:
        me.pc.createDataChannel("chat")
        me.pc.addTransceiver("video")
        await me.gather()
        payloads = me.play(tone(0.2))
        await me.take(await socket.offer(me.sdp, mode="echo"))
        await me.hear_payload(payloads[-1])


@in_loop
async def test_sections_are_found_by_any_name_and_without_one() -> None:
    async with Sandbox(trickle=True) as sandbox, signaling(sandbox) as socket, caller() as me:
        named = me.sdp.replace("a=mid:0", "a=mid:voice").replace("BUNDLE 0", "BUNDLE voice")
        answer = await socket.offer(named)
        assert "a=mid:voice\r\n" in answer["data"]["sdp"]
        assert (await socket.receive())["data"]["sdpMid"] == "voice"
        assert (await socket.receive())["data"]["candidate"] == ""
        await socket.send({"type": "close", "sessionId": answer["sessionId"]})
        bare = me.sdp.replace("a=mid:0\r\n", "").replace("a=group:BUNDLE 0\r\n", "")
        assert (await socket.offer(bare))["type"] == "answer"


@in_loop
async def test_a_call_keeps_no_more_than_it_needs() -> None:
    async with Sandbox() as sandbox, signaling(sandbox) as socket, caller() as me:
        await me.take(await socket.offer(me.sdp, mode="echo"))
        await me.hear(75)
        (call,) = sandbox._running.calls
        track = call._pc.getReceivers()[0].track
        assert track._queue.qsize() < 5  # type: ignore[attr-defined]


@in_loop
async def test_an_echo_that_cannot_send_drops_what_is_too_much() -> None:
    echo = Echo()
    for number in range(1000):
        echo.on_packet(RtpArrival(0.0, number, number * 960, 96, 1, b"\xfc\xff\xfe"))
    assert echo.track.queue.qsize() == 64


@in_loop
async def test_a_gateway_that_trickles_late() -> None:
    fault = Fault("It takes its time.", gateway={"trickle_after_s": 0.3})
    sandbox = Sandbox([fault], trickle=True)
    async with sandbox, signaling(sandbox) as socket, caller() as me:
        answer = await socket.offer(me.sdp)
        answered_s = time.monotonic()
        assert "a=candidate:" not in answer["data"]["sdp"]
        assert (await socket.receive())["data"]["candidate"].startswith("candidate:")
        assert 0.25 < time.monotonic() - answered_s < 2


@in_loop
async def test_a_socket_that_closes_waits_for_no_candidates() -> None:
    fault = Fault("It takes its time.", gateway={"trickle_after_s": 60})
    async with Sandbox([fault], trickle=True) as sandbox, caller() as me:
        async with signaling(sandbox) as socket:
            await socket.offer(me.sdp)
        await until(lambda: sandbox.active_calls == 0)


@in_loop
async def test_an_answer_in_other_words() -> None:
    rewritten = ((r"^a=sendrecv", "a=inactive"), (r" opus/48000/2", " opus/16000"))
    fault = Fault("Other words.", gateway={"answer_rewritten": rewritten})
    async with Sandbox([fault]) as sandbox, signaling(sandbox) as socket, caller() as me:
        sdp = (await socket.offer(me.sdp))["data"]["sdp"]
    assert "a=inactive\r\n" in sdp
    assert " opus/16000\r\n" in sdp
    assert "a=sendrecv" not in sdp


@in_loop
async def test_a_gateway_that_trickles() -> None:
    async with Sandbox(trickle=True) as sandbox, signaling(sandbox) as socket, caller() as me:
        answer = await socket.offer(me.sdp, mode="echo")
        assert "a=candidate" not in answer["data"]["sdp"]
        await me.take(answer)
        ends = False
        while not ends:
            frame = await socket.receive()
            assert frame["sessionId"] == answer["sessionId"]
            await me.take_candidate(frame)
            ends = frame["data"]["candidate"] == ""
        await me.hear(3)


@pytest.mark.parametrize("mode", LEGACY_MODES)
@in_loop
async def test_old_modes_are_accepted(mode: str) -> None:
    async with Sandbox() as sandbox, signaling(sandbox) as socket, caller() as me:
        assert (await socket.offer(me.sdp, mode=mode))["type"] == "answer"


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"authToken": None}, "UNAUTHORIZED", "Auth token required"),
        ({"authToken": ""}, "UNAUTHORIZED", "Auth token required"),
        ({"authToken": "wrong"}, "UNAUTHORIZED", "Invalid authentication token"),
        ({"authToken": 7}, "UNAUTHORIZED", "Invalid authentication token"),
        ({"authToken": "\ud800"}, "UNAUTHORIZED", "Invalid authentication token"),
        ({"mode": "karaoke"}, "INVALID_ARGUMENT", "Unknown mode"),
        ({"mode": "echo"}, "FORBIDDEN", "Echo mode is not allowed"),
    ],
)
@in_loop
async def test_a_refused_offer_may_be_followed_by_a_better_one(
    fields: dict[str, Any], code: str, message: str
) -> None:
    async with (
        Sandbox(allow_echo=False) as sandbox,
        signaling(sandbox) as socket,
        caller() as me,
    ):
        refusal = await socket.offer(me.sdp, **fields)
        assert refusal == {
            "type": "error",
            "sessionId": None,
            "data": {"code": code, "message": message},
        }
        assert sandbox.active_calls == 0
        assert (await socket.offer(me.sdp))["type"] == "answer"
        second = await socket.offer(me.sdp)
        assert second["data"]["code"] == "INVALID_MESSAGE"
        assert sandbox.active_calls == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sdp: sdp.replace("opus", "speex"),
        lambda sdp: sdp.replace("m=audio", "m=text"),
        lambda sdp: sdp.replace("a=rtcp-mux\r\n", ""),
        lambda sdp: sdp.replace("a=ice-ufrag", "a=x"),
        lambda sdp: sdp.replace("a=fingerprint", "a=x"),
        lambda sdp: sdp.replace("udp 2130706431", "udp many"),
        lambda sdp: sdp.replace("a=ice-pwd:", "a=ice-pwd:\ud800"),
        lambda sdp: sdp.replace("a=ssrc:", "a=ssrc:x"),
        lambda _: "v=0\r\n",
    ],
)
@in_loop
async def test_an_offer_that_cannot_be_answered_draws_an_error(spoil: Any) -> None:
    async with Sandbox() as sandbox, signaling(sandbox) as socket, caller() as me:
        refusal = await socket.offer(spoil(me.sdp))
        assert refusal["data"]["code"] == "HANDLER_ERROR"
        assert sandbox.active_calls == 0
        assert (await socket.offer(me.sdp))["type"] == "answer"


# --- the agent --------------------------------------------------------------------------------


@in_loop
async def test_the_agent_greets_then_answers_when_the_caller_has_spoken() -> None:
    async with Sandbox() as sandbox, signaling(sandbox) as socket, caller() as me:
        await me.take(await socket.offer(me.sdp))
        await me.state("connected")
        assert me.connected_s is not None
        await me.hear(160)  # 3.2 s
        greeting = me.sound
        levels = [level_dbfs(block) for block in np.array_split(greeting, len(greeting) // 960)]
        spoken = [number for number, level in enumerate(levels) if level > -50]
        starts_s = me.heard[spoken[0]].arrival_s - me.connected_s
        assert starts_s < 1.5
        speech = greeting[spoken[0] * 960 : (spoken[-1] + 1) * 960]
        assert 2 < len(speech) / 48_000 < 3
        assert level_dbfs(speech) == pytest.approx(-23, abs=3)
        assert max(levels[spoken[-1] + 2 :]) < -70  # it listens
        me.play(tone(0.4))
        await me.hear(250)
        assert level_dbfs(me.sound[-48_000:]) > -40  # it has answered


# --- the end ----------------------------------------------------------------------------------


@in_loop
async def test_a_call_ends_with_its_socket() -> None:
    async with Sandbox() as sandbox, caller() as me:
        async with signaling(sandbox) as socket:
            await me.take(await socket.offer(me.sdp, mode="echo"))
            await me.state("connected")
            assert sandbox.active_calls == 1
        await until(lambda: sandbox.active_calls == 0)
        await me.state("closed")


@in_loop
async def test_a_client_whose_media_ends_is_told_so() -> None:
    async with Sandbox() as sandbox, signaling(sandbox) as socket, caller() as me:
        answer = await socket.offer(me.sdp, mode="echo")
        await me.take(answer)
        await me.state("connected")
        await me.pc.close()
        assert await socket.receive() == {"type": "close", "sessionId": answer["sessionId"]}
        assert sandbox.active_calls == 0


@in_loop
async def test_a_client_whose_media_fails_is_told_so() -> None:
    async with Sandbox() as sandbox, signaling(sandbox) as socket, caller() as me:
        other = re.sub(r"(fingerprint:sha-\d+) (..)", r"\1 00", me.sdp)
        answer = await socket.offer(other, mode="echo")
        await me.take(answer)
        error = await socket.receive()
        assert error["sessionId"] == answer["sessionId"]
        assert error["data"]["code"] == "MEDIA_BRIDGE_FAILURE"
        assert sandbox.active_calls == 0
        assert (await socket.offer(me.sdp))["type"] == "answer"


@in_loop
async def test_leaving_the_sandbox_ends_its_calls_and_leaves_nothing() -> None:
    """Tasks and sockets that are left fail the test by `in_loop`."""
    async with AsyncExitStack() as client, caller() as me:
        async with Sandbox() as sandbox:
            ca_file = sandbox.describe()["ca_file"]
            socket = await client.enter_async_context(signaling(sandbox))
            await me.take(await socket.offer(me.sdp, mode="echo"))
            await me.hear(3)
        with pytest.raises(FileNotFoundError):
            ssl.create_default_context(cafile=ca_file)
        await me.state("closed")
    assert [thread.name for thread in threading.enumerate() if "decoder" in thread.name] == []


def test_the_package_is_imported_without_aiortc() -> None:
    code = (
        "import sys, polyai_diag.sandbox as s; s.FAULTS; print('aiortc' in sys.modules);"
        "s.Sandbox; print('aiortc' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
