"""Exit codes: public, and the same for every command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.model import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from polyai_diag.report import Report

HEALTHY, CRITICAL, USAGE, WARNINGS, INCOMPLETE = 0, 1, 2, 3, 4
_BY_VERDICT = {
    Verdict.FAILED: CRITICAL,
    Verdict.INCOMPLETE: INCOMPLETE,
    Verdict.DEGRADED: WARNINGS,
    Verdict.HEALTHY: HEALTHY,
}


def exit_code(report: Report) -> int:
    """Return the code of the verdict: 1 failed, 4 incomplete, 3 degraded, 0 healthy."""
    return _BY_VERDICT[report.verdict]


def worst(codes: Iterable[int]) -> int:
    """Return the gravest of several."""
    return min(codes, key=(CRITICAL, INCOMPLETE, WARNINGS, HEALTHY).index)
