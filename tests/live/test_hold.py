"""A call that is held, and a gateway that goes away in the middle of it."""

from __future__ import annotations

import asyncio

import pytest

from polyai_diag import diagnose
from polyai_diag.model import Event, Progress
from polyai_diag.sandbox import Sandbox
from tests.aio import in_loop_for


@pytest.mark.timeout(90)
@in_loop_for(60)
async def test_a_gateway_that_goes_away_while_the_call_is_held_is_named() -> None:
    holding = asyncio.Event()

    def watch(event: Event) -> None:
        if isinstance(event, Progress) and event.text.startswith("Holding"):
            holding.set()

    async with Sandbox() as sandbox:
        target = sandbox.target(hold_s=30)
        running = asyncio.create_task(diagnose(target, on_event=watch))
        await holding.wait()
    report = await running
    assert set(report.root_causes) <= {"signaling-lost", "call-ended-early"}
    assert report.root_causes
    held = report.step("audio").observations[-1]
    assert held.operation == "call_hold"
    assert held.duration_ms < 5000


@pytest.mark.timeout(60)
@in_loop_for(50)
async def test_a_call_that_holds_is_healthy() -> None:
    async with Sandbox() as sandbox:
        report = await diagnose(sandbox.target(hold_s=2), steps=["audio"])
    assert report.verdict == "healthy"
    assert report.step("audio").observations[-1].duration_ms >= 2000
