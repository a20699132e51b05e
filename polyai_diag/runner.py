"""Run the plan: order, deadlines, cancellation, events, and a record that is whole at any end."""

from __future__ import annotations

import asyncio
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from polyai_diag import __version__
from polyai_diag.environment import describe_environment, describe_target
from polyai_diag.model import (
    NOT_ASKED,
    STEP_NAMES,
    CallIds,
    Event,
    Record,
    Status,
    StepFinished,
    StepResult,
    StepStarted,
)
from polyai_diag.plan import ALL_REGIONS_STEPS, Step, chosen
from polyai_diag.steps.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from polyai_diag.probes.trace import Trace
    from polyai_diag.target import Target

TICK_S = 0.25  # lets a notebook's interrupt reach a loop that only waits
DEADLINE_S = 60.0


_ENDED = {
    Status.FAILED: "failed",
    Status.SKIPPED: "was skipped",
    Status.ERROR: "broke",
    Status.CANCELLED: "was cut off",
}


class Runner:
    """One run of one target. `run()` once; `cancel()` from the same loop at any time.

    `audio_folder` is where `sent.wav` and `received.wav` are written, if they are wanted.
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
    ) -> None:
        self._target = target
        self._walk = Walk(target, on_event, audio_folder=audio_folder)
        self._plan = chosen(
            ALL_REGIONS_STEPS if target.all_regions else steps, place_call=place_call
        )
        self._walk.media_wanted = any(step.name == "call" for step in self._plan)
        self._deadline_s = deadline_s + target.hold_s
        self._on_event = on_event or (lambda _: None)
        self._results: dict[str, StepResult] = {}
        self._traces: dict[str, Trace] = {}
        self._done = {step.name: asyncio.Event() for step in self._plan}
        self._ready = {step.name: asyncio.Event() for step in self._plan}
        self._stopped = ""
        self._started = datetime.now(UTC)

    def cancel(self, reason: str = "cancelled") -> None:
        """Let `run()` stop where it is and return what it has."""
        self._stopped = self._stopped or reason

    async def run(self) -> Record:
        """Run the steps and return what they saw.

        When the awaiting task is cancelled, everything is closed before CancelledError goes on.
        """
        self._started = datetime.now(UTC)
        walk = self._walk
        walk.started_s = time.monotonic()
        tasks = [
            asyncio.create_task(self._run_step(step, walk), name=f"step {step.name}")
            for step in self._plan
        ]
        try:
            await self._watch(tasks)
        finally:
            self._stopped = self._stopped or "cancelled"
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await walk.close()
        return self.record()

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
            target=walk.redactor.data(describe_target(self._target, walk.servers)),
            environment=walk.redactor.data(describe_environment(self._target)),
        )

    async def _watch(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._deadline_s
        pending = set(tasks)
        while pending and not self._stopped:
            _, pending = await asyncio.wait(pending, timeout=TICK_S)
            if pending and loop.time() >= deadline:
                self.cancel(f"the deadline of {self._deadline_s:.0f} s was reached")

    async def _run_step(self, step: Step, walk: Walk) -> None:
        for name in set(step.after) & set(self._done):
            await self._done[name].wait()
        for name in step.needs:
            await self._ready[name].wait()
        trace = self._traces[step.name] = walk.trace(step.name)
        trace.on_ready = self._ready[step.name].set
        try:
            await self._check(step, walk, trace)
        except asyncio.CancelledError:
            trace.end(Status.CANCELLED, self._stopped)
            raise
        finally:
            self._results[step.name] = result = trace.result()
            self._done[step.name].set()
            self._ready[step.name].set()
            self._on_event(StepFinished(result))

    async def _check(self, step: Step, walk: Walk, trace: Trace) -> None:
        reason = self._unmet(step)
        if reason is not None:
            trace.end(Status.SKIPPED, reason)
            return
        self._on_event(StepStarted(step.name))
        limit = asyncio.timeout(step.limit_s + (walk.target.hold_s if step.name == "audio" else 0))
        try:
            async with limit:
                await step.check(walk, trace)
        except TimeoutError as exc:
            if not limit.expired():
                self._our_bug(trace, exc)
            else:
                trace.end(Status.CANCELLED, f"cut off at its limit of {step.limit_s:.0f} s")
        except Exception as exc:  # noqa: BLE001 - our own bug: the other steps and the report go on
            self._our_bug(trace, exc)

    @staticmethod
    def _our_bug(trace: Trace, exc: BaseException) -> None:
        """Keep where it broke: type and place, not the message, which may hold anything."""
        while isinstance(exc, BaseExceptionGroup):
            exc = exc.exceptions[0]
        place = traceback.extract_tb(exc.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}, in {place.name}"
        trace.end(Status.ERROR, f"a fault of this tool: {type(exc).__name__} in {where}")

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
