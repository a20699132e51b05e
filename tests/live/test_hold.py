"""A call that is held, and what may end it in the middle."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag import Report, diagnose
from polyai_diag.model import Event, Progress
from polyai_diag.sandbox import Sandbox
from polyai_diag.sandbox.faults import Fault
from tests.aio import in_loop_for

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Held:
    """A diagnosis that holds its call, and word of when it does."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._holding = asyncio.Event()
        self._running = asyncio.create_task(
            diagnose(sandbox.target(hold_s=30), on_event=self._watch)
        )

    def _watch(self, event: Event) -> None:
        if isinstance(event, Progress) and event.text.startswith("Holding"):
            self._holding.set()

    async def until(self, ending: Coroutine[Any, Any, None]) -> Report:
        """Let something end the call once it is held."""
        await self._holding.wait()
        await ending
        return await self._running


@pytest.mark.timeout(90)
@in_loop_for(60)
async def test_a_gateway_that_goes_away_loses_the_signaling() -> None:
    sandbox = Sandbox()
    await sandbox.__aenter__()
    report = await Held(sandbox).until(sandbox.__aexit__())
    assert report.root_causes == ("signaling-lost",)
    assert "1001" in report.findings[0].summary
    assert report.step("audio").observations[-1].duration_ms < 5000


@pytest.mark.timeout(90)
@in_loop_for(60)
async def test_a_gateway_that_hangs_up_ends_the_call_early() -> None:
    async with Sandbox() as sandbox:

        async def hang_up() -> None:
            for call in list(sandbox._running.calls):
                await call.close()

        report = await Held(sandbox).until(hang_up())
    assert report.root_causes == ("call-ended-early",)
    assert report.verdict == "failed"


@pytest.mark.timeout(60)
@in_loop_for(50)
async def test_a_media_path_that_dies_while_the_call_is_held() -> None:
    dies = Fault("The media path dies.", gateway={"media_lasts_s": 13.0})
    async with Sandbox([dies]) as sandbox:
        report = await diagnose(sandbox.target(hold_s=30), steps=["audio"])
    assert report.root_causes == ("ice-disconnected",)
    held = report.step("audio").observations[-1]
    assert held.operation == "call_hold"
    assert held.notes["after_connecting_s"] == pytest.approx(13, abs=0.5)
    assert held.duration_ms < 9000
    assert "the WebSocket answers" in report.findings[0].summary


@pytest.mark.timeout(60)
@in_loop_for(50)
async def test_a_call_that_holds_is_healthy() -> None:
    async with Sandbox() as sandbox:
        report = await diagnose(sandbox.target(hold_s=2), steps=["audio"])
    assert report.verdict == "healthy"
    assert report.step("audio").observations[-1].duration_ms >= 2000
