"""The browser check in a real Chromium, and what its result is judged to be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag.sandbox import Sandbox
from tests.aio import in_loop_for, until
from tests.browser.checking import (
    ELSEWHERE,
    FAKE_DEVICE,
    FAKE_UI,
    browser_context,
    check_in,
    judged,
    shown_by_the_page,
)

if TYPE_CHECKING:
    from pathlib import Path

    from polyai_diag.analysis.paste import Pasted

pytestmark = pytest.mark.chromium

ALONE = {"skip": ["servers", "call", "speaker"], "iceServers": []}


def _assert_named(result: dict[str, Any], folder: Path, *named: str) -> Pasted:
    """Hold the judgement, and the page's own words, to just these causes."""
    assert result["errors"] == []
    assert result["ended"] == "finished"
    pasted = judged(result)
    assert set(pasted.root_causes) == set(named)
    assert set(shown_by_the_page([result], folder)[0]) == set(named)
    return pasted


def _options(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    told = sandbox.describe()
    return {"url": told["signaling_url"], "token": told["token"], **more}


def _seen(result: dict[str, Any], operation: str) -> dict[str, Any]:
    (found,) = [seen for seen in result["observations"] if seen["operation"] == operation]
    return dict(found)


@in_loop_for(60)
async def test_a_healthy_browser_calls_and_nothing_is_named(tmp_path: Path) -> None:
    async with Sandbox(trickle=True) as sandbox, browser_context(tmp_path) as context:
        options = _options(sandbox)
        result = await check_in(context, tmp_path, options)
        await until(lambda: sandbox.active_calls == 0)  # its `close` was taken
    pasted = _assert_named(result, tmp_path)
    assert pasted.findings == ()
    heard = _seen(result, "microphone_listen")["notes"]
    assert heard["active_level_dbfs"] == pytest.approx(-25, abs=6)  # the tone, after gain control
    echoes = [s["notes"] for s in result["observations"] if s["operation"] == "turn_relayed_echo"]
    assert [echo["answered"] for echo in echoes] == [10, 10, 10]
    assert pasted.record is not None
    assert pasted.record.call.session_id
    assert pasted.record.step("audio").data["packets_received"] > 50
    assert pasted.record.step("browser").status == "passed"
    text = json.dumps(result)
    assert options["token"] not in text
    assert sandbox.describe()["ice_servers"][1]["credential"] not in text
    assert "a=ice-pwd:[redacted]" in text


@pytest.mark.parametrize(
    ("fault", "named", "severity"),
    [
        ("udp-blocked", "udp-blocked", "warning"),
        ("turn-credentials-rejected", "turn-credentials-rejected", "warning"),
        ("turn-credentials-expired", "turn-credentials-expired", "warning"),
        ("token-rejected", "token-rejected", "critical"),
        ("gateway-unreachable", "gateway-unreachable", "critical"),
        ("websocket-refused", "websocket-refused", "critical"),
        ("signaling-protocol-violation", "signaling-protocol-violation", "critical"),
        ("ice-servers-unavailable", "ice-servers-unavailable", "warning"),
        ("agent-failure", "agent-failure", "critical"),
    ],
)
@in_loop_for(60)
async def test_what_is_broken_beyond_the_browser(
    tmp_path: Path, fault: str, named: str, severity: str
) -> None:
    async with Sandbox([fault]) as sandbox, browser_context(tmp_path) as context:
        result = await check_in(context, tmp_path, _options(sandbox, skip=["speaker"]))
    pasted = _assert_named(result, tmp_path, named)
    assert {f.id: f.severity for f in pasted.findings}[named] == severity


@in_loop_for(60)
async def test_a_wrong_turn_password_and_one_that_is_right(tmp_path: Path) -> None:
    async with Sandbox() as sandbox, browser_context(tmp_path) as context:
        entry = sandbox.describe()["ice_servers"][1]
        secret = "wrong-password-typed-in"
        servers = [{**entry, "credential": secret}]
        skip = ["microphone", "call", "speaker"]
        result = await check_in(context, tmp_path, {"iceServers": servers, "skip": skip})
    pasted = _assert_named(result, tmp_path, "turn-credentials-rejected")
    assert secret not in json.dumps(result)
    assert "401" in pasted.findings[0].summary


@pytest.mark.parametrize(
    ("without", "browser", "host", "headers", "named", "said"),
    [
        ([FAKE_UI], {}, "localhost", {}, "microphone-denied", "refused by the person"),
        ([FAKE_DEVICE], {}, "localhost", {}, "microphone-missing", "NotFoundError"),
        (
            *([], {}, "localhost", {"Permissions-Policy": "microphone=()"}),
            *("microphone-denied", "Permissions-Policy"),
        ),
        ([], {}, ELSEWHERE, {}, "insecure-context", "no secure context"),
        ([], {"silent": True}, "localhost", {}, "microphone-silent", "zero"),
        (
            *([], {"user_agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/71.0.0.0 Safari/537.36"}),
            *("localhost", {}, "browser-unsupported", "older than 72"),
        ),
    ],
)
@in_loop_for(60)
async def test_the_browser_and_its_microphone(
    tmp_path: Path,
    without: list[str],
    browser: dict[str, Any],
    host: str,
    headers: dict[str, str],
    named: str,
    said: str,
) -> None:
    async with browser_context(tmp_path, without=without, **browser) as context:
        result = await check_in(context, tmp_path, ALONE, headers=headers, host=host)
    pasted = _assert_named(result, tmp_path, named)
    assert said in " ".join(item.text for item in pasted.findings[0].evidence)
    assert pasted.findings[0].severity == "critical"


@in_loop_for(60)
async def test_a_policy_of_the_page_that_forbids_the_gateway(tmp_path: Path) -> None:
    policy = {"Content-Security-Policy": "connect-src 'self'"}
    async with Sandbox() as sandbox, browser_context(tmp_path) as context:
        options = _options(sandbox, skip=["microphone", "speaker"])
        result = await check_in(context, tmp_path, options, headers=policy)
    pasted = _assert_named(result, tmp_path, "csp-blocks-gateway")
    assert "connect-src" in pasted.findings[0].summary


@in_loop_for(60)
async def test_what_a_policy_forbids_elsewhere_is_no_finding(tmp_path: Path) -> None:
    seen = {"step": "browser", "operation": "csp_violation", "endpoint": "https://ads.example/x"}
    timed = {"started_ms": 1, "duration_ms": 0, "failure": "policy_blocked"}
    async with browser_context(tmp_path) as context:
        result = await check_in(context, tmp_path, {**ALONE, "url": "wss://gateway.example/x"})
    result["observations"].append({**seen, **timed, "notes": {"directive": "connect-src"}})
    _assert_named(result, tmp_path)


@in_loop_for(60)
async def test_an_extension_that_takes_webrtc_away(tmp_path: Path) -> None:
    async with browser_context(tmp_path) as context:
        await context.add_init_script("delete globalThis.RTCPeerConnection")
        result = await check_in(context, tmp_path, {**ALONE, "skip": ["microphone", "speaker"]})
    _assert_named(result, tmp_path, "browser-blocks-webrtc")


@in_loop_for(60)
async def test_a_browser_without_opus(tmp_path: Path) -> None:
    without = "RTCRtpReceiver.getCapabilities = () => ({codecs: [{mimeType: 'audio/PCMU'}]})"
    async with browser_context(tmp_path) as context:
        await context.add_init_script(without)
        result = await check_in(context, tmp_path, {**ALONE, "skip": ["microphone", "speaker"]})
    _assert_named(result, tmp_path, "browser-lacks-opus")


@in_loop_for(60)
async def test_a_sound_that_the_browser_does_not_play(tmp_path: Path) -> None:
    refuse = """HTMLMediaElement.prototype.play = async () => {
        throw new DOMException("play() failed because of autoplay", "NotAllowedError");
    }"""
    async with Sandbox() as sandbox, browser_context(tmp_path) as context:
        await context.add_init_script(refuse)
        result = await check_in(context, tmp_path, _options(sandbox, skip=["speaker"]))
    pasted = _assert_named(result, tmp_path, "playback-blocked")
    assert "packets have arrived" in pasted.findings[0].summary
