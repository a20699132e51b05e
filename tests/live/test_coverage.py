"""A cause without a case is a promise that nobody has seen kept."""

from __future__ import annotations

from pathlib import Path

from polyai_diag.causes import CAUSES
from tests.live.table import PAIRS, SINGLES, VARIATIONS

TESTS = Path(__file__).parents[1]


def test_every_cause_has_a_case_that_runs() -> None:
    """In the table of sandbox cases, or named by a test against a foreign server."""
    cases = (*SINGLES, *PAIRS, *VARIATIONS)
    in_table = {cause for case in cases for cause in (*case.named, *case.beneath)}
    foreign = "".join(path.read_text() for path in sorted(TESTS.glob("*/test_*.py")))
    missing = [cause for cause in CAUSES if cause not in in_table and f'"{cause}"' not in foreign]
    assert missing == []
