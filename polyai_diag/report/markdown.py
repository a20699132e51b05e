"""The report as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyai_diag.report.report import Report


def render_markdown(report: Report) -> str:
    """Return Markdown for a ticket."""
    raise NotImplementedError(report)
