"""What a run looks like in a terminal: live while it goes on, then the report in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from polyai_diag.causes import describe
from polyai_diag.model import (
    STEP_NAMES,
    Event,
    Finding,
    Observed,
    Progress,
    Severity,
    Status,
    StepFinished,
    StepResult,
    StepStarted,
    Verdict,
)
from polyai_diag.plan import PLAN

if TYPE_CHECKING:
    from polyai_diag.report import Report

_TITLES = {step.name: step.title for step in PLAN}
_GLYPHS = {
    Status.PASSED: ("✓", "green"),
    Status.FAILED: ("✕", "red"),
    Status.SKIPPED: ("–", "bright_black"),
    Status.ERROR: ("!", "magenta"),
    Status.CANCELLED: ("…", "yellow"),
}
_SEVERITIES = {Severity.CRITICAL: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}
_VERDICTS = {
    Verdict.HEALTHY: ("The call works.", "green"),
    Verdict.DEGRADED: ("The call works, but not as it should.", "yellow"),
    Verdict.FAILED: ("The call does not work.", "red"),
    Verdict.INCOMPLETE: ("The diagnosis is not complete.", "yellow"),
}


PLAIN_WIDTH = 160  # where there is no terminal: long lines survive a log better than short ones


def new_console(stream: TextIO | None = None) -> Console:
    """Return a console as wide as the terminal, or wide where there is none."""
    console = Console(file=stream, highlight=False)
    return (
        console if console.is_terminal else Console(file=stream, highlight=False, width=PLAIN_WIDTH)
    )


class Screen:
    """Shows a run as it goes on; plain lines where there is no terminal."""

    def __init__(self, stream: TextIO, *, verbose: bool) -> None:
        self.console = new_console(stream)
        self._verbose = verbose
        self._results: dict[str, StepResult] = {}
        self._doing: dict[str, str] = {}
        self._live = Live(console=self.console, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self._live.stop()

    def on_event(self, event: Event) -> None:
        """Take what happens."""
        match event:
            case StepStarted(name):
                self._doing[name] = ""
            case Progress(name, text):
                self._doing[name] = text
            case Observed(name, observation) if self._verbose:
                self.console.print(f"  {name}: {describe(observation)}", markup=False)
            case StepFinished(result):
                self._doing.pop(result.name, None)
                self._results[result.name] = result
                if not self.console.is_terminal:
                    self.console.print(_line(result))
        if self.console.is_terminal:
            self._live.update(self._table())

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name in STEP_NAMES:
            if name in self._results:
                table.add_row(*_cells(self._results[name]))
            elif name in self._doing:
                text = Text(self._doing[name], style="bright_black")
                table.add_row(Spinner("dots"), _TITLES[name], "", text)
            else:
                table.add_row(Text("·", style="bright_black"), Text(_TITLES[name], "bright_black"))
        return table


def print_report(console: Console, report: Report, *, steps: bool = True) -> None:
    """Print the verdict, whose network it is, the steps, each finding with proof and remedy."""
    words, colour = _VERDICTS[report.verdict]
    call, record = report.record.call, report.record
    console.print()
    console.print(Text(f"{report.verdict.value}: {words}", style=f"bold {colour}"))
    ids = [call.call_sid, call.session_id and f"session {call.session_id}", call.region]
    console.print(Text(" · ".join([*(i for i in ids if i), record.started]), "bright_black"))
    addresses = ", ".join(record.environment.get("addresses") or ()) or "no outside address"
    hostname = record.environment.get("hostname")
    console.print(f"Measured from {hostname} ({addresses}).", markup=False)
    console.print(f"Not measured: {', '.join(record.environment['not_measured'])}.", markup=False)
    if steps:
        console.print(Group(*(_line(step) for step in report.steps)))
    for finding in report.findings:
        if not finding.explained_by:
            _print_finding(console, finding, report.findings)


def print_catalogue(console: Console) -> None:
    """Print every cause: id, title, remedy."""
    from polyai_diag.causes import CAUSES  # noqa: PLC0415

    table = Table("id", "what it is", "what to do", box=None, padding=(0, 2, 1, 0))
    for row in sorted(CAUSES.values(), key=lambda row: row.layer):
        table.add_row(Text(row.id, style="bold"), row.title, row.remedy)
    console.print(table)


def _print_finding(console: Console, finding: Finding, others: tuple[Finding, ...]) -> None:
    colour = _SEVERITIES[finding.severity]
    console.print()
    heading = Text(finding.title, style=f"bold {colour}")
    console.print(heading.append(f"  [{finding.id}, {finding.severity.value}]", "bright_black"))
    for evidence in finding.evidence:
        console.print(Padding(Text(f"· {evidence.text}"), (0, 0, 0, 2), expand=False))
    console.print(Padding(Text(f"→ {finding.remedy}", style="bold"), (0, 0, 0, 2), expand=False))
    if finding.reference:
        console.print(
            Padding(Text(finding.reference, style="bright_black"), (0, 0, 0, 4), expand=False)
        )
    for other in others:
        if finding.id in other.explained_by:
            text = f"explains: {other.title} [{other.id}]"
            console.print(Padding(Text(text, style="bright_black"), (0, 0, 0, 2), expand=False))


def _cells(result: StepResult) -> tuple[Text, Text, Text, Text]:
    glyph, colour = _GLYPHS[result.status]
    ran = result.status is not Status.SKIPPED
    return (
        Text(glyph, style=colour),
        Text(_TITLES[result.name]),
        Text(f"{result.duration_ms:,.0f} ms" if ran else "", justify="right"),
        Text(result.reason, style="bright_black"),
    )


def _line(result: StepResult) -> Text:
    glyph, title, duration, reason = _cells(result)
    padded = Text(f"{title.plain:<22}{duration.plain:>10}  ")
    return Text.assemble("  ", glyph, " ", padded, reason)
