"""The audio step by itself: three ways to loop, and an agent that is spoken to."""

from __future__ import annotations

import time
import wave
from typing import TYPE_CHECKING

import numpy as np
import pytest

from polyai_diag import IceServer, check_audio
from polyai_diag.analysis.audio.signal import probe_signal
from polyai_diag.media.opus import decode_all
from polyai_diag.model import InputError, Status
from polyai_diag.runner import Runner
from polyai_diag.sandbox import Sandbox
from tests.aio import in_loop_for
from tests.live.cases import IPV6, Case

if TYPE_CHECKING:
    from pathlib import Path

    from polyai_diag.media.aiortc_taps import RtpArrival

OVER_S = 2.0


def _relays(sandbox: Sandbox, transport: str) -> list[IceServer]:
    _, relay = sandbox.describe()["ice_servers"]
    urls = [u for u in relay["urls"] if (u.startswith("turns:") or transport in u)]
    wanted = [u for u in urls if u.startswith("turns:") is (transport == "tls")]
    return [IceServer(wanted, relay["username"], relay["credential"])]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@in_loop_for(30)
async def test_a_relay_loops_without_a_gateway(transport: str) -> None:
    async with Sandbox(["websocket-refused"]) as sandbox:
        target = sandbox.target(ice_servers=_relays(sandbox, transport))
        result = await check_audio(target, through="relay")
        assert sandbox.active_calls == 0
    assert (result.status, result.reason) == (Status.PASSED, "")
    assert (result.data["mode"], result.data["channels"]) == ("relay", "both")
    assert abs(result.data["gain_db"]) < 0.1
    assert {o.operation for o in result.observations} == {"relay_loopback"}


@pytest.mark.skipif(bool(Case("", sandbox=IPV6).lacks), reason="no IPv6 on this machine")
@in_loop_for(30)
async def test_a_relay_with_an_ipv6_address_loops() -> None:
    async with Sandbox(**IPV6) as sandbox:
        target = sandbox.target(ice_servers=_relays(sandbox, "udp"))
        result = await check_audio(target, through="relay")
    assert (result.status, result.reason) == (Status.PASSED, "")


@in_loop_for(30)
async def test_a_relay_that_relays_nothing_says_so() -> None:
    async with Sandbox(["turn-relay-blackhole"]) as sandbox:
        target = sandbox.target(ice_servers=_relays(sandbox, "udp"))
        result = await check_audio(target, through="relay")
    assert result.status is Status.FAILED
    assert "no sound by the relay" in result.reason


@in_loop_for(20)
async def test_without_a_relay_there_is_none_to_loop() -> None:
    async with Sandbox() as sandbox:
        result = await check_audio(sandbox.target(ice_servers=[]), through="relay")
    assert (result.status, result.reason) == (Status.SKIPPED, "no TURN server is configured")


@in_loop_for(20)
async def test_opus_alone_is_the_floor() -> None:
    async with Sandbox() as sandbox:
        result = await check_audio(sandbox.target(), through="opus")
    assert result.status is Status.PASSED
    assert result.data["thd_n_db"] < -35
    assert result.data["bandwidth_hz"] > 18_000


@in_loop_for(20)
async def test_another_way_is_refused_in_one_line() -> None:
    async with Sandbox() as sandbox:
        with pytest.raises(InputError, match="accepted: call, relay, opus"):
            await check_audio(sandbox.target(), through="smoke signals")


@in_loop_for(40)
async def test_the_quick_step_ends_soon_after_its_sound(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        runner = Runner(sandbox.target(), steps=["audio"], audio_folder=tmp_path)
        result = (await runner.run()).step("audio")
    assert result.status is Status.PASSED
    seconds = probe_signal().seconds
    assert seconds <= 8
    assert result.duration_ms / 1000 <= seconds + OVER_S
    for name in ("sent", "received"):
        with wave.open(str(tmp_path / f"{name}.wav")) as file:
            assert (file.getframerate(), file.getnchannels()) == (48_000, 2)
            assert file.getnframes() / 48_000 == pytest.approx(seconds, abs=1)


@in_loop_for(40)
async def test_an_agent_is_asked_and_never_chirped_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reaches the gateway is silence and two seconds of speech, and no fault is found."""
    heard: list[bytes] = []

    def keep(arrival: RtpArrival) -> None:
        heard.append(arrival.payload)

    async with Sandbox(allow_echo=False) as sandbox:
        _listen_in(monkeypatch, keep)
        started_s = time.monotonic()
        result = await check_audio(sandbox.target())
        assert time.monotonic() - started_s < 20
    assert (result.status, result.data["mode"]) == (Status.PASSED, "agent")
    assert 0 < result.data["first_audio_ms"] < 2000
    assert 0 < result.data["answer_ms"] < 2000
    assert set(result.data["not_measured"]) >= {"delay", "gain", "distortion", "echo"}
    sound = decode_all(heard)[:, 0]
    windows = np.square(sound[: len(sound) // 960 * 960]).reshape(-1, 960).mean(axis=1)
    spoken_s = float(np.sum(windows > 1e-6)) * 0.02
    assert 0.5 < spoken_s <= 2.2


def _listen_in(monkeypatch: pytest.MonkeyPatch, keep: object) -> None:
    """Hear what the gateway's agent hears."""
    from polyai_diag.media import aiortc_taps
    from polyai_diag.sandbox import calls

    negotiate = calls.Call._negotiate

    async def tapped(self: calls.Call, offer: str) -> None:
        await negotiate(self, offer)
        aiortc_taps.tap_rtp(self._pc.getReceivers()[0], keep)  # type: ignore[arg-type]

    monkeypatch.setattr(calls.Call, "_negotiate", tapped)
