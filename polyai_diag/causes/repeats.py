"""What has happened in an earlier run at the same second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.analysis.endings import earlier_endings, ending_seen, repeated

if TYPE_CHECKING:
    from polyai_diag.causes.engine import Facts, Seen


def as_before(facts: Facts, seen: Seen) -> str:
    """Say that a call's end repeats the earlier ones that the run was told of."""
    ending = ending_seen(seen.observation)
    earlier = earlier_endings(facts.record.target.get("earlier_endings"))
    return repeated(ending, earlier) if ending else ""
