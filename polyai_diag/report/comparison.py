"""What a comparison of two reports says: plain data, its texts fit to show as one line each."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from polyai_diag.model import Severity, Verdict
from polyai_diag.report.way import Mark


class Kind(StrEnum):
    """What the two reports are to each other."""

    BEFORE_AFTER = "before-and-after"  # one machine, twice
    VANTAGES = "two-vantage-points"  # two machines: support's run beside the customer's


class Where(StrEnum):
    """Which of the two reports names a cause."""

    A = "a"
    B = "b"
    BOTH = "both"


class Change(StrEnum):
    """What the second report shows against the first."""

    BETTER = "better"
    WORSE = "worse"
    CHANGED = "changed"  # neither: another value
    SAME = "same"  # or not told apart: the intervals overlap
    UNKNOWN = "not told"  # measured in one alone, or by nothing that tells chance from change


CHANGE_MARKS = {  # in the order in which rows are shown
    Change.WORSE: Mark("bad", "✕", "worse"),
    Change.BETTER: Mark("ok", "✓", "better"),
    Change.CHANGED: Mark("note", "i", "changed"),
    Change.SAME: Mark("off", "=", "no change"),
    Change.UNKNOWN: Mark("off", "–", "not told"),
}


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two runs."""

    name: str  # before, after, or the machine
    machine: str
    addresses: tuple[str, ...]
    started: str  # RFC 3339, UTC
    call_sid: str
    session_id: str | None
    region: str | None
    url: str
    verdict: Verdict
    called: bool  # whether a call connected
    root_causes: tuple[str, ...]


class CauseRow(msgspec.Struct, frozen=True, kw_only=True):
    """A root cause of either report. A text is empty where that report does not name it."""

    id: str
    title: str
    remedy: str
    layer: str
    severity: Severity
    where: Where
    looked_at: bool  # whether the report that does not name it looked there at all
    change: Change
    a: str
    b: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that both reports can tell: its texts, and the numbers where it is one."""

    name: str
    a: str
    b: str
    change: Change
    unit: str | None = None
    a_value: float | None = None
    b_value: float | None = None
    a_interval: tuple[float, float] | None = None  # 95 %, where the run measured one
    b_interval: tuple[float, float] | None = None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two reports side by side. `worse` is what the exit code says."""

    kind: Kind
    conclusion: str  # one sentence
    worse: bool  # a root cause that the first lacks, a graver one, or a graver verdict
    notes: tuple[str, ...]  # what to know before believing it
    a: Side
    b: Side
    causes: tuple[CauseRow, ...]
    steps: tuple[Row, ...]
    measured: tuple[Row, ...]


class Shown(NamedTuple):
    """A cause as a table shows it."""

    mark: Mark
    cause: CauseRow
    a: str
    b: str


def shown_causes(comparison: Comparison) -> list[Shown]:
    """Return the causes with the words that suit the kind of comparison."""
    return [_shown(row, comparison) for row in comparison.causes]


def _shown(row: CauseRow, comparison: Comparison) -> Shown:
    missing = "not seen" if row.looked_at else "not looked at"
    return Shown(_mark(row, comparison), row, row.a or missing, row.b or missing)


def _mark(row: CauseRow, comparison: Comparison) -> Mark:
    bad = Mark("bad", "✕", "") if row.severity is Severity.CRITICAL else Mark("warn", "!", "")
    if comparison.kind is Kind.VANTAGES:
        names = {Where.A: comparison.a.name, Where.B: comparison.b.name}
        word = "in both" if row.where is Where.BOTH else f"only {names[row.where]}"
        return bad._replace(word=word)
    if row.where is Where.BOTH:
        stays = {Change.WORSE: "stays, graver", Change.BETTER: "stays, milder"}
        return bad._replace(word=stays.get(row.change, "stays"))
    if row.where is Where.B:
        return bad._replace(word="new" if row.looked_at else "shows now")
    return Mark("ok", "✓", "gone") if row.looked_at else Mark("off", "–", "not told")
