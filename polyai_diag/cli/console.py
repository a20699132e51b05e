"""What a run looks like in a terminal: live while it goes on, then the report in words."""

from __future__ import annotations

import errno
import os
from functools import partial
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
from polyai_diag.plan import TITLES
from polyai_diag.report.proof import how_often
from polyai_diag.report.story import Story
from polyai_diag.report.text import plain
from polyai_diag.report.way import FAILS, OK

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag.report import Report
    from polyai_diag.report.handover import Letter
    from polyai_diag.report.reach import Fact, Reach, Region

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


_WITHOUT_CALL = {
    Verdict.HEALTHY: "Nothing wrong in what was measured; no call was connected.",
    Verdict.DEGRADED: "Not all is as it should be; no call was connected.",
}

PLAIN_WIDTH = 160  # where there is no terminal: long lines survive a log better than short ones


class _Console(Console):
    """One that does not end the program where nobody reads any more."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def new_console(stream: TextIO | None = None) -> Console:
    """Return a console as wide as the terminal, or wide where there is none."""
    console = _Console(file=stream, highlight=False)
    if console.is_terminal:
        return console
    return _Console(file=stream, highlight=False, width=PLAIN_WIDTH)


class Screen:
    """Shows a run as it goes on; plain lines where there is no terminal.

    Where it cannot be written to, it is `broken`, and the run goes on without it.
    """

    def __init__(self, stream: TextIO, *, verbose: bool) -> None:
        self.stream = stream
        self.broken: OSError | None = None
        self.console = new_console(stream)
        self._verbose = verbose
        self._results: dict[str, StepResult] = {}
        self._doing: dict[str, str] = {}
        self._live = Live(console=self.console, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self.show(self._live.start)
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self.show(self._live.stop)

    def show(self, draw: Callable[[], None]) -> None:
        """Draw something, unless nothing can be drawn here any more."""
        if self.broken is None:
            try:
                draw()
            except OSError as exc:
                self.broken = exc

    def say(self, line: str) -> None:
        """Print a line as it is."""
        self.show(partial(self.console.print, line, markup=False))

    def on_event(self, event: Event) -> None:
        """Take what happens."""
        self.show(partial(self._take, event))

    def _take(self, event: Event) -> None:
        match event:
            case StepStarted(name):
                self._doing[name] = ""
            case Progress(name, text):
                self._doing[name] = text
            case Observed(name, observation) if self._verbose:
                self.console.print(_indented(2, f"{name}: {describe(observation)}"))
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
                text = _shown(self._doing[name], "bright_black")
                table.add_row(Spinner("dots"), TITLES[name], "", text)
            else:
                table.add_row(Text("·", style="bright_black"), Text(TITLES[name], "bright_black"))
        return table


def print_report(console: Console, report: Report, *, steps: bool = True) -> None:
    """Print the verdict, whose network it is, the steps, each finding with proof and remedy."""
    words, colour = _VERDICTS[report.verdict]
    if report.step("call").status is not Status.PASSED:
        words = _WITHOUT_CALL.get(report.verdict, words)
    story = Story(report)
    hostname, addresses = story.machine
    console.print()
    console.print(_shown(f"{report.verdict.value}: {words}", f"bold {colour}"))
    console.print(_shown(" · ".join(story.facts), "bright_black"))
    console.print(_shown(f"Measured from {hostname} ({addresses or 'no outside address'})."))
    if story.browser:
        console.print(_shown(f"And in {story.browser.machine[0]}: {story.browser.vantage}."))
    console.print(_shown(f"Not measured: {story.not_measured}."))
    if steps:
        console.print(Group(*(_line(step) for step in report.steps)))
    _print_reach(console, story.reach)
    print_findings(console, report.findings)
    for letter in story.letters:
        if letter.acts:
            _print_letter(console, letter)


def print_findings(console: Console, findings: tuple[Finding, ...]) -> None:
    """Print each root with its proof, its remedy and what it explains."""
    for finding in findings:
        if not finding.explained_by:
            _print_finding(console, finding, findings)


def print_catalogue(console: Console) -> None:
    """Print every cause: id, title, remedy."""
    from polyai_diag.causes import CAUSES  # noqa: PLC0415

    table = Table("id", "what it is", "what to do", box=None, padding=(0, 2, 1, 0))
    for row in sorted(CAUSES.values(), key=lambda row: row.layer):
        table.add_row(Text(row.id, style="bold"), row.title, row.remedy)
    console.print(table)


def _print_finding(console: Console, finding: Finding, others: tuple[Finding, ...]) -> None:
    heading = _shown(finding.title, f"bold {_SEVERITIES[finding.severity]}")
    console.print()
    kind = ", ".join(filter(None, [plain(finding.id), finding.severity.value, how_often(finding)]))
    named = f"  [{kind}]"
    console.print(heading.append(named, "bright_black"))
    for evidence in finding.evidence:
        console.print(_indented(2, f"{'=' if evidence.control else '·'} {evidence.text}"))
    console.print(_indented(2, f"→ {finding.remedy}", "bold"))
    if finding.reference:
        console.print(_indented(4, finding.reference, "bright_black"))
    for other in others:
        if finding.id in other.explained_by:
            explained = f"explains: {other.title} [{other.id}]"
            console.print(_indented(2, explained, "bright_black"))


def _print_reach(console: Console, reach: Reach) -> None:
    """Print the way to the gateway: what is one line each, and the addresses that failed."""
    lines = [(region.name, _region_line(region)) for region in reach.regions]
    lines += [(fact.name, _fact_line(fact)) for fact in reach.facts]
    lines += [
        ("address", f"{address.address}: {address.mark.word} after {address.took}")
        for address in reach.addresses
        if address.mark.tone == FAILS.tone
    ]
    if reach.stages:
        said = (f"{stage.name} {stage.label}" for stage in reach.stages)
        lines.insert(0, ("stages", " · ".join(said)))
    if lines:
        console.print()
        console.print(Text("The way to the gateway", "bold"))
    for name, value in lines:
        console.print(_indented(2, f"{name}: {value}"))
    if reach.clients_then:
        console.print(_indented(2, reach.clients_then))


def _region_line(region: Region) -> str:
    took = f" in {region.took}" if region.mark.tone == OK.tone else ""
    detail = f" ({region.detail})" if region.detail else ""
    return f"{region.mark.glyph} {region.mark.word}{took}; token {region.token.word}{detail}"


def _fact_line(fact: Fact) -> str:
    return f"{fact.value} ({fact.mark.word})" if fact.mark else fact.value


def _print_letter(console: Console, letter: Letter) -> None:
    """Print a text to be sent, from the first column and unwrapped, so that it can be copied."""
    console.print()
    console.print(Text(f"To send to {letter.to}:", "bold"))
    for line in letter.text.splitlines():
        console.print(_shown(line), soft_wrap=True)


def _indented(columns: int, text: str, style: str = "") -> Padding:
    return Padding(_shown(text, style), (0, 0, 0, columns), expand=False)


def _shown(text: str, style: str = "") -> Text:
    """Make text that may come from the network fit for a terminal: no escape sequences."""
    return Text(plain(text), style)


def _cells(result: StepResult) -> tuple[Text, Text, Text, Text]:
    glyph, colour = _GLYPHS[result.status]
    ran = result.status is not Status.SKIPPED
    return (
        Text(glyph, style=colour),
        Text(TITLES[result.name]),
        Text(f"{result.duration_ms:,.0f} ms" if ran else "", justify="right"),
        _shown(result.reason, "bright_black"),
    )


def _line(result: StepResult) -> Text:
    glyph, title, duration, reason = _cells(result)
    padded = Text(f"{title.plain:<22}{duration.plain:>10}  ")
    return Text.assemble("  ", glyph, " ", padded, reason)
