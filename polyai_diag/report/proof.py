"""How a finding's proof is told: how often it fails, what it was compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyai_diag.model import Finding


def how_often(finding: Finding) -> str:
    """Say how often it fails where it comes and goes; empty where it stays."""
    often = finding.flaky
    return f"comes and goes, {often.failed} of {often.asked} failed" if often else ""


def least_proof(finding: Finding, most: int) -> list[str]:
    """Return so much of the evidence, and the control; that there was none is said at its end."""
    controls = [item.text for item in finding.evidence if item.control]
    proof = [item.text for item in finding.evidence if not item.control]
    return list(dict.fromkeys([*proof[:most], *(controls or proof[-1:])[:1]]))
