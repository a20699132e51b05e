"""Observations and steps made from what a paste tells. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.model import NOT_ASKED, STEP_NAMES, Json, Observation, Status, StepResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def step_results(
    seen: Mapping[str, Sequence[Observation]],
    data: Mapping[str, dict[str, Json]] | None = None,
) -> tuple[StepResult, ...]:
    """Make all steps: each ended as what was seen of it last; the others were not asked for."""
    told = data or {}
    return tuple(_step(n, tuple(seen.get(n, ())), told.get(n, {})) for n in STEP_NAMES)


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
