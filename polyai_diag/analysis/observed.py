"""Observations, steps and a record made from what a paste tells. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag import __version__
from polyai_diag.model import (
    NOT_ASKED,
    STEP_NAMES,
    CallIds,
    Json,
    Observation,
    Record,
    Status,
    StepResult,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from polyai_diag.failures import Failure

_BESIDE = "ice_servers_fetch"  # its failure fails no step


def observation(
    operation: str,
    endpoint: str,
    failure: Failure | None,
    notes: dict[str, Json],
    span_s: float = 0,
) -> Observation:
    """Make an observation; `span_s` 0 where the paste tells no times."""
    return Observation(
        operation=operation,
        endpoint=endpoint,
        started_ms=0.0,
        duration_ms=round(max(span_s, 0) * 1000, 3),
        failure=failure,
        notes=notes,
    )


def retold_record(
    seen: Mapping[str, Sequence[Observation]],
    judged_at: datetime,
    *,
    data: Mapping[str, dict[str, Json]] | None = None,
    call: CallIds | None = None,
    target: dict[str, Json] | None = None,
) -> Record:
    """Make a record: each step ended as what was seen of it last, the others were not asked for."""
    told = data or {}
    return Record(
        tool=f"polyai-diag {__version__}",
        started=judged_at.isoformat(timespec="milliseconds"),
        duration_ms=0.0,
        steps=tuple(_step(n, tuple(seen.get(n, ())), told.get(n, {})) for n in STEP_NAMES),
        call=call or CallIds(call_sid=""),
        target=target or {},
        environment={},
    )


def _step(name: str, observations: tuple[Observation, ...], data: dict[str, Json]) -> StepResult:
    if not observations:
        return StepResult(name=name, status=Status.SKIPPED, reason=NOT_ASKED)
    deciding = [o for o in observations if o.operation != _BESIDE]
    failed = bool(deciding) and deciding[-1].failure is not None
    return StepResult(
        name=name,
        status=Status.FAILED if failed else Status.PASSED,
        reason="so the paste says" if failed else "",
        data=data,
        observations=observations,
    )
