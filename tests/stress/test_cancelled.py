"""A run cancelled at any moment: what it saw is a whole report, and nothing of it is left."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from polyai_diag import Report, diagnose
from polyai_diag.cli.exits import INCOMPLETE, exit_code
from polyai_diag.model import Status, StepFinished, Verdict
from polyai_diag.runner import Runner
from polyai_diag.sandbox import Sandbox
from tests.aio import in_loop_for
from tests.stress.left import Before, threads
from tests.stress.whole import read_whole

if TYPE_CHECKING:
    from pathlib import Path

    from polyai_diag.model import Event, Record
    from tests.stress.moments import Moment

ENDS_WITHIN_S = 6.0


class Stopped(NamedTuple):
    """What a run saw until it was stopped, and what must not stand there."""

    record: Record
    token: str


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go in this test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.timeout(60)
def test_a_run_that_is_cancelled(cancelled: Moment, temporary: Path, tmp_path: Path) -> None:
    before, sound = threads(), tmp_path / "sound"
    sound.mkdir()
    stopped: list[Stopped] = []
    in_loop_for(50)(_cancel)(cancelled, sound, stopped)
    assert threads() == before
    assert list(temporary.iterdir()) == []
    assert {file.name for file in sound.iterdir()} <= {"sent.wav", "received.wav"}
    for one in stopped:
        _is_whole(*one)


async def _cancel(moment: Moment, sound: Path, stopped: list[Stopped]) -> None:
    kind = moment.kind
    async with Sandbox(kind.faults, **kind.sandbox) as sandbox:
        target = sandbox.target(**kind.target)
        before = Before.now()
        if moment.how == "its task":
            await _cancelled(asyncio.create_task(diagnose(target)), moment.at_s)
        else:
            runner = Runner(target, audio_folder=sound)
            stopped.append(Stopped(await _stopped(runner, moment.at_s), sandbox.token))
        await before.again(sandbox)


async def _cancelled(running: asyncio.Task[Report], at_s: float) -> None:
    await asyncio.wait([running], timeout=at_s)
    began_s = time.monotonic()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert time.monotonic() - began_s < ENDS_WITHIN_S


@in_loop_for(40)
async def test_cancelled_while_it_closes_what_it_holds() -> None:
    """Its last step is done, and it is cancelled some rounds of the loop later, and once more."""
    async with Sandbox() as sandbox:
        before = Before.now()
        await asyncio.gather(*(_cancelled_after(rounds, sandbox) for rounds in range(6)))
        await before.again(sandbox)


async def _cancelled_after(rounds: int, sandbox: Sandbox) -> None:
    loop = asyncio.get_running_loop()

    def cancel_in(left: int) -> None:
        if left in (0, -3):
            running.cancel()
        if left > -3:
            loop.call_soon(cancel_in, left - 1)

    def watch(event: Event) -> None:
        if isinstance(event, StepFinished) and event.result.name == "call":
            assert event.result.status is Status.PASSED
            loop.call_soon(cancel_in, rounds)

    running = asyncio.create_task(diagnose(sandbox.target(), steps=["call"], on_event=watch))
    with pytest.raises(asyncio.CancelledError):
        await running


async def _stopped(runner: Runner, at_s: float) -> Record:
    running = asyncio.create_task(runner.run())
    await asyncio.wait([running], timeout=at_s)
    began_s = time.monotonic()
    runner.cancel("enough")
    record = await running
    assert time.monotonic() - began_s < ENDS_WITHIN_S
    return record


def _is_whole(record: Record, token: str) -> None:
    text = Report(record).to_json()
    assert token not in text
    report = read_whole(text)
    assert report.to_html()
    assert report.to_markdown()
    statuses = {step.status for step in report.steps}
    assert Status.ERROR not in statuses, [(s.name, s.reason) for s in report.steps]
    cut = [step for step in report.steps if step.status is Status.CANCELLED]
    assert all(step.reason == "enough" for step in cut)
    if cut:
        assert report.verdict in (Verdict.INCOMPLETE, Verdict.FAILED)
        assert report.verdict is Verdict.FAILED or exit_code(report) == INCOMPLETE
