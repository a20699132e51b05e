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
        _heading(console, "TURN: UDP, TCP and TLS side by side")
        console.print(_relays(story.relays))
        if story.relays.sentence:
            console.print(_cell(story.relays.sentence))
    if story.firewall.lines:
        _heading(console, "What to ask the network team for")
        console.print(_request(story.firewall))
        said = "--request request.json writes it; polyai-diag verify request.json tries it again"
        console.print(Text(said, "bright_black"))


def results_table(lines: Sequence[Line], results: dict[int, LineResult]) -> Table:
    """Return the lines of a request with how each fares now; `…` where it is being tried."""
    table = _table("", "allow", "to", "address", "then", "now")
    for number, line in enumerate(lines):
        result = results.get(number)
        then = _marked(line.measured.mark)
        address = line.address if line.address != line.host else ""
        glyph, now = (Text("…", "blue"), Text(""))
        if result is not None:
            glyph = Text(result.now.mark.glyph, _colour(result.now.mark))
            now = _marked(result.now.mark, result.now_detail)
        allow = f"{line.protocol} {line.port}"
        table.add_row(glyph, allow, _cell(line.host), _cell(address or ""), then, now)
    return table


def result_words(result: LineResult) -> Text:
    """Return one line's result on one line, for where there is no terminal."""
    address = f" [{result.address}]" if result.address not in (None, result.host) else ""
    said = _cell(f"{result.protocol} {result.port} {result.host}{address}: {result.now.value}")
    if result.now_detail:
        said.append(f" ({plain(result.now_detail)})", "bright_black")
    mark = result.now.mark
    return Text.assemble("  ", (mark.glyph, _colour(mark)), " ", said)


def _relays(relays: Relays) -> Table:
    table = _table("transport", "server", "how far", *relays.columns, "")
    for row in relays.rows:
        figures = (_cell(row.measured[name]) for name in relays.columns)
        notes = _cell(" · ".join(row.notes), "bright_black")
        table.add_row(_cell(row.transport), _cell(row.server), _marked(row.mark), *figures, notes)
    return table


def _request(request: Request) -> Table:
    table = _table("", "allow", "to", "addresses", "why", "measured")
    for line, addresses in grouped(request.lines):
        table.add_row(
            Text("least" if line.least else "", "bold"),
            f"{line.protocol} {line.port}",
            _cell(line.host),
            _cell(", ".join(addresses)),
            _cell(line.why),
            _marked(line.measured.mark, line.detail),
        )
    return table


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, padding=(0, 2, 0, 0), header_style="bright_black")


def _heading(console: Console, words: str) -> None:
    console.print()
    console.print(Text(words, "bold"))


def _marked(mark: Mark, detail: str = "") -> Text:
    said = Text(f"{mark.glyph} {plain(mark.word)}", _colour(mark))
    return said.append(f" ({plain(detail)})", "bright_black") if detail else said


def _colour(mark: Mark) -> str:
    return _COLOURS.get(mark.tone, "")


def _cell(text: str, style: str = "") -> Text:
    """Make text that may come from the network fit for a terminal: no escapes, no markup."""
    return Text(plain(text), style)
