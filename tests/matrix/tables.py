"""The outcomes as tables: expected against named, and the figures that they must reach."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from tests.matrix.outcome import HEALTHY, PAIR, SINGLE, VARIATION, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

KINDS = {
    SINGLE: ("single faults", 1.0),
    VARIATION: ("variations of them", 0.99),
    PAIR: ("two at once", 0.95),
    HEALTHY: ("healthy calls left in peace", 1.0),
}
"""Each kind of case in words, and the least share of it that must be right."""

NOTHING = "(nothing)"


class Score(NamedTuple):
    """How many of a kind are right."""

    words: str
    right: int
    of: int
    least: float

    @property
    def met(self) -> bool:
        """Whether it is enough; no case at all is none."""
        return self.of > 0 and self.right >= self.least * self.of

    def __str__(self) -> str:
        share = f"{self.right / self.of:.1%}" if self.of else "not measured"
        return f"{self.words}: {self.right} of {self.of} right ({share}; at least {self.least:.0%})"


class Row(NamedTuple):
    """One cause: how often it was to be named, and was; how soon."""

    cause: str
    cases: int
    named: int
    verdict_ms: float  # median of its cases, from the start to the report
    proof_ms: float | None  # median, from the start to the last exchange that proves it


class Confusion(NamedTuple):
    """What was named in place of what was expected, or beside it."""

    expected: str
    named: str
    cases: tuple[str, ...]


def scores(outcomes: Sequence[Outcome]) -> list[Score]:
    """Count what is right, kind by kind."""
    return [
        Score(words, sum(o.right for o in of_kind), len(of_kind), least)
        for kind, (words, least) in KINDS.items()
        for of_kind in [[o for o in outcomes if o.kind == kind]]
    ]


def rows(outcomes: Sequence[Outcome], causes: Iterable[str]) -> list[Row]:
    """Return a row for each cause that was expected, in the catalogue's order."""
    return [
        Row(
            cause,
            len(asked),
            sum(cause in o.named for o in asked),
            median(o.verdict_ms for o in asked),
            _median(o.proof_ms for o in asked if len(o.expected) == 1),
        )
        for cause in causes
        if (asked := [o for o in outcomes if cause in o.expected])
    ]


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def confusions(outcomes: Iterable[Outcome]) -> list[Confusion]:
    """Return what stands off the diagonal, the most frequent first."""
    cases: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        for cell in _off_diagonal(outcome):
            cases.setdefault(cell, []).append(outcome.name)
    by_number = sorted(cases.items(), key=lambda cell: len(cell[1]), reverse=True)
    return [Confusion(*cell, tuple(names)) for cell, names in by_number]


def _off_diagonal(outcome: Outcome) -> Iterator[tuple[str, str]]:
    expected, named = set(outcome.expected), set(outcome.named)
    instead = sorted(named - expected) or [NOTHING]
    for missing in sorted(expected - named):
        yield from ((missing, other) for other in instead)
    if expected <= named:
        whole = " + ".join(outcome.expected) or NOTHING
        yield from ((whole, other) for other in sorted(named - expected))


def markdown(outcomes: Sequence[Outcome], causes: Iterable[str], ran: str) -> str:
    """Return the page: the figures, a line for each cause, what was mistaken for what."""
    lines = [
        "# What is played, and what is named",
        "",
        ran,
        "",
        *(f"- {score}" for score in scores(outcomes)),
        "",
        "A case is right when the root causes named are those expected, and no other; a healthy",
        "call when nothing critical is named. *Report after*: from the start of a run to its",
        "report; *proof after*: to the end of the last exchange that proves it (medians over the",
        "cause's cases; the proof's without pairs).",
        "",
        "| cause | cases | named | report after | proof after |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| `{row.cause}` | {row.cases} | {row.named} "
            f"| {_time(row.verdict_ms)} | {_time(row.proof_ms)} |"
            for row in rows(outcomes, causes)
        ),
        "",
        "## Off the diagonal",
        "",
        *_confusion_lines(outcomes),
    ]
    return "\n".join([*lines, ""])


def _time(time_ms: float | None) -> str:
    if time_ms is None:
        return ""
    return f"{time_ms / 1000:.1f} s" if time_ms >= 1000 else f"{time_ms:.0f} ms"


def _confusion_lines(outcomes: Sequence[Outcome]) -> list[str]:
    found = confusions(outcomes)
    if not found:
        return ["Nothing: every cause was named where it was expected, and nowhere else."]
    return [
        "| expected | named | cases |",
        "|---|---|---|",
        *(f"| {c.expected} | {c.named} | {'; '.join(c.cases)} |" for c in found),
    ]
