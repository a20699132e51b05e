"""A step that raises, hangs, leaks or floods: the others finish, and the report says `error`."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag import diagnose, plan, runner
from polyai_diag.cli.exits import INCOMPLETE, exit_code
from polyai_diag.failures import Failure
from polyai_diag.sandbox import Sandbox
from tests.aio import in_loop_for, until
from tests.stress.whole import read_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag import Report
    from polyai_diag.model import Event
    from polyai_diag.probes.trace import Trace
    from polyai_diag.steps.walk import Check, Walk

    Put = Callable[..., None]

LIMIT_S = 0.4
OTHERS = ("token", "gateway", "turn")


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Put:
    """Put something else in a step's place; it gets a short limit, and a short while to end."""
    monkeypatch.setattr(runner, "GIVE_BACK_S", LIMIT_S)

    def replace(name: str, check: Check, limit_s: float | None = None) -> None:
        rows = [
            dataclasses.replace(row, check=check, limit_s=limit_s or row.limit_s)
            if row.name == name
            else row
            for row in plan.PLAN
        ]
        monkeypatch.setattr(plan, "PLAN", tuple(rows))

    return replace


async def raises(walk: Walk, trace: Trace) -> None:
    raise KeyError(walk.target.token)


async def raises_in_a_group(walk: Walk, trace: Trace) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(raises(walk, trace))
        group.create_task(hangs(walk, trace))


async def raises_a_timeout(_: Walk, trace: Trace) -> None:
    raise TimeoutError


async def raises_a_cancellation(_: Walk, trace: Trace) -> None:
    raise asyncio.CancelledError


async def never_stops_calling_itself(walk: Walk, trace: Trace) -> None:
    await never_stops_calling_itself(walk, trace)


async def hangs(_: Walk, trace: Trace) -> None:
    with trace.observe("stun_binding", "h:1"):
        await asyncio.Event().wait()


async def hangs_whatever_comes(_: Walk, trace: Trace) -> None:
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            trace.data["told_to_end"] = True


async def hangs_on_such_a_task(walk: Walk, trace: Trace) -> None:
    await asyncio.shield(asyncio.create_task(hangs_whatever_comes(walk, trace)))


async def leaks(walk: Walk, trace: Trace) -> None:
    trace.data["kept"] = asyncio.create_task(hangs(walk, trace)).get_name()


async def leaks_what_does_not_end(walk: Walk, trace: Trace) -> None:
    trace.data["kept"] = asyncio.create_task(hangs_whatever_comes(walk, trace)).get_name()


BROKEN: dict[str, tuple[Check, str]] = {
    "raises": (raises, "KeyError in test_steps.py, line "),
    "raises in a group": (raises_in_a_group, "KeyError in test_steps.py, line "),
    "raises a timeout": (raises_a_timeout, "TimeoutError in test_steps.py, line "),
    "raises a cancellation": (raises_a_cancellation, "CancelledError"),
    "never stops calling itself": (never_stops_calling_itself, "RecursionError in "),
    "hangs": (hangs, "not done within its limit of "),
    "hangs, whatever comes": (hangs_whatever_comes, "not done within its limit of "),
    "hangs on such a task": (hangs_on_such_a_task, "not done within its limit of "),
    "leaks a task": (leaks, "it left a task running: hangs"),
    "leaks what does not end": (leaks_what_does_not_end, "it left a task running: hangs_what"),
}


async def _without_call(**given: Any) -> Report:
    async with Sandbox() as sandbox:
        report = await diagnose(sandbox.target(), place_call=False, **given)
        assert sandbox.token not in report.to_json()
    return read_whole(report.to_json())


def _only_this_one_broke(report: Report, name: str, said: str) -> None:
    statuses = {step.name: step.status.value for step in report.steps}
    assert {other: statuses[other] for other in OTHERS} == dict.fromkeys(OTHERS, "passed")
    assert statuses[name] == "error"
    assert report.step(name).reason.startswith(f"a fault of this tool: {said}")
    assert (report.verdict, exit_code(report)) == ("incomplete", INCOMPLETE)
    assert name in report.to_markdown()


@pytest.mark.parametrize("name", BROKEN)
@in_loop_for(30)
async def test_a_step_that_breaks_takes_no_other_with_it(name: str, put: Put) -> None:
    check, said = BROKEN[name]
    put("stun", check, LIMIT_S)
    started_s = time.monotonic()
    report = await _without_call()
    assert time.monotonic() - started_s < 15
    _only_this_one_broke(report, "stun", said)
    assert report.step("nat").status == "passed", "it comes after, and does not need it"


@in_loop_for(30)
async def test_what_a_step_had_seen_when_it_hung_is_kept(put: Put) -> None:
    put("stun", hangs, LIMIT_S)
    (seen,) = (await _without_call()).step("stun").observations
    assert (seen.operation, seen.failure) == ("stun_binding", Failure.INTERRUPTED)
    assert seen.duration_ms == pytest.approx(LIMIT_S * 1000, abs=300)


@in_loop_for(30)
async def test_a_step_that_failed_and_leaks_stays_failed(put: Put) -> None:
    """What the network said counts more than that we forgot something."""

    async def fails_and_leaks(walk: Walk, trace: Trace) -> None:
        await leaks(walk, trace)
        trace.fail("no server answers")

    put("stun", fails_and_leaks)
    report = await _without_call()
    assert (report.step("stun").status, report.step("stun").reason) == (
        "failed",
        "no server answers",
    )
    assert report.step("stun").data["tasks_left"] == ["hangs"]
    assert report.verdict == "failed"


# --- floods -----------------------------------------------------------------------------------

HUGE = "spam " * 200_000
MANY = [[HUGE] * 1000] * 1000
FLOOD = 200_000


async def _breathe(number: int) -> None:
    """Let the others run: what blocks the loop cannot be cut off."""
    if number % 1000 == 0:
        await asyncio.sleep(0)


async def floods_with_observations(_: Walk, trace: Trace) -> None:
    for number in range(FLOOD):
        await _breathe(number)
        with trace.observe("stun_binding", "stun:h:1", number=number):
            pass


async def floods_with_huge_notes(_: Walk, trace: Trace) -> None:
    for number in range(FLOOD):
        await _breathe(number)
        with trace.observe("stun_binding", HUGE, detail=HUGE) as seen:
            seen.note(all=MANY, each={"deep": {HUGE: [HUGE]}})


async def floods_with_progress_and_data(_: Walk, trace: Trace) -> None:
    for number in range(FLOOD):
        await _breathe(number)
        if number % 1000 == 0:  # each of them is read for secrets
            trace.progress(HUGE)
        trace.data[f"{number}"] = MANY
    with trace.observe("stun_binding", "stun:h:1") as seen:
        seen.fail(Failure.GENERIC_TIMEOUT)
    trace.fail("no server answers")


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1000


@pytest.fixture
def peak_mb() -> Callable[[], float]:
    """Say by how much memory has grown at its peak since the test began (Linux)."""
    clear = Path("/proc/self/clear_refs")
    if not clear.exists():
        pytest.skip("only Linux tells a process its peak of memory, and forgets it")
    clear.write_text("5")
    before = _peak_mb()
    return lambda: _peak_mb() - before


@pytest.mark.parametrize("floods", [floods_with_observations, floods_with_huge_notes])
@in_loop_for(60)
async def test_a_flood_of_observations_is_cut_and_called_an_error(
    floods: Check, put: Put, peak_mb: Callable[[], float]
) -> None:
    put("stun", floods)
    events: list[Event] = []
    report = await _without_call(on_event=events.append)
    kept = len(report.step("stun").observations)
    assert 1 <= kept <= 500
    assert report.step("stun").data == {"observations_dropped": FLOOD - kept}
    _only_this_one_broke(report, "stun", f"{FLOOD - kept:,} observations more than the {kept} k")
    assert len(events) < 1000
    assert len(report.to_json()) < 5_000_000
    assert peak_mb() < 150
    assert report.record.duration_ms < 30_000


@in_loop_for(60)
async def test_a_flood_of_words_and_data_is_cut(put: Put, peak_mb: Callable[[], float]) -> None:
    put("stun", floods_with_progress_and_data)
    events: list[Event] = []
    report = await _without_call(on_event=events.append)
    assert report.step("stun").status == "failed"
    assert len(events) < 1000
    assert len(report.to_json()) < 5_000_000
    assert peak_mb() < 300, "its keys count as well"
    assert report.record.duration_ms < 30_000


# --- in mid-call ------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [raises, hangs_whatever_comes, leaks])
@in_loop_for(60)
async def test_a_call_is_hung_up_whatever_breaks_in_it(check: Check, put: Put) -> None:
    put("audio", check, LIMIT_S)
    async with Sandbox() as sandbox:
        report = await diagnose(sandbox.target())
        await until(lambda: sandbox.active_calls == 0)
    whole = read_whole(report.to_json())
    statuses = {step.name: step.status.value for step in whole.steps}
    assert statuses.pop("audio") == "error"
    assert set(statuses.values()) == {"passed"}
    assert whole.verdict == "incomplete"


@in_loop_for(60)
async def test_what_needs_a_broken_step_is_skipped_and_says_why(put: Put) -> None:
    put("opus", raises)
    async with Sandbox() as sandbox:
        report = await diagnose(sandbox.target())
        await until(lambda: sandbox.active_calls == 0)
    assert (report.step("call").status, report.step("call").reason) == (
        "skipped",
        "needs opus, which broke",
    )
    assert report.verdict == "incomplete"


@in_loop_for(40)
async def test_a_call_that_cannot_be_hung_up_holds_nobody_up(
    put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polyai_diag.steps.walk.CLOSE_TIMEOUT_S", LIMIT_S)
    monkeypatch.setattr("polyai_diag.steps.walk.CLOSE_END_S", LIMIT_S)

    class Stuck:
        async def close(self) -> None:
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    continue

    async def opens_it(walk: Walk, _: Trace) -> None:
        walk.call = Stuck()  # type: ignore[assignment]

    put("stun", opens_it)
    started_s = time.monotonic()
    report = await _without_call()
    assert report.verdict == "healthy"
    assert time.monotonic() - started_s < 15


# --- who watches ------------------------------------------------------------------------------


def test_a_watcher_that_raises_is_not_taken_for_the_network() -> None:
    told: list[dict[str, Any]] = []
    heard: list[Event] = []

    def on_event(event: Event) -> None:
        heard.append(event)
        raise OSError(28, "No space left on device")  # as a screen's would be

    async def run() -> Report:
        asyncio.get_running_loop().set_exception_handler(lambda _, slip: told.append(slip))
        return await _without_call(on_event=on_event)

    report = asyncio.run(run())
    assert (report.verdict, report.findings) == ("healthy", ())
    assert (len(heard), len(told)) == (1, 1)
    assert "on_event" in told[0]["message"]


@in_loop_for(30)
async def test_what_a_watcher_starts_is_its_own() -> None:
    mine: list[asyncio.Task[None]] = []

    def on_event(_: Event) -> None:
        mine.append(asyncio.create_task(asyncio.sleep(60)))

    report = await _without_call(on_event=on_event)
    assert report.verdict == "healthy"
    assert not any(task.done() for task in mine)
    for task in mine:
        task.cancel()
    await asyncio.gather(*mine, return_exceptions=True)
