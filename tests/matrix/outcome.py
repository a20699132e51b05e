"""What one case came to: what was expected, what was named, how soon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from polyai_diag.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from polyai_diag import Report
    from polyai_diag.model import Evidence

PROPERTY = "matrix"  # of a test's report: so outcomes travel from the process that ran it
SINGLE, VARIATION, PAIR, HEALTHY = "single", "variation", "pair", "healthy"


class Outcome(NamedTuple):
    """One case that was run; `right` is what its test says."""

    kind: str
    name: str
    expected: tuple[str, ...]
    named: tuple[str, ...]
    critical: bool  # something critical was named
    verdict_ms: float  # from the start to the report
    proof_ms: float | None  # from the start to the end of the last exchange that proves it
    right: bool = False


def outcome(kind: str, name: str, expected: Iterable[str], report: Report) -> dict[str, Any]:
    """Return what `Outcome(**…)` takes, plain enough to be sent between processes."""
    return Outcome(
        kind,
        name,
        tuple(sorted(expected)),
        report.root_causes,
        any(finding.severity is Severity.CRITICAL for finding in report.findings),
        report.record.duration_ms,
        _proven_ms(report),
    )._asdict()


def _proven_ms(report: Report) -> float | None:
    roots = [finding for finding in report.findings if not finding.explained_by]
    ends = [_seen_ms(report, evidence) for finding in roots for evidence in finding.evidence]
    return max(ends, default=None)


def _seen_ms(report: Report, evidence: Evidence) -> float:
    step = report.step(evidence.step)
    if evidence.observation is None:
        return (step.started_ms or 0) + step.duration_ms
    seen = step.observations[evidence.observation]
    return seen.started_ms + seen.duration_ms
