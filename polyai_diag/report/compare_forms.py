"""A comparison as JSON, Markdown and HTML. What came from a report is hostile text still."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from polyai_diag.report.comparison import CHANGE_MARKS, Change, Comparison, Kind, shown_causes
from polyai_diag.report.markdown_text import code, marked, section, table, text
from polyai_diag.report.request_forms import moment
from polyai_diag.report.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.report.comparison import Row, Side


HOW_TOLD = (
    "A figure has changed where its intervals (95 %, in brackets) do not overlap and the "
    "difference matters to a call; without intervals, where it is far off. “not told”: measured "
    "in one run alone, or nothing tells it from chance."
)


def comparison_json(comparison: Comparison) -> str:
    """Return the comparison as JSON: the fields of `Comparison`, rows and numbers included."""
    return visible(msgspec.json.format(msgspec.json.encode(comparison), indent=2).decode())


def comparison_markdown(comparison: Comparison) -> str:
    """Return Markdown for a ticket: the conclusion, whose runs, the causes, the differences."""
    parts = (_head, _causes, _steps, _measured)
    return "\n".join(line for part in parts for line in part(comparison)) + "\n"


def comparison_html(comparison: Comparison) -> str:
    """Return one HTML page that asks nothing of the network."""
    from polyai_diag.report.html import render_comparison  # noqa: PLC0415 - Jinja2 loads late

    return render_comparison(comparison)


def side_words(side: Side) -> list[str]:
    """Return what tells a run from others: verdict, machine, time, what can be searched for."""
    where = f"{side.machine} ({', '.join(side.addresses)})" if side.addresses else side.machine
    return [
        side.verdict.value,
        where,
        moment(side.started),
        side.region or "no region",
        f"session {side.session_id}" if side.session_id else "no session",
    ]


def steps_apart(comparison: Comparison) -> list[Row]:
    """Return the steps that ended otherwise; the others are in the JSON."""
    return [row for row in by_change(comparison.steps) if row.change is not Change.SAME]


def by_change(rows: tuple[Row, ...]) -> list[Row]:
    """Return the rows, what got worse first."""
    order = list(CHANGE_MARKS)
    return sorted(rows, key=lambda row: order.index(row.change))


def change_heading(comparison: Comparison) -> str:
    """Return the heading of the column that says how the second differs."""
    if comparison.kind is Kind.VANTAGES:
        return f"{comparison.b.name} against {comparison.a.name}"
    return "now"


def _head(comparison: Comparison) -> Iterator[str]:
    yield f"# {text(comparison.conclusion)}"
    yield ""
    for side in (comparison.a, comparison.b):
        said = " · ".join(map(text, side_words(side)))
        yield f"- **{text(side.name)}**: {code(side.call_sid)} · {said}"
    for note in comparison.notes:
        yield f"- {text(note)}"


def _causes(comparison: Comparison) -> Iterator[str]:
    yield from section("Root causes")
    if not comparison.causes:
        yield "None in either report."
        return
    header = ("cause", "where", text(comparison.a.name), text(comparison.b.name), "what to do")
    shown = (
        (f"{text(s.cause.title)} {code(s.cause.id)}", marked(s.mark), text(s.a), text(s.b),
         text(s.cause.remedy))
        for s in shown_causes(comparison)
    )  # fmt: skip
    yield from table(header, shown)


def _steps(comparison: Comparison) -> Iterator[str]:
    yield from _rows("Steps", comparison, steps_apart(comparison), "All ended alike.")


def _measured(comparison: Comparison) -> Iterator[str]:
    yield from _rows("Measured", comparison, by_change(comparison.measured), "Nothing in either.")
    if comparison.measured:
        yield from ("", HOW_TOLD)


def _rows(title: str, comparison: Comparison, shown: list[Row], none: str) -> Iterator[str]:
    yield from section(title)
    if not shown:
        yield none
        return
    names = (comparison.a.name, comparison.b.name, change_heading(comparison))
    header = ("what", *map(text, names))
    cells = (
        (text(row.name), text(row.a), text(row.b), marked(CHANGE_MARKS[row.change]))
        for row in shown
    )
    yield from table(header, cells)
