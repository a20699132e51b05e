"""Steps that failed and that no cause accounts for: never silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.causes.facts import EVIDENCE_LIMIT, describe
from polyai_diag.model import Evidence, Finding, Severity, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from polyai_diag.model import Record, StepResult


def unexplained(record: Record, cited: Collection[str]) -> Iterator[Finding]:
    """Yield one finding for all that failed and that the evidence of no other cites."""
    orphans = [s for s in record.steps if s.status is Status.FAILED and s.name not in cited]
    if not orphans:
        return
    evidence = tuple(e for step in orphans for e in _failures_of(step))[:EVIDENCE_LIMIT]
    names = ", ".join(step.name for step in orphans)
    yield Finding(
        id="unexplained",
        severity=Severity.CRITICAL,
        title=f"Something failed that no known cause accounts for ({names})",
        summary=evidence[0].text,
        evidence=evidence,
        remedy="Send this report to PolyAI: it shows what was seen, and a rule is missing for it.",
    )


def _failures_of(step: StepResult) -> Iterator[Evidence]:
    failing = [(i, o) for i, o in enumerate(step.observations) if o.failure]
    # What was only tried is not what the step failed for.
    failing = [(i, o) for i, o in failing if o.notes.get("configured") is not False] or failing
    for index, observation in failing:
        yield Evidence(step=step.name, observation=index, text=describe(observation))
    if not failing:
        yield Evidence(step=step.name, text=f"{step.name}: {step.reason or 'failed'}")
