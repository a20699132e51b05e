"""Report: a record with today's judgement, and its faces."""

from polyai_diag.report.report import Report, ReportError

__all__ = ["Report", "ReportError"]
