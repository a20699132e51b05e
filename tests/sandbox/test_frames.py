"""Frames that the gateway meets: those of published clients, faulty ones, and no frames at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from polyai_diag.sandbox import Sandbox
from tests.aio import in_loop
from tests.sandbox.caller import caller, signaling

VECTORS = json.loads(Path(__file__).parents[1].joinpath("vectors/frames.json").read_text("utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "[" * 100_000,
        b"\xff\xfe",
        "[1]",
        "{}",
        '{"type": 1}',
        '{"type": "offer"}',
        '{"type": "close", "sessionId": 7}',
        '{"type": "ice-candidate", "data": {"candidate": {}}}',
    ],
)
@in_loop
async def test_what_is_no_frame_draws_an_error_and_the_socket_stays(text: str | bytes) -> None:
    async with Sandbox() as sandbox, signaling(sandbox) as socket, caller() as me:
        await socket.socket.send(text)
        error = await socket.receive()
        assert error["type"] == "error"
        assert error["sessionId"] is None
        assert error["data"]["code"] == "INVALID_MESSAGE"
        assert (await socket.offer(me.sdp))["type"] == "answer"


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=lambda vector: vector["name"])
@in_loop
async def test_every_frame_of_published_clients_is_taken(vector: dict[str, Any]) -> None:
    frame = vector["frame"]
    async with Sandbox() as sandbox, signaling(sandbox) as socket, caller() as me:
        if frame["type"] == "offer":
            await socket.send(frame | {"authToken": socket.token})
            assert (await socket.receive())["type"] == "answer"
            assert sandbox.active_calls == 1
            return
        await socket.send(frame)
        # Frames are answered in order: the answer to the next one is the next frame.
        assert (await socket.offer(me.sdp))["type"] == "answer"


# What lint reports and the gateway takes all the same.
TOLERATED = {
    "session set in the first offer": "answer",
    "an answer in an offer": "answer",
    "override half set": "answer",
    "type misspelt": None,
    "candidate before the session is known": None,
}
REFUSED = {
    "no token": "UNAUTHORIZED",
    "token within data": "UNAUTHORIZED",
    "mode nobody knows": "INVALID_ARGUMENT",
    "sdp lost its line ends": "HANDLER_ERROR",
    "sdp at the top": "INVALID_MESSAGE",
    "candidate twice wrapped": "INVALID_MESSAGE",
    "not an object": "INVALID_MESSAGE",
}


@pytest.mark.parametrize("vector", VECTORS["faulty"], ids=lambda vector: vector["name"])
@in_loop
async def test_every_faulty_frame_is_refused_by_name_or_tolerated(vector: dict[str, Any]) -> None:
    frame = vector["frame"]
    async with Sandbox() as sandbox, signaling(sandbox) as socket, caller() as me:
        if isinstance(frame, dict) and "authToken" in frame:
            frame = frame | {"authToken": socket.token}
        await socket.send(frame)
        code = REFUSED.get(vector["name"])
        if code:
            assert (await socket.receive())["data"]["code"] == code
        elif TOLERATED[vector["name"]]:
            assert (await socket.receive())["type"] == "answer"
            await socket.send({"type": "close"})
        assert (await socket.offer(me.sdp))["type"] == "answer"


@in_loop
async def test_a_candidate_that_is_none_draws_an_error_and_the_call_stays() -> None:
    async with Sandbox() as sandbox, signaling(sandbox) as socket, caller() as me:
        answer = await socket.offer(me.sdp, mode="echo")
        text = "candidate:1 1 udp high 127.0.0.1 50000 typ host"
        await socket.candidate(answer["sessionId"], text, sdpMid="0")
        assert (await socket.receive())["data"]["code"] == "INVALID_MESSAGE"
        await me.take(answer)
        await me.hear(3)


@in_loop
async def test_more_candidates_than_anyone_has_do_no_harm() -> None:
    async with Sandbox() as sandbox, signaling(sandbox) as socket, caller() as me:
        for early in (True, False):
            for port in range(2000, 2200):
                text = f"candidate:1 1 udp 1 127.0.0.1 {port} typ host"
                await socket.candidate("", text, sdpMid="0")
            if early:
                answer = await socket.offer(me.sdp, mode="echo")
        await me.take(answer)
        await me.hear(3)
