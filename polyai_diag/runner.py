"""Run the plan: order, deadlines, cancellation, events, and a record that is whole at any end."""

from __future__ import annotations

import asyncio
import time
from asyncio import FIRST_COMPLETED
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from polyai_diag import __version__
from polyai_diag.analysis.endings import ending_in
from polyai_diag.environment import describe_environment, describe_target
from polyai_diag.model import (
    NOT_ASKED,
    STEP_NAMES,
    CallIds,
    Event,
    Json,
    Record,
    Status,
    StepFinished,
    StepResult,
    StepStarted,
)
from polyai_diag.our_bug import our_bug
from polyai_diag.plan import ALL_REGIONS_STEPS, Step, chosen, loaded
from polyai_diag.probes.waiting import stop, to_its_end
from polyai_diag.step_tasks import Tasks, not_noted, note_here, tasks_noted
from polyai_diag.steps.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from polyai_diag.probes.trace import Trace
    from polyai_diag.target import Target

TICK_S = 0.25  # lets a notebook's interrupt reach a loop that only waits
DEADLINE_S = 60.0
GIVE_BACK_S = 5.0  # for a step that is cut off: relayed addresses are given back, sockets closed
LEFT_OVER_S = 0.5  # for tasks that are just about to end
BUG = "a fault of this tool:"


_ENDED = {
    Status.FAILED: "failed",
    Status.SKIPPED: "was skipped",
    Status.ERROR: "broke",
    Status.CANCELLED: "was cut off",
}


class Runner:
    """One run of one target. `run()` once; `cancel()` from the same loop at any time.

    `audio_folder` is where `sent.wav` and `received.wav` are written, if they are wanted; `earlier`
    are records of earlier runs, to tell whether a call ends at the same second again.
    Raises PlanError for a step that is none, TargetError for a `ca_file` that cannot be read.
    """

    def __init__(
        self,
        target: Target,
        *,
        steps: Sequence[str] | None = None,
        deadline_s: float = DEADLINE_S,
        place_call: bool = True,
        on_event: Callable[[Event], None] | None = None,
        audio_folder: Path | None = None,
        earlier: Sequence[Record] = (),
    ) -> None:
        self._target = target
        self._earlier = [ending.data for ending in map(ending_in, earlier) if ending]
        self._walk = Walk(target, self._tell, audio_folder=audio_folder)
        wanted = ALL_REGIONS_STEPS if target.all_regions else steps
        self._plan = loaded(chosen(wanted, place_call=place_call))
        self._walk.media_wanted = any(step.name == "call" for step in self._plan)
        self._deadline_s = deadline_s + target.hold_s
        self._on_event = on_event or (lambda _: None)
        self._results: dict[str, StepResult] = {}
        self._traces: dict[str, Trace] = {}
        self._tasks: dict[str, Tasks] = {}
        self._done = {step.name: asyncio.Event() for step in self._plan}
        self._ready = {step.name: asyncio.Event() for step in self._plan}
        self._stopped = ""
        self._asked_to_stop = asyncio.Event()
        self._started = datetime.now(UTC)

    def cancel(self, reason: str = "cancelled") -> None:
        """Let `run()` stop where it is and return what it has."""
        self._stopped = self._stopped or reason
        self._asked_to_stop.set()

    async def run(self) -> Record:
        """Run the steps and return what they saw.

        When the awaiting task is cancelled, everything is closed before CancelledError goes on.
        """
        self._started = datetime.now(UTC)
        walk = self._walk
        walk.started_s = time.monotonic()
        with tasks_noted():
            tasks = [
                asyncio.create_task(self._run_step(step, walk), name=f"step {step.name}")
                for step in self._plan
            ]
            try:
                await self._watch(tasks)
            finally:
                self._stopped = self._stopped or "cancelled"
                await to_its_end(self._close(tasks))
        return self.record()

    async def _close(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._walk.close()
        await self._end_left_over()

    def record(self) -> Record:
        """Return what has been seen so far."""
        walk = self._walk
        ended_ms = (datetime.now(UTC) - self._started).total_seconds() * 1000
        session_id = self._result("signaling").data.get("session_id")
        return Record(
            tool=f"polyai-diag {__version__}",
            started=self._started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            duration_ms=round(ended_ms, 1),
            steps=tuple(self._result(name) for name in STEP_NAMES),
            call=CallIds(
                call_sid=walk.redactor.text(self._target.call_sid),
                session_id=session_id,
                region=self._target.region,
            ),
            target=walk.redactor.data(
                {**describe_target(self._target, walk.servers), **self._told_of_before()}
            ),
            environment=walk.redactor.data(describe_environment(self._target)),
        )

    def _told_of_before(self) -> dict[str, Json]:
        return {"earlier_endings": self._earlier} if self._earlier else {}

    async def _watch(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._deadline_s
        pending = set(tasks)
        asked = asyncio.create_task(self._asked_to_stop.wait())
        try:
            while pending and not self._stopped:
                await asyncio.wait({*pending, asked}, timeout=TICK_S, return_when=FIRST_COMPLETED)
                pending = {task for task in pending if not task.done()}
                if pending and loop.time() >= deadline:
                    self.cancel(f"the deadline of {self._deadline_s:.0f} s was reached")
        finally:
            asked.cancel()

    async def _run_step(self, step: Step, walk: Walk) -> None:
        for name in set(step.after) & set(self._done):
            await self._done[name].wait()
        for name in step.needs:
            await self._ready[name].wait()
        self._tasks[step.name] = note_here()
        trace = self._traces[step.name] = walk.trace(step.name)
        trace.on_ready = self._ready[step.name].set
        try:
            await self._check(step, walk, trace)
        except asyncio.CancelledError:
            trace.end(Status.CANCELLED, self._stopped)
            raise
        finally:
            result = trace.result()
            if trace.dropped:
                why = (
                    f"{trace.dropped:,} observations more than the {len(result.observations)} kept"
                )
                result = _spoilt(result, why)
            self._results[step.name] = result
            self._done[step.name].set()
            self._ready[step.name].set()
            self._tell(StepFinished(result))

    async def _check(self, step: Step, walk: Walk, trace: Trace) -> None:
        reason = self._unmet(step)
        if reason is not None:
            trace.end(Status.SKIPPED, reason)
            return
        self._tell(StepStarted(step.name))
        limit_s = step.limit_s + (walk.target.hold_s if step.name == "audio" else 0)
        checking = asyncio.ensure_future(step.check(walk, trace))
        try:
            await asyncio.wait([checking], timeout=limit_s)
            in_time = checking.done()
        finally:
            await stop([checking], GIVE_BACK_S)
        if not in_time:
            trace.end(Status.ERROR, f"{BUG} not done within its limit of {limit_s:.0f} s")
        elif checking.cancelled():  # by itself: nobody has told it to
            trace.end(Status.ERROR, f"{BUG} CancelledError")
        elif (exc := checking.exception()) is not None:
            trace.end(Status.ERROR, f"{BUG} {our_bug(exc)}")

    async def _end_left_over(self) -> None:
        """End what steps have left running, and let those say so that seemed to have passed."""
        running = [task for tasks in self._tasks.values() for task in tasks if not task.done()]
        if running:
            await asyncio.wait(running, timeout=LEFT_OVER_S)
        for name, tasks in self._tasks.items():
            left = sorted(_name_of(task) for task in tasks if not task.done())
            if left:
                why = f"it left a task running: {left[0]}"
                self._results[name] = result = _spoilt(self._results[name], why, tasks_left=left)
                self._tell(StepFinished(result))
        await stop([task for task in running if not task.done()], GIVE_BACK_S)

    def _tell(self, event: Event) -> None:
        """Tell whoever watches; what that raises is no fault of the step that it is told of."""
        try:
            with not_noted():
                self._on_event(event)
        except Exception as exc:  # noqa: BLE001 - the watcher's bug: the run goes on unwatched
            self._on_event = lambda _: None
            said = "on_event has raised, and is not called any more in this run"
            context = {"message": said, "exception": exc}
            asyncio.get_running_loop().call_exception_handler(context)

    def _unmet(self, step: Step) -> str | None:
        for name in step.needs:
            if name not in self._results:
                continue  # it goes on, and has what is needed
            status = self._results[name].status
            if status is not Status.PASSED:
                return f"needs {name}, which {_ENDED[status]}"
        return None

    def _result(self, name: str) -> StepResult:
        if name in self._results:
            return self._results[name]
        if name in self._traces:
            return self._traces[name].result()
        if name in self._done:
            return StepResult(name=name, status=Status.CANCELLED, reason=self._stopped or "not run")
        return StepResult(name=name, status=Status.SKIPPED, reason=NOT_ASKED)


def _spoilt(result: StepResult, why: str, **data: Json) -> StepResult:
    """Let a step that seemed to pass end as our own bug; where it failed, that counts more."""
    passed = result.status is Status.PASSED
    return msgspec.structs.replace(
        result,
        status=Status.ERROR if passed else result.status,
        reason=f"{BUG} {why}" if passed else result.reason,
        data={**result.data, **data},
    )


def _name_of(task: asyncio.Task[Any]) -> str:
    return str(getattr(task.get_coro(), "__qualname__", "a coroutine"))
