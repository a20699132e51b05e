"""What the customer has set wrongly: the token, the URL. Seen by clients that know no faults."""

from __future__ import annotations

import socket
import time
from typing import Any

import httpx
import jwt
import pytest

from polyai_diag.sandbox import Sandbox
from polyai_diag.target import Target
from tests.aio import in_loop
from tests.sandbox.caller import caller, client_context, ice_servers_url, signaling

HOUR_S = 3600


def _sent(sandbox: Sandbox) -> str:
    """Return the token of the target, which is the one that is described."""
    target = sandbox.target()
    assert target.token is not None
    assert target.token.reveal() == sandbox.describe()["token"]
    assert target.url == sandbox.describe()["signaling_url"]
    return target.token.reveal()


async def _said_to(sandbox: Sandbox, token: str) -> tuple[int, str]:
    """Return what the ICE servers' endpoint and the offer say to a token: a status and a word."""
    async with httpx.AsyncClient(verify=client_context(sandbox), trust_env=False) as http:
        response = await http.get(ice_servers_url(sandbox), params={"token": token})
    async with signaling(sandbox) as socket, caller() as me:
        answer = await socket.offer(me.sdp, authToken=token)
    return response.status_code, answer.get("data", {}).get("code", answer["type"])


TAKEN = (200, "answer")
REFUSED = (401, "UNAUTHORIZED")


@in_loop
async def test_token_missing() -> None:
    async with Sandbox(["token-missing"]) as sandbox, signaling(sandbox) as socket, caller() as me:
        assert _sent(sandbox) == ""
        refusal = await socket.offer(me.sdp)
        assert refusal["data"] == {"code": "UNAUTHORIZED", "message": "Auth token required"}
        assert await _said_to(sandbox, sandbox.token) == TAKEN


@in_loop
async def test_token_malformed_and_mended() -> None:
    async with Sandbox(["token-malformed"]) as sandbox:
        sent = _sent(sandbox)
        assert sent != sent.strip()
        assert await _said_to(sandbox, sent) == REFUSED
        assert await _said_to(sandbox, sent.strip().strip('"')) == TAKEN


@pytest.mark.parametrize(
    ("fault", "claim", "offset_s"),
    [("token-expired", "exp", -3 * HOUR_S), ("token-not-yet-valid", "nbf", 2 * HOUR_S)],
)
@in_loop
async def test_a_studio_token_out_of_date(fault: str, claim: str, offset_s: int) -> None:
    async with Sandbox([fault]) as sandbox:
        sent = _sent(sandbox)
        claims = jwt.decode(sent, options={"verify_signature": False})
        assert claims[claim] - time.time() == pytest.approx(offset_s, abs=10)
        assert await _said_to(sandbox, sent) == REFUSED
        assert await _said_to(sandbox, sandbox.studio_token(nbf=-60, exp=60)) == TAKEN


@pytest.mark.parametrize(
    ("offsets_s", "said"),
    [
        ({}, TAKEN),
        ({"exp": 60}, TAKEN),
        ({"exp": -5, "iat": 5}, TAKEN),  # a little leeway, for clocks
        ({"exp": -15}, REFUSED),
        ({"iat": 15, "exp": 60}, REFUSED),
        ({"nbf": 15}, REFUSED),
    ],
)
@in_loop
async def test_studio_tokens_are_taken_by_their_dates(
    offsets_s: dict[str, int], said: tuple[int, str]
) -> None:
    async with Sandbox() as sandbox:
        assert await _said_to(sandbox, sandbox.studio_token(**offsets_s)) == said


@pytest.mark.parametrize(
    "forged",
    [
        jwt.encode({"exp": 2**33}, "a key of nobody, long enough for HS256", algorithm="HS256"),
        jwt.encode({"exp": 2**33}, "", algorithm="none"),
        "eyJ.eyJ.",
        "a.b.c",
        "\ud800.\ud800.\ud800",
    ],
)
@in_loop
async def test_a_studio_token_that_it_did_not_sign_is_refused(forged: str) -> None:
    async with Sandbox() as sandbox, signaling(sandbox) as socket, caller() as me:
        refusal = await socket.offer(me.sdp, authToken=forged)
        assert refusal["data"]["code"] == "UNAUTHORIZED"


@in_loop
async def test_dns_failure() -> None:
    async with Sandbox(["dns-failure"]) as sandbox:
        host = sandbox.target().host
        assert host.endswith(".invalid")
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo(host, 443)


@in_loop
async def test_gateway_unreachable() -> None:
    async with Sandbox(["gateway-unreachable"]) as sandbox:
        target = sandbox.target()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((target.host, target.port), timeout=5)
        with pytest.raises(OSError, match="in use"), socket.socket() as taker:
            taker.bind((target.host, target.port))  # nobody can take its place


@pytest.mark.parametrize(
    ("faults", "given"),
    [
        (["token-missing"], {"token": "mine"}),
        (["dns-failure"], {"url": "wss://localhost:1/x"}),
        (["proxy-blocks-websocket"], {"proxy": "http://localhost:1"}),
    ],
)
@in_loop
async def test_what_the_caller_gives_wins(faults: list[str], given: dict[str, Any]) -> None:
    async with Sandbox(faults) as sandbox:
        target, wanted = sandbox.target(**given), Target(**{"url": "us-1", **given})
        assert all(getattr(target, name) == getattr(wanted, name) for name in given)
