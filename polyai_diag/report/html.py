"""The report as one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyai_diag.report.report import Report


def render_html(report: Report) -> str:
    """Return one HTML page that asks nothing of the network."""
    raise NotImplementedError(report)


def render_fragment(report: Report) -> str:
    """Return the report as HTML to stand inside a notebook's output."""
    raise NotImplementedError(report)
