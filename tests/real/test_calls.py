"""Calls with gateways that are not ours, and calls that are cancelled."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiortc import RTCPeerConnection
from websockets.asyncio.server import ServerConnection

from polyai_diag import IceServer, Target, diagnose
from polyai_diag.model import Event, Observed
from polyai_diag.sandbox.turn import TurnServer
from polyai_diag.steps.call import check_call
from polyai_diag.steps.signaling import check_signaling
from tests.aio import in_loop, in_loop_for, until
from tests.real.foreign import (
    HOST,
    TOKEN,
    Script,
    judged,
    signaling_url,
    silent,
    summary,
    tcp_server,
    websocket_server,
)
from tests.real.scripts import (
    answers,
    error,
    sends,
    without,
)


def with_another_fingerprint(sdp: str) -> str:
    other = ":".join(["AB"] * 32)
    kept = without("a=fingerprint:sha-256 ")(without("a=fingerprint:sha-384 ")(sdp))
    lines = [s for s in kept.splitlines() if not s.startswith("a=fingerprint")]
    return "".join(f"{s}\r\n" for s in [*lines, f"a=fingerprint:sha-256 {other}"])


@pytest.mark.parametrize(
    ("script", "causes", "within_s"),
    [
        (answers(lambda sdp: sdp), (), 5),
        (answers(without(("a=candidate", "a=end-of-candidates")), early=True), (), 5),
        (answers(with_another_fingerprint), ("dtls-failed",), 5),
        (answers(without("a=candidate")), (), 5),
        (answers(without("a=candidate"), deaf=True), ("ice-no-candidates",), 12),
        (answers(without("a=end-of-candidates")), (), 5),
        (answers(lambda sdp: sdp, mute=True), ("no-audio-received",), 7),
        (answers(lambda sdp: sdp.replace("sendrecv", "recvonly")), ("media-direction",), 5),
        (answers(lambda sdp: sdp.replace("48000/2", "48000/1")), ("opus-misconfigured",), 5),
    ],
    ids=[
        "healthy",
        "early-candidates",
        "fingerprint",
        "no-candidates-but-checks",
        "no-candidates",
        "no-end",
        "mute",
        "one-way",
        "mono-opus",
    ],
)
@in_loop_for(15)
async def test_calls(script: Script, causes: tuple[str, ...], within_s: float) -> None:
    async with websocket_server(script) as port:
        report = await judged(signaling_url(port), steps=("call",))
    assert report.record.duration_ms < within_s * 1000
    assert report.root_causes == causes
    if causes == ("dtls-failed",):
        assert "AB:AB" in summary(report)


def offering(address: str) -> Callable[[str], str]:
    """Every candidate has another address; port and priority stay."""
    return lambda sdp: re.sub(r"(a=candidate:(?:\S+ ){4})\S+", rf"\g<1>{address}", sdp)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("f81d4fae-7dec-11d0-a765-00a0c91e6bf6.local", "known in its own network alone"),
        ("10.99.0.1", "ours is loopback"),
        ("fd00::99", "IPv6, and here IPv4"),
    ],
)
@in_loop_for(25)
async def test_candidates_that_nobody_can_reach(address: str, said: str) -> None:
    script = answers(offering(address), deaf=True)
    async with websocket_server(script) as port, asyncio.timeout(15):
        report = await judged(signaling_url(port), steps=("call",))
    assert report.root_causes == ("ice-no-candidates",)
    (finding, *_) = report.findings
    assert said in " ".join(evidence.text for evidence in finding.evidence)
    (row,) = report.step("call").data["remote_candidates"]
    assert row["address"] == address
    assert said in row["obstacle"]


@in_loop_for(15)
async def test_a_hidden_address_connects_where_the_gateway_asks_first() -> None:
    script = answers(offering("f81d4fae-7dec-11d0-a765-00a0c91e6bf6.local"))
    async with websocket_server(script) as port, asyncio.timeout(10):
        report = await judged(signaling_url(port), steps=("call",))
    assert report.root_causes == ()
    assert report.step("call").data["nominated"]["remote_type"] == "prflx"


async def stop_sending(pc: RTCPeerConnection) -> None:
    await pc.getSenders()[0].stop()


@pytest.mark.parametrize(
    ("ending", "said", "within_s"),
    [(RTCPeerConnection.close, "DTLS close", 7), (stop_sending, "the media path answers", 13)],
    ids=["dtls-close", "silence"],
)
@in_loop_for(25)
async def test_media_that_ends_while_the_websocket_stays(
    ending: Callable[[RTCPeerConnection], Awaitable[None]], said: str, within_s: float
) -> None:
    script = answers(lambda sdp: sdp, ending=ending)
    async with websocket_server(script) as port:
        report = await judged(signaling_url(port), steps=("audio",))
    assert report.record.duration_ms < within_s * 1000
    assert report.root_causes == ("call-ended-early",)
    assert said in summary(report)


@in_loop_for(60)
async def test_an_agent_that_says_nothing_is_given_fifteen_seconds() -> None:
    answers_silence = answers(lambda sdp: sdp)

    async def refuses_echo(connection: ServerConnection, _: dict[str, Any]) -> None:
        await connection.send(json.dumps(error("FORBIDDEN")))
        await answers_silence(connection, json.loads(await connection.recv()))

    async with websocket_server(refuses_echo) as port:
        report = await judged(signaling_url(port), steps=("audio",))
    assert report.root_causes == ("silent-audio",)
    assert "no speech from the agent in 15 s" in summary(report)
    assert report.record.duration_ms < 35_000
    assert report.step("audio").data["mode"] == "agent"


@pytest.mark.parametrize("after", ["tcp_connect", "http_health", "ice_gather", "ice_connect"])
@in_loop
async def test_cancelled_in_the_midst_it_leaves_nothing(after: str) -> None:
    """`in_loop` fails on tasks and sockets that are left; the moment is right after an exchange."""
    cancelled: list[bool] = []
    gone = asyncio.Event()
    inner = answers(lambda sdp: sdp)

    async def script(connection: ServerConnection, offer: dict[str, Any]) -> None:
        try:
            await inner(connection, offer)
        finally:
            gone.set()

    def cancel(event: Event) -> None:
        if isinstance(event, Observed) and event.observation.operation == after and not cancelled:
            cancelled.append(task.cancel())

    async with websocket_server(script) as port:
        target = Target(signaling_url(port), TOKEN, ice_servers=[], third_party=False)
        task = asyncio.create_task(diagnose(target, steps=("call",), on_event=cancel))
        with pytest.raises(asyncio.CancelledError):
            await task
        if after == "ice_connect":
            async with asyncio.timeout(2):
                await gone.wait()


@pytest.mark.parametrize("check", [check_signaling, check_call])
@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.1])
@in_loop
async def test_a_cancelled_check_leaves_nothing(check: Any, after_s: float) -> None:
    async with websocket_server(sends()) as port:
        target = Target(signaling_url(port), TOKEN, ice_servers=[], third_party=False)
        task = asyncio.create_task(check(target))
        await asyncio.sleep(after_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("over", ["udp", "tcp"])
@in_loop
async def test_a_cancelled_call_gives_its_relayed_address_back(over: str) -> None:
    async with TurnServer(users={"alice": "s3cret"}) as turn, websocket_server(sends()) as port:
        url = f"turn:{HOST}:{turn.udp_port}?transport={over}"
        servers = [IceServer(url, "alice", "s3cret")]
        target = Target(signaling_url(port), TOKEN, ice_servers=servers, third_party=False)
        task = asyncio.create_task(check_call(target))
        await until(lambda: turn.allocations > 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(1):
            await until(lambda: turn.allocations == 0)


@in_loop
async def test_cancelled_while_the_upgrade_waits() -> None:
    async with tcp_server(silent) as port:
        target = Target(signaling_url(port), TOKEN, ice_servers=[], third_party=False)
        task = asyncio.create_task(check_signaling(target))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
