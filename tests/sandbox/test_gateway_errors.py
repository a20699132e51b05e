"""What the gateway says in place of an answer, after it, and in place of an upgrade."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from polyai_diag.sandbox import Sandbox
from polyai_diag.sandbox.faults import Fault
from polyai_diag.sandbox.settings import Page, Stranger
from tests.aio import in_loop, until
from tests.sandbox.caller import caller, client_context, ice_servers_url, signaling


def _set(**gateway: Any) -> Sandbox:
    return Sandbox([Fault("A gateway set otherwise.", gateway=gateway)])


@pytest.mark.parametrize("message", ["no JSON", b"\x80\x81"])
@in_loop
async def test_a_message_of_any_kind_in_place_of_the_answer(message: str | bytes) -> None:
    first = '{"type": "pong"}'
    async with _set(frame_for_answer=message, frames_first=(first,)) as sandbox:
        async with signaling(sandbox) as there, caller() as me:
            assert await there.offer(me.sdp) == {"type": "pong"}
            assert await there.socket.recv() == message
        assert sandbox.active_calls == 0


@pytest.mark.parametrize("code", [1005, 1006, 4000])
@in_loop
async def test_every_way_to_close(code: int) -> None:
    async with _set(close_for_answer=(code, "")) as sandbox, signaling(sandbox) as there:
        async with caller() as me:
            with pytest.raises(ConnectionClosed):
                await there.offer(me.sdp)
        assert there.socket.close_code == code


@pytest.mark.parametrize("hushed", [False, True])
@in_loop
async def test_an_error_late_and_the_close_behind_it(hushed: bool) -> None:
    faults = {"error_after_s": 0.3, "error_close": (4401, "who?"), "hush_errors": hushed}
    async with _set(**faults) as sandbox, signaling(sandbox) as there, caller() as me:
        started_s = time.monotonic()
        if not hushed:
            refusal = await there.offer(me.sdp, authToken="wrong")
            assert refusal["data"]["code"] == "UNAUTHORIZED"
            assert time.monotonic() - started_s >= 0.3
        with pytest.raises(ConnectionClosed):
            await there.offer(me.sdp, authToken="wrong")
        assert (there.socket.close_code, there.socket.close_reason) == (4401, "who?")


@in_loop
async def test_echo_is_refused_before_anything_else_is() -> None:
    fault = Fault("No agent.", gateway={"refuse_offers": ("AGENT_FAILURE", "")})
    sandbox = Sandbox([fault], allow_echo=False)
    async with sandbox, signaling(sandbox) as there, caller() as me:
        codes = [
            (await there.offer(me.sdp, **mode))["data"]["code"] for mode in ({"mode": "echo"}, {})
        ]
    assert codes == ["FORBIDDEN", "AGENT_FAILURE"]


@in_loop
async def test_a_call_that_fails_later() -> None:
    sandbox = _set(fails_later=(0.5, "AGENT_FAILURE", "gone"))
    async with sandbox, caller() as me, signaling(sandbox) as there:
        await me.take(await there.offer(me.sdp, mode="echo"))
        await me.hear(5)
        failed = await _after_candidates(there)
        assert failed["data"] == {"code": "AGENT_FAILURE", "message": "gone"}
        await until(lambda: sandbox.active_calls == 0)


@in_loop
async def test_a_call_that_outlives_errors() -> None:
    sandbox = _set(errors_outlived=("HANDLER_ERROR",))
    async with sandbox, caller() as me, signaling(sandbox) as there:
        await me.take(await there.offer(me.sdp, mode="echo"))
        assert (await _after_candidates(there))["data"]["code"] == "HANDLER_ERROR"
        await me.hear(20)
        assert sandbox.active_calls == 1


async def _after_candidates(there: Any) -> dict[str, Any]:
    while (frame := await there.receive())["type"] == "ice-candidate":
        pass
    return dict(frame)


@in_loop
async def test_who_makes_no_offer_is_hung_up_on() -> None:
    async with _set(close_without_offer=(0.1, 4408, "no offer")) as sandbox:
        async with signaling(sandbox) as there:
            await there.socket.wait_closed()
            assert there.socket.close_code == 4408
        async with signaling(sandbox) as there, caller() as me:
            assert (await there.offer(me.sdp))["type"] == "answer"
            await asyncio.sleep(0.1)  # longer than it waits for an offer, with those before
            assert there.socket.close_code is None


@in_loop
async def test_pages_in_place_of_what_was_asked_for() -> None:
    elsewhere = "https://status.example.com/"
    upgrade = Page(302, location=elsewhere)
    page = Page(200, "<html>hello</html>", "text/html")
    faults = {"upgrade": upgrade, "upgrade_after_s": 0.2, "ice_servers": page}
    async with _set(**faults) as sandbox:
        url = sandbox.describe()["signaling_url"].replace("wss:", "https:")
        async with httpx.AsyncClient(verify=client_context(sandbox), trust_env=False) as http:
            started_s = time.monotonic()
            sent_on = await http.get(url)
            assert time.monotonic() - started_s >= 0.2
            assert (sent_on.status_code, sent_on.headers["Location"]) == (302, elsewhere)
            shown = await http.get(ice_servers_url(sandbox))
            assert (shown.status_code, shown.text) == (200, page.body)
            assert shown.headers["Content-Type"] == "text/html"


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"self_signed": True}, "self-signed certificate"),
        ({"certificate_names": ("gateway.example.com",)}, "IP address mismatch"),
    ],
)
@in_loop
async def test_certificates_that_nobody_takes(faults: dict[str, Any], said: str) -> None:
    async with _set(**faults) as sandbox:
        with pytest.raises(ssl.SSLCertVerificationError, match=said):
            async with signaling(sandbox):
                pass


_PLAIN = {
    Stranger.RESET: b"",
    Stranger.SILENT: None,
    Stranger.HANG_UP: b"",
    Stranger.WEB: b"HTTP/1.1 400",
    Stranger.ALERT: b"\x15\x03\x03",
}
_OVER_TLS = {Stranger.SHELL: b"SSH-2.0-", Stranger.HUSH: None, Stranger.CUT: b""}


@pytest.mark.parametrize(("kind", "said"), [*_PLAIN.items(), *_OVER_TLS.items()])
@in_loop
async def test_strangers(kind: Stranger, said: bytes | None) -> None:
    """None: it says nothing, and stays."""
    async with Sandbox([Fault("A stranger.", target={"stranger": kind})]) as sandbox:
        url = urlsplit(sandbox.describe()["signaling_url"])
        tls = client_context(sandbox) if kind in _OVER_TLS else None
        reader, writer = await asyncio.open_connection(url.hostname, url.port, ssl=tls)
        writer.write(b"hello")
        try:
            async with asyncio.timeout(0.3):
                heard = await reader.read(4096)
        except TimeoutError:
            heard = None
        except ConnectionResetError:
            heard = b""
            assert kind in (Stranger.RESET, Stranger.CUT)
        finally:
            writer.transport.abort()
    assert (heard is None) is (said is None)
    assert heard is None or heard.startswith(said or b"")
    assert heard or not said


def test_every_stranger_is_met() -> None:
    assert {*_PLAIN, *_OVER_TLS} == set(Stranger)
