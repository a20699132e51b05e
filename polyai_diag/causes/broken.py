"""Rules that broke: what they look for is not known, and the report says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.model import Evidence, Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

RULE_BROKEN = "rule-broken"
_NAMED = 3


def rules_broken(broken: Mapping[str, tuple[str, str]]) -> Finding:
    """Return the finding that stands for them: by cause, a step that it breaks, and where.

    A warning by itself, it makes the verdict `incomplete`: nothing may be healthy unlooked at.
    """
    evidence = tuple(
        Evidence(step=step, text=f"{cause_id}: error, {where}")
        for cause_id, (step, where) in broken.items()
    )
    names = ", ".join(list(broken)[:_NAMED]) + (", …" if len(broken) > _NAMED else "")
    return Finding(
        id=RULE_BROKEN,
        severity=Severity.WARNING,
        title=f"polyai-diag itself failed in judging: {names}",
        summary=f"{evidence[0].text}; whether this cause is there is not known",
        evidence=evidence,
        remedy="Send PolyAI this report: it names the rule that broke. What else it says holds.",
    )
