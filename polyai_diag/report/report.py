"""Report: a record, today's judgement of it, and its faces."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from polyai_diag import causes
from polyai_diag.analysis.browser_joined import is_check, joined, parted
from polyai_diag.analysis.loose import rows, table
from polyai_diag.causes.broken import RULE_BROKEN
from polyai_diag.files import write_whole
from polyai_diag.model import (
    BROWSER,
    SCHEMA_VERSION,
    STEP_NAMES,
    Finding,
    InputError,
    Record,
    StepResult,
    Verdict,
    frame_of,
)
from polyai_diag.our_bug import our_bug
from polyai_diag.redact import anonymize
from polyai_diag.report.in_time import in_time

if TYPE_CHECKING:
    import pandas as pd

    from polyai_diag.report.plots import Plot


class ReportError(InputError):
    """What was given is no report of ours; the text is one line and says where it breaks."""


class Report:
    """What a run saw and what it means.

    The record is kept as it was; verdict and findings are judged from it by the causes of the
    installed version, so that a saved report read back gets today's judgement.
    """

    def __init__(self, record: Record) -> None:
        self.record = record

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Every cause that has evidence: roots first, the worst first."""
        return causes.judge(self.record, in_time)

    @property
    def verdict(self) -> Verdict:
        """`healthy`, `degraded` (warnings only), `failed` or `incomplete`."""
        return causes.verdict(self.record, self.findings)

    @property
    def root_causes(self) -> tuple[str, ...]:
        """Ids of the findings that no other finding explains."""
        return causes.root_causes(self.findings)

    @property
    def steps(self) -> tuple[StepResult, ...]:
        """All nine steps, in order; a browser's check may be the tenth."""
        return self.record.steps

    def step(self, name: str) -> StepResult:
        """Return the step of that name; raises KeyError."""
        return self.record.step(name)

    @cached_property
    def own(self) -> Report:
        """This report without the browser's check that was joined to it."""
        run, check = parted(self.record)
        return Report(run) if check else self

    @cached_property
    def browser(self) -> Report | None:
        """The browser's check that was joined to it, as a report of its own."""
        check = parted(self.record)[1]
        return Report(check) if check else None

    def with_browser(self, check: Report) -> Report:
        """Return this run's report with a browser's check in it, as the tenth step.

        Both are judged as they were: what the browser saw changes none of the nine steps. The
        check keeps its own times. Raises ReportError where one is not what it should be.
        """
        if is_check(self.record) or not is_check(check.record):
            raise ReportError("with_browser takes a run's report, and gives it a browser's check")
        return Report(joined(self.record, check.record))

    def anonymized(self) -> Report:
        """Return the same report with an alias for every address and host name."""
        return Report(msgspec.convert(anonymize(msgspec.to_builtins(self.record)), Record))

    def to_json(self) -> str:
        """Return the report as JSON (see `schema.json` in this package)."""
        from polyai_diag.report.handover import handover  # noqa: PLC0415 - words load late
        from polyai_diag.report.story import Story  # noqa: PLC0415

        document = {
            **msgspec.to_builtins(self.record),
            "verdict": self.verdict,
            "root_causes": self.root_causes,
            "findings": self.findings,
            "handover": handover(Story(self)),
        }
        ordered = {name: document[name] for name in _KEYS}
        return msgspec.json.format(msgspec.json.encode(ordered), indent=2).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Report:
        """Read a saved report and judge it anew. Raises ReportError."""
        try:
            record = msgspec.json.decode(text, type=Record)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as exc:
            raise ReportError(f"this is no report of polyai-diag: {exc}") from None
        if record.schema_version > SCHEMA_VERSION:
            raise ReportError(
                f"the report's schema_version is {record.schema_version}, "
                f"this version reads up to {SCHEMA_VERSION}: install a newer polyai-diag"
            )
        _check(record)
        report = cls(record)
        try:
            broken = next((f.summary for f in report.findings if f.id == RULE_BROKEN), "")
        except (TypeError, LookupError, AttributeError, ValueError, ArithmeticError) as exc:
            broken = our_bug(exc)
        if broken and not _tells_of_broken_rules(text):
            # Notes are free in form: a doctored one shows in judging.
            raise ReportError(f"the notes of this report are not of this tool: {broken}")
        return report

    def to_frame(self) -> pd.DataFrame:
        """Return one row per observation: step, operation, endpoint, times in ms, failure.

        Raises ImportError when pandas (extra `lab`) is not installed.
        """
        return frame_of(self.steps)

    def plot(self, name: str) -> Plot:
        """Return one picture: relays, spectrum, spectrogram, level, delay, jitter or loss.

        A notebook shows it, its `save` writes it as SVG. Raises PlotError where there is none.
        """
        from polyai_diag.report.plots import plot  # noqa: PLC0415 - Jinja2 loads late

        return plot(self, name)

    def to_html(self) -> str:
        """Return one HTML page that asks nothing of the network."""
        from polyai_diag.report.html import render_html  # noqa: PLC0415 - Jinja2 loads late

        return render_html(self)

    def to_markdown(self) -> str:
        """Return Markdown for a ticket."""
        from polyai_diag.report.markdown import render_markdown  # noqa: PLC0415

        return render_markdown(self)

    def save(self, path: str | Path) -> Path:
        """Write the report; the ending chooses the form: .json, .html or .md.

        Raises ReportError for another ending, OSError when it cannot be written.
        """
        path = Path(path)
        forms = {".json": self.to_json, ".html": self.to_html, ".md": self.to_markdown}
        if path.suffix not in forms:
            raise ReportError(f"{path.name}: the ending must be one of {', '.join(forms)}")
        write_whole(path, forms[path.suffix]())
        return path

    def _repr_html_(self) -> str:
        from polyai_diag.report.html import render_fragment  # noqa: PLC0415

        return render_fragment(self)

    def __repr__(self) -> str:
        named = ", ".join(self.root_causes) or "no cause named"
        return f"<Report {self.verdict.value}: {named}>"


_KEYS = (
    "schema_version",
    "tool",
    "started",
    "duration_ms",
    "verdict",
    "root_causes",
    "findings",
    "handover",
    "steps",
    "call",
    "target",
    "environment",
)


def _tells_of_broken_rules(text: str | bytes) -> bool:
    """Whether a rule had broken when the report was written: then it is this tool that errs."""
    findings = rows(table(msgspec.json.decode(text)).get("findings"))
    return any(finding.get("id") == RULE_BROKEN for finding in findings)


def _check(record: Record) -> None:
    """Hold what judging relies on and the types do not say. Raises ReportError."""
    names = tuple(step.name for step in record.steps)
    if names not in (STEP_NAMES, (*STEP_NAMES, BROWSER)):
        raise ReportError(f"$.steps: not the nine steps, in order ({', '.join(STEP_NAMES)})")
    try:
        started = datetime.fromisoformat(record.started)
    except ValueError:
        raise ReportError("$.started: not a date and time as RFC 3339 has it") from None
    if started.tzinfo is None:
        raise ReportError("$.started: no time zone; UTC is written as Z")
    try:
        parted(record)
    except ValueError as exc:
        raise ReportError(f"$.steps[9]: {exc}") from None
