"""`polyai-diag compare`: two reports side by side, one sentence first."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.text import Text

from polyai_diag.cli.analyze import read_input
from polyai_diag.cli.console import new_console
from polyai_diag.cli.exits import CRITICAL, HEALTHY, USAGE
from polyai_diag.cli.options import UsageError
from polyai_diag.cli.tables import cell, heading, marked, plain_table
from polyai_diag.files import write_whole
from polyai_diag.report import Report, ReportError
from polyai_diag.report.compare import compare_reports
from polyai_diag.report.compare_forms import (
    HOW_TOLD,
    by_change,
    change_heading,
    comparison_html,
    comparison_json,
    comparison_markdown,
    side_words,
    steps_apart,
)
from polyai_diag.report.comparison import CHANGE_MARKS, Kind, shown_causes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from rich.console import Console
    from rich.table import Table

    from polyai_diag.report.comparison import Comparison, Row

_FORMS: dict[str, Callable[[Comparison], str]] = {
    "json": comparison_json,
    "markdown": comparison_markdown,
    "html": comparison_html,
}


def compare_files(args: argparse.Namespace) -> int:
    """Compare two reports; 0 the second is no worse, 1 it is. Raises UsageError."""
    outputs = [getattr(args, option) for option in _FORMS]
    if outputs.count("-") > 1 or args.html == "-":
        raise UsageError("standard output takes one of --json - and --markdown -, and no HTML")
    if args.a == args.b == "-":
        raise UsageError("standard input holds one report, not two")
    first, second = (read_report(name) for name in (args.a, args.b))
    kind = Kind.VANTAGES if args.vantage else Kind.BEFORE_AFTER if args.before_after else None
    comparison = compare_reports(first, second, kind)
    console = new_console(sys.stderr if "-" in outputs else sys.stdout)
    print_comparison(console, comparison)
    if not _write(args, comparison, console):
        return USAGE
    return CRITICAL if comparison.worse else HEALTHY


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Print the conclusion, whose runs they are, the causes, then what differs."""
    console.print(cell(comparison.conclusion, "bold red" if comparison.worse else "bold"))
    for side in (comparison.a, comparison.b):
        said = " · ".join([side.call_sid, *side_words(side)])
        console.print(Text.assemble(cell(f"{side.name}:", "bold"), " ", cell(said, "bright_black")))
    for note in comparison.notes:
        console.print(cell(note, "yellow"))
    _print_causes(console, comparison)
    _print_rows(console, comparison, "Steps that ended otherwise", steps_apart(comparison))
    if comparison.measured:
        _print_rows(console, comparison, "Measured", by_change(comparison.measured))
        console.print(cell(HOW_TOLD, "bright_black"))


def _print_causes(console: Console, comparison: Comparison) -> None:
    shown = shown_causes(comparison)
    if not shown:
        return
    heading(console, "Root causes")
    table = plain_table("", "cause", comparison.a.name, comparison.b.name)
    for row in shown:
        table.add_row(marked(row.mark), cell(row.cause.id, "bold"), cell(row.a), cell(row.b))
    console.print(table)
    for row in shown:
        if row.cause.b:
            console.print(cell(f"→ {row.cause.id}: {row.cause.remedy}", "bold"))


def _print_rows(console: Console, comparison: Comparison, title: str, rows: Sequence[Row]) -> None:
    if not rows:
        return
    heading(console, title)
    columns = (comparison.a.name, comparison.b.name, change_heading(comparison))
    table: Table = plain_table("what", *columns)
    for row in rows:
        table.add_row(cell(row.name), cell(row.a), cell(row.b), marked(CHANGE_MARKS[row.change]))
    console.print(table)


def read_report(name: str) -> Report:
    """Read a saved report, `-` for standard input. Raises UsageError."""
    try:
        return Report.from_json(read_input(name))
    except ReportError as exc:
        raise UsageError(f"{name}: {exc}") from None


def _write(args: argparse.Namespace, comparison: Comparison, console: Console) -> bool:
    """Write what was asked for; what cannot be written is said, and nothing is lost: run again."""
    written = True
    for option, form in _FORMS.items():
        name = getattr(args, option)
        if name == "-":
            print(form(comparison).rstrip("\n"))
        elif name is not None:
            try:
                write_whole(name, form(comparison))
            except OSError as exc:
                print(f"polyai-diag: --{option} {name}: {exc.strerror}", file=sys.stderr)
                written = False
            else:
                console.print(f"Written: {name}", markup=False)
    return written
