"""What the gateway does wrong before and while it answers, as foreign clients see it."""

from __future__ import annotations

import asyncio
import ssl
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from cryptography import x509
from websockets.exceptions import ConnectionClosed, InvalidStatus

from polyai_diag.sandbox import Sandbox
from polyai_diag.sandbox.faults import Fault
from polyai_diag.sandbox.settings import Page
from tests.aio import in_loop, until
from tests.sandbox.caller import caller, client_context, http_base, ice_servers_url, signaling

HOUR_S = 3600


def _http(sandbox: Sandbox) -> httpx.AsyncClient:
    context = client_context(sandbox)
    return httpx.AsyncClient(base_url=http_base(sandbox), verify=context, trust_env=False)


@pytest.mark.parametrize(
    ("fault", "code", "named"),
    [
        ("request-forbidden", "FORBIDDEN", "account"),
        ("request-invalid", "INVALID_ARGUMENT", "callSid"),
        ("agent-failure", "AGENT_FAILURE", "agent"),
        ("media-bridge-failure", "MEDIA_BRIDGE_FAILURE", "media"),
        ("gateway-error", "HANDLER_ERROR", "error"),
    ],
)
@pytest.mark.parametrize("mode", ["echo", "end-to-end", None])
@in_loop
async def test_a_good_offer_is_refused(fault: str, code: str, named: str, mode: str | None) -> None:
    async with Sandbox([fault]) as sandbox, signaling(sandbox) as socket, caller() as me:
        fields = {"mode": mode} if mode else {}
        refusal = await socket.offer(me.sdp, **fields)
        assert refusal["type"] == "error"
        assert refusal["data"]["code"] == code
        assert named in refusal["data"]["message"]
        refusal = await socket.offer(me.sdp, authToken="wrong")
        assert refusal["data"]["code"] == "UNAUTHORIZED"  # the token comes first
        assert sandbox.active_calls == 0


@in_loop
async def test_errors_at_the_top_of_the_frame() -> None:
    fault = Fault("Errors as some servers write them.", gateway={"flat_errors": True})
    async with Sandbox([fault]) as sandbox, signaling(sandbox) as socket, caller() as me:
        assert await socket.offer(me.sdp, authToken="wrong") == {
            "type": "error",
            "code": "UNAUTHORIZED",
            "message": "Invalid authentication token",
        }


@pytest.mark.parametrize("faults", [[], ["clock-skew"]])
@in_loop
async def test_clock_skew(faults: list[str]) -> None:
    ahead_s = 3 * HOUR_S if faults else 0
    async with Sandbox(faults) as sandbox, _http(sandbox) as http, caller() as me:
        for path in ("/health", "/api/v1/ice-servers", "/nothing"):
            shown = parsedate_to_datetime((await http.get(path)).headers["date"])
            offset_s = (shown - datetime.now(UTC)).total_seconds()
            assert offset_s == pytest.approx(ahead_s, abs=5)
        async with signaling(sandbox) as socket:
            assert socket.socket.response is not None
            shown = parsedate_to_datetime(socket.socket.response.headers["date"])
            offset_s = (shown - datetime.now(UTC)).total_seconds()
            assert offset_s == pytest.approx(ahead_s, abs=5)
            ours = sandbox.studio_token(iat=0, exp=HOUR_S)
            theirs = sandbox.studio_token(iat=3 * HOUR_S, exp=4 * HOUR_S)
            taken, refused = (theirs, ours) if faults else (ours, theirs)
            refusal = await socket.offer(me.sdp, authToken=refused)
            assert refusal["data"]["code"] == "UNAUTHORIZED"
            assert (await socket.offer(me.sdp, authToken=taken))["type"] == "answer"


@in_loop
async def test_the_token_of_a_skewed_clock_is_good_here_and_refused_there() -> None:
    async with Sandbox(["clock-skew"]) as sandbox, _http(sandbox) as http:
        token = sandbox.describe()["token"]
        response = await http.get(
            "/api/v1/ice-servers", headers={"Authorization": f"Bearer {token}"}
        )
        assert response.status_code == 401
        async with signaling(sandbox) as socket, caller() as me:
            assert (await socket.offer(me.sdp))["data"]["code"] == "UNAUTHORIZED"


def _certificate(sandbox: Sandbox) -> x509.Certificate:
    target = sandbox.target()
    pem = ssl.get_server_certificate((target.host, target.port), timeout=5)
    return x509.load_pem_x509_certificate(pem.encode())


@pytest.mark.parametrize(
    ("days", "said"),
    [((-90, -1), "certificate has expired"), ((1, 90), "certificate is not yet valid")],
)
@in_loop
async def test_a_certificate_out_of_date(days: tuple[int, int], said: str) -> None:
    fault = Fault("A certificate out of date.", gateway={"certificate_days": days})
    async with Sandbox([fault]) as sandbox, _http(sandbox) as http:
        with pytest.raises(httpx.ConnectError, match=said):
            await http.get("/health")
        shown = await asyncio.to_thread(_certificate, sandbox)
        ends_days = (shown.not_valid_after_utc - datetime.now(UTC)).total_seconds() / 86400
        assert ends_days == pytest.approx(days[1], abs=0.1)


@in_loop
async def test_tls_certificate_invalid() -> None:
    async with Sandbox(["tls-certificate-invalid"]) as sandbox:
        with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
            async with signaling(sandbox):
                pass


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("websocket-refused", 503),
        (Fault("Not for you.", gateway={"upgrade": Page(403)}), 403),
        (Fault("Too many calls.", gateway={"upgrade": Page(429)}), 429),
    ],
)
@in_loop
async def test_websocket_refused(fault: str | Fault, status: int) -> None:
    async with Sandbox([fault]) as sandbox, _http(sandbox) as http:
        with pytest.raises(InvalidStatus) as caught:
            async with signaling(sandbox):
                pass
        assert caught.value.response.status_code == status
        assert (await http.get("/health")).status_code == 200


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("signaling-closed", 1011),
        (Fault("Policy.", gateway={"close_for_answer": (1008, "no more calls today")}), 1008),
    ],
)
@in_loop
async def test_signaling_closed(fault: str | Fault, code: int) -> None:
    async with Sandbox([fault]) as sandbox, signaling(sandbox) as socket, caller() as me:
        with pytest.raises(ConnectionClosed) as caught:
            await socket.offer(me.sdp)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == code
        assert caught.value.rcvd.reason
        assert sandbox.active_calls == 0


@in_loop
async def test_signaling_protocol_violation() -> None:
    async with (
        Sandbox(["signaling-protocol-violation"]) as sandbox,
        signaling(sandbox) as socket,
        caller() as me,
    ):
        answer = await socket.offer(me.sdp)
        assert answer["type"] == "answer"
        assert "sessionId" not in answer
        assert answer["data"]["sdp"]


@in_loop
async def test_signaling_lost_and_the_media_lives_on() -> None:
    async with Sandbox(["signaling-lost"]) as sandbox, caller() as me:
        async with signaling(sandbox) as socket:
            answer = await socket.offer(me.sdp, mode="echo")
            answered_s = time.monotonic()
            await me.take(answer)
            await socket.socket.wait_closed()
            assert time.monotonic() - answered_s == pytest.approx(1, abs=0.5)
            assert socket.socket.close_code == 1001
        heard = len(me.heard)
        await me.hear(heard + 50)
        assert sandbox.active_calls == 1
        await me.pc.close()
        await until(lambda: sandbox.active_calls == 0)


@in_loop
async def test_a_call_that_was_hung_up_does_not_live_on() -> None:
    async with Sandbox(["signaling-lost"]) as sandbox, caller() as me:
        async with signaling(sandbox) as socket:
            await me.take(await socket.offer(me.sdp, mode="echo"))
        await until(lambda: sandbox.active_calls == 0)


@in_loop
async def test_a_sandbox_that_ends_ends_the_call_that_lives_on() -> None:
    async with caller() as me:
        async with Sandbox(["signaling-lost"]) as sandbox, signaling(sandbox) as socket:
            await me.take(await socket.offer(me.sdp, mode="echo"))
            await socket.socket.wait_closed()
            started_s = time.monotonic()
        assert time.monotonic() - started_s < 2
        await me.state("closed")


@in_loop
async def test_ice_servers_unavailable() -> None:
    async with (
        Sandbox(["ice-servers-unavailable"]) as sandbox,
        _http(sandbox) as http,
        signaling(sandbox) as socket,
        caller() as me,
    ):
        token = {"Authorization": f"Bearer {sandbox.token}"}
        assert (await http.get(ice_servers_url(sandbox), headers=token)).status_code == 500
        assert (await socket.offer(me.sdp))["type"] == "answer"


@in_loop
async def test_setup_slow() -> None:
    async with Sandbox(["setup-slow"]) as sandbox, signaling(sandbox) as socket, caller() as me:
        data = {"type": "offer", "sdp": me.sdp}
        started_s = time.monotonic()
        await socket.send({"type": "offer", "data": data, "authToken": socket.token})
        answer: dict[str, Any] = await socket.receive(within_s=10)
        assert answer["type"] == "answer"
        assert 5 < time.monotonic() - started_s < 8  # over the limit; clients wait for longer


@in_loop
async def test_nobody_waits_for_a_slow_answer_after_the_end() -> None:
    started_s = time.monotonic()
    async with Sandbox(["setup-slow"]) as sandbox, caller() as me, signaling(sandbox) as socket:
        data = {"type": "offer", "sdp": me.sdp}
        await socket.send({"type": "offer", "data": data, "authToken": socket.token})
    assert time.monotonic() - started_s < 3
