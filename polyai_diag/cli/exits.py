"""Exit codes: public, and the same for every command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.model import Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from polyai_diag.report import Report

HEALTHY, CRITICAL, USAGE, WARNINGS, INCOMPLETE = 0, 1, 2, 3, 4


def exit_code(report: Report) -> int:
    """Return the first that holds: 1 critical, 4 incomplete, 3 warnings, 0 healthy."""
    if report.verdict is Verdict.FAILED:
        return CRITICAL
    if any(step.status in (Status.ERROR, Status.CANCELLED) for step in report.steps):
        return INCOMPLETE
    return WARNINGS if report.verdict is Verdict.DEGRADED else HEALTHY


def worst(codes: Iterable[int]) -> int:
    """Return the gravest of several."""
    return min(codes, key=(CRITICAL, INCOMPLETE, WARNINGS, HEALTHY).index)
