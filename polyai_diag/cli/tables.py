"""Tables in a terminal: the relays side by side, the firewall request, and its lines tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from polyai_diag.report.request import grouped
from polyai_diag.report.story import Story
from polyai_diag.report.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from polyai_diag.report import Report
    from polyai_diag.report.relays import Relays
    from polyai_diag.report.request import Line, Request
    from polyai_diag.report.way import Mark
    from polyai_diag.verify import LineResult

_COLOURS = {"ok": "green", "warn": "yellow", "bad": "red", "run": "blue", "off": "bright_black"}


def print_network(console: Console, report: Report) -> None:
    """Print UDP, TCP and TLS side by side, and what to ask the network team for."""
    story = Story(report)
    if story.relays:
        heading(console, "TURN: UDP, TCP and TLS side by side")
        console.print(_relays(story.relays))
        if story.relays.sentence:
            console.print(cell(story.relays.sentence))
    if story.firewall.lines:
        heading(console, "What to ask the network team for")
        console.print(_request(story.firewall))
        said = "--request request.json writes it; polyai-diag verify request.json tries it again"
        console.print(Text(said, "bright_black"))


def results_table(lines: Sequence[Line], results: dict[int, LineResult]) -> Table:
    """Return the lines of a request with how each fares now; `…` where it is being tried."""
    table = plain_table("", "allow", "to", "address", "then", "now")
    for number, line in enumerate(lines):
        result = results.get(number)
        then = marked(line.measured.mark)
        address = line.address if line.address != line.host else ""
        glyph, now = (Text("…", "blue"), Text(""))
        if result is not None:
            glyph = Text(result.now.mark.glyph, _colour(result.now.mark))
            now = marked(result.now.mark, result.now_detail)
        allow = f"{line.protocol} {line.port}"
        table.add_row(glyph, allow, cell(line.host), cell(address or ""), then, now)
    return table


def result_words(result: LineResult) -> Text:
    """Return one line's result on one line, for where there is no terminal."""
    address = f" [{result.address}]" if result.address not in (None, result.host) else ""
    said = cell(f"{result.protocol} {result.port} {result.host}{address}: {result.now.value}")
    if result.now_detail:
        said.append(f" ({plain(result.now_detail)})", "bright_black")
    mark = result.now.mark
    return Text.assemble("  ", (mark.glyph, _colour(mark)), " ", said)


def _relays(relays: Relays) -> Table:
    table = plain_table("transport", "server", "how far", *relays.columns, "")
    for row in relays.rows:
        figures = (cell(row.measured[name]) for name in relays.columns)
        notes = cell(" · ".join(row.notes), "bright_black")
        table.add_row(cell(row.transport), cell(row.server), marked(row.mark), *figures, notes)
    return table


def _request(request: Request) -> Table:
    table = plain_table("", "allow", "to", "addresses", "why", "measured")
    for line, addresses in grouped(request.lines):
        table.add_row(
            Text("least" if line.least else "", "bold"),
            f"{line.protocol} {line.port}",
            cell(line.host),
            cell(", ".join(addresses)),
            cell(line.why),
            marked(line.measured.mark, line.detail),
        )
    return table


def plain_table(*columns: str) -> Table:
    """Return a table without lines; its headings may come from a report."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bright_black")
    for column in columns:
        table.add_column(cell(column))
    return table


def heading(console: Console, words: str) -> None:
    """Print a heading after an empty line."""
    console.print()
    console.print(Text(words, "bold"))


def marked(mark: Mark, detail: str = "") -> Text:
    """Return a state in its colour: its glyph and its word."""
    said = Text(f"{mark.glyph} {plain(mark.word)}", _colour(mark))
    return said.append(f" ({plain(detail)})", "bright_black") if detail else said


def _colour(mark: Mark) -> str:
    return _COLOURS.get(mark.tone, "")


def cell(text: str, style: str = "") -> Text:
    """Make text that may come from the network fit for a terminal: no escapes, no markup."""
    return Text(plain(text), style)
