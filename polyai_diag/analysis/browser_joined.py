"""A run's record and a browser's check in one: the check is the tenth step, and comes out whole.

Two places have seen two networks. So the nine steps of the run stay as they are; the tenth holds
all that the check has seen, step after step, and in its data what makes a record of it again.
"""

from __future__ import annotations

from datetime import datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgspec

from polyai_diag.model import BROWSER, STEP_NAMES, CallIds, Json, Record, Status, StepResult

if TYPE_CHECKING:
    from collections.abc import Iterable

CHECK = "check"
"""Of the tenth step's data: the check's record, its observations counted."""

_GRAVEST = (Status.ERROR, Status.CANCELLED, Status.FAILED, Status.PASSED, Status.SKIPPED)


class _Step(msgspec.Struct, kw_only=True):
    """A step of the check; its observations are the next so many of the tenth step's."""

    name: str
    status: Status
    reason: str = ""
    started_ms: float = 0.0
    duration_ms: float = 0.0
    data: dict[str, Json] = {}
    seen: int


class _Check(msgspec.Struct, kw_only=True):
    tool: str
    started: str
    duration_ms: float
    call: CallIds
    target: dict[str, Json]
    environment: dict[str, Json]
    steps: list[_Step]


def is_check(record: Record) -> bool:
    """Whether this is a browser's check by itself."""
    return BROWSER in record.environment


def joined(record: Record, check: Record) -> Record:
    """Return the run's record with the check as its tenth step, in place of an earlier one."""
    nine = tuple(step for step in record.steps if step.name != BROWSER)
    return msgspec.structs.replace(record, steps=(*nine, _tenth(check)))


def parted(record: Record) -> tuple[Record, Record | None]:
    """Return the run's record and the check's; None where no check was joined to it.

    Raises ValueError, one line, for a tenth step that no check can be made of again.
    """
    tenth = next((step for step in record.steps if step.name == BROWSER), None)
    if tenth is None or CHECK not in tenth.data:
        return record, None
    nine = tuple(step for step in record.steps if step.name != BROWSER)
    return msgspec.structs.replace(record, steps=nine), _check_in(tenth)


def places(check: Record) -> dict[str, int]:
    """Return, for each step of the check, where in the tenth step its observations begin."""
    ends = accumulate((len(step.observations) for step in check.steps), initial=0)
    return {step.name: begin for step, begin in zip(check.steps, ends, strict=False)}


def _tenth(check: Record) -> StepResult:
    ended = min((step.status for step in check.steps), key=_GRAVEST.index)
    reasons = [step.reason for step in check.steps if step.status is ended and step.reason]
    steps = [{**_without_observations(s), "seen": len(s.observations)} for s in check.steps]
    told = {name: getattr(check, name) for name in _Check.__struct_fields__ if name != "steps"}
    return StepResult(
        name=BROWSER,
        status=ended,
        reason=reasons[-1] if reasons else "",  # the last step is the browser itself
        duration_ms=check.duration_ms,
        data={CHECK: msgspec.to_builtins({**told, "steps": steps})},
        observations=tuple(seen for step in check.steps for seen in step.observations),
    )


def _without_observations(step: StepResult) -> dict[str, Any]:
    return {n: v for n, v in msgspec.structs.asdict(step).items() if n != "observations"}


def _check_in(tenth: StepResult) -> Record:
    try:
        told = msgspec.convert(tenth.data[CHECK], _Check)
    except msgspec.ValidationError as exc:
        raise ValueError(f"the browser's step holds no check: {exc}") from None
    _hold(told, len(tenth.observations))
    return Record(
        tool=told.tool,
        started=told.started,
        duration_ms=told.duration_ms,
        steps=tuple(_steps(told.steps, tenth)),
        call=told.call,
        target=told.target,
        environment=told.environment,
    )


def _hold(told: _Check, seen: int) -> None:
    """Hold what the types do not say. Raises ValueError."""
    if tuple(step.name for step in told.steps) != (*STEP_NAMES, BROWSER):
        raise ValueError("the browser's step: its check has not the ten steps, in order")
    counts = [step.seen for step in told.steps]
    if min(counts) < 0 or sum(counts) != seen:
        raise ValueError("the browser's step: its observations are not as many as it says")
    if datetime.fromisoformat(told.started).tzinfo is None:
        raise ValueError("the browser's step: no time zone in the time of its check")


def _steps(steps: Iterable[_Step], tenth: StepResult) -> Iterable[StepResult]:
    begin = 0
    for step in steps:
        told = {n: v for n, v in msgspec.structs.asdict(step).items() if n != "seen"}
        end = begin + step.seen
        yield StepResult(**told, observations=tenth.observations[begin:end])
        begin = end
