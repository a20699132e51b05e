"""Chromium, with a client in plain JavaScript, calls the sandbox and hears its own voice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import Error

from polyai_diag.sandbox import Sandbox
from polyai_diag.target import parse_ice_url
from tests.aio import in_loop, until
from tests.browser.chromium import TONE_HZ, chromium_page

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.coturn import Coturn

pytestmark = pytest.mark.chromium


async def _place_call(sandbox: Sandbox, folder: Path, **options: Any) -> dict[str, Any]:
    told = sandbox.describe()
    given = {"url": told["signaling_url"], "token": told["token"], **options}
    async with chromium_page(folder) as page:
        result: dict[str, Any] = await page.evaluate("options => placeCall(options)", given)
        await until(lambda: sandbox.active_calls == 0)  # its `close` was taken
    return result


def _relay(sandbox: Sandbox, transport: str) -> list[dict[str, Any]]:
    entry = sandbox.describe()["ice_servers"][1]
    urls = [url for url in entry["urls"] if parse_ice_url(url).transport == transport]
    return [entry | {"urls": urls}]


def _assert_heard(result: dict[str, Any]) -> None:
    assert result["heard"] is not None, result
    assert result["heard"]["peakHz"] == pytest.approx(TONE_HZ, abs=result["heard"]["resolutionHz"])
    assert result["stats"]["packetsReceived"] > 25
    assert result["stats"]["codec"] == "audio/opus"


@in_loop
async def test_chromium_hears_its_echo(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        result = await _place_call(sandbox, tmp_path)
    _assert_heard(result)
    assert result["stats"]["localType"] in ("host", "prflx")
    assert result["order"].index("offer") < result["order"].index("ice-candidate")


@in_loop
async def test_candidates_that_come_before_the_offer_are_held(tmp_path: Path) -> None:
    async with Sandbox(trickle=True) as sandbox:
        result = await _place_call(sandbox, tmp_path, candidatesFirst=True)
    _assert_heard(result)
    assert result["order"].index("ice-candidate") < result["order"].index("offer")


@in_loop
async def test_chromium_is_told_why_the_echo_is_refused(tmp_path: Path) -> None:
    async with Sandbox(allow_echo=False) as sandbox:
        with pytest.raises(Error, match="FORBIDDEN: Echo mode is not allowed"):
            await _place_call(sandbox, tmp_path)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@in_loop
async def test_chromium_hears_its_echo_through_the_relay(tmp_path: Path, transport: str) -> None:
    async with Sandbox() as sandbox:
        servers = _relay(sandbox, transport)
        result = await _place_call(sandbox, tmp_path, iceServers=servers, relayOnly=True)
    _assert_heard(result)
    assert result["stats"]["localType"] == "relay"
    assert result["stats"]["relayProtocol"] == transport


@in_loop
async def test_chromium_finds_the_relay_when_udp_is_blocked(tmp_path: Path) -> None:
    async with Sandbox(["udp-blocked"], trickle=True) as sandbox:
        result = await _place_call(sandbox, tmp_path)
    _assert_heard(result)
    assert result["stats"]["localType"] == "relay"
    assert result["stats"]["relayProtocol"] in ("tcp", "tls")


@pytest.mark.coturn
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@in_loop
async def test_chromium_hears_its_echo_through_coturn(
    tmp_path: Path, coturn: Coturn, transport: str
) -> None:
    (url,) = [url for url in coturn.urls()[1:] if parse_ice_url(url).transport == transport]
    servers = [{"urls": [url], "username": coturn.username, "credential": coturn.password}]
    async with Sandbox() as sandbox:
        result = await _place_call(sandbox, tmp_path, iceServers=servers, relayOnly=True)
    _assert_heard(result)
    assert result["stats"]["relayProtocol"] == transport
