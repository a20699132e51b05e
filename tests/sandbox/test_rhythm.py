"""Faults that come and go, as foreign clients meet them; what is asked again leaves nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import httpx
import pytest
from aioice.stun import TransactionFailed

from polyai_diag import IceServer, Target, check_gateway, check_turn
from polyai_diag.failures import Failure
from polyai_diag.model import Status
from polyai_diag.sandbox import Sandbox
from polyai_diag.sandbox.rhythm import Rhythm
from polyai_diag.sandbox.settings import Page, TurnFaults
from polyai_diag.sandbox.turn import TurnServer
from tests.aio import in_loop, until
from tests.live.cases import gateway, turn
from tests.sandbox.caller import client_context, http_base, ice_servers_url
from tests.sandbox.test_turn_faults import relay

if TYPE_CHECKING:
    from polyai_diag.model import Observation, StepResult

USERS = {"alice": "her password"}


def ends(result: StepResult, operation: str) -> str:
    """How the attempts at an operation ended, each as `x` or `.`, the near ends alone."""
    seen = [o for o in result.observations if o.operation == operation]
    return "".join("." if o.failure is None else "x" for o in seen if not o.notes.get("far_end"))


def attempts(result: StepResult, operation: str) -> list[int | None]:
    seen = [o for o in result.observations if o.operation == operation]
    return [o.notes.get("attempt") for o in seen]


@pytest.mark.parametrize(
    ("pattern", "turns"), [("x", "xxxx"), (".", "...."), ("x.", "x.x."), ("x..", "x..x")]
)
def test_a_rhythm_begins_again(pattern: str, turns: str) -> None:
    rhythm = Rhythm(pattern)
    assert "".join("x" if rhythm.fails() else "." for _ in turns) == turns


@in_loop
async def test_http_fails_now_and_then() -> None:
    fault = gateway(ice_servers=Page(500), ice_servers_rhythm="x..")
    async with (
        Sandbox([fault]) as sandbox,
        httpx.AsyncClient(verify=client_context(sandbox), trust_env=False) as client,
    ):
        login = {"Authorization": f"Bearer {sandbox.token}"}
        told = [await client.get(ice_servers_url(sandbox), headers=login) for _ in range(4)]
        assert [answer.status_code for answer in told] == [500, 200, 200, 500]


@pytest.mark.skipif(sys.platform == "win32", reason="its event loop accepts by itself")
@in_loop
async def test_connections_are_reset_now_and_then() -> None:
    async with Sandbox([gateway(reset_rhythm=".x")]) as sandbox:
        for expected in (200, None):
            async with httpx.AsyncClient(verify=client_context(sandbox), trust_env=False) as client:
                try:
                    answer = await client.get(f"{http_base(sandbox)}/health")
                except httpx.TransportError:
                    assert expected is None
                else:
                    assert answer.status_code == expected


@in_loop
async def test_allocations_are_refused_now_and_then() -> None:
    async with Sandbox([turn(allocate_error=508, allocate_rhythm=".x")]) as sandbox:
        async with relay(sandbox):
            pass
        with pytest.raises(TransactionFailed):
            async with relay(sandbox):
                pass


@in_loop
async def test_the_gateway_is_asked_four_times_and_no_call_is_placed() -> None:
    fault = gateway(upgrade=Page(503), upgrade_rhythm="x.")
    async with Sandbox([fault]) as sandbox:
        result = await check_gateway(sandbox.target())
        assert sandbox.active_calls == 0
    assert result.status is Status.PASSED
    assert ends(result, "websocket_upgrade") == "x.x."
    assert attempts(result, "websocket_upgrade") == [None, 2, 3, 4]
    assert _span_ms(result.observations, "websocket_upgrade") < 1000


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        (gateway(upgrade=Page(503)), 4),
        (gateway(upgrade=Page(404)), 1),
        (gateway(upgrade=Page(403)), 1),
        (gateway(upgrade=Page(429)), 1),
    ],
)
@in_loop
async def test_what_is_final_is_asked_once(fault: object, times: int) -> None:
    async with Sandbox([fault]) as sandbox:  # type: ignore[list-item]
        result = await check_gateway(sandbox.target())
    assert result.status is Status.FAILED
    assert result.reason == "the WebSocket could not be opened"
    assert ends(result, "websocket_upgrade") == "x" * times


@in_loop
async def test_a_token_that_is_refused_is_sent_once() -> None:
    async with Sandbox(["token-rejected"]) as sandbox:
        result = await check_gateway(sandbox.target())
    assert ends(result, "ice_servers_fetch") == "x"


@pytest.mark.parametrize(("pattern", "asked"), [("x.", "xx.x"), ("xx.", "x.xx")])
@in_loop
async def test_relayed_addresses_of_every_attempt_are_given_back(pattern: str, asked: str) -> None:
    """The far end, which is asked beside the first attempt, takes the second turn."""
    faults = TurnFaults(allocate_error=500, allocate_rhythm=pattern)
    async with TurnServer(users=USERS, faults=faults) as server:
        result = await check_turn(_aimed(server))
        await until(lambda: server.allocations == 0)
    assert result.status is Status.PASSED
    near = [o for o in result.observations if _is_over_udp(o) and not o.notes["far_end"]]
    assert "".join("." if o.failure is None else "x" for o in near) == asked
    assert {o.failure for o in near} == {None, Failure.STUN_ERROR}


def _is_over_udp(seen: Observation) -> bool:
    return seen.operation == "turn_allocate" and seen.endpoint.endswith("udp")


def _aimed(server: TurnServer) -> Target:
    ((username, credential),) = USERS.items()
    url = f"turn:127.0.0.1:{server.udp_port}?transport=udp"
    servers = [IceServer([url], username, credential)]
    return Target("wss://127.0.0.1:1/", "a token", ice_servers=servers, third_party=False)


def _span_ms(observations: tuple[Observation, ...], operation: str) -> float:
    seen = [o for o in observations if o.operation == operation]
    return seen[-1].started_ms - seen[0].started_ms
