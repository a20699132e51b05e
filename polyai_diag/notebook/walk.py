"""A section of the troubleshooting guide, held against a report."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from polyai_diag.analysis.loose import rows
from polyai_diag.model import BROWSER, Finding, InputError, Severity
from polyai_diag.notebook.guide import MICROPHONE, OVER_TCP, SECTIONS, Row, topic_of
from polyai_diag.notebook.next_step import Next, next_step
from polyai_diag.plan import TITLES
from polyai_diag.report.html import render_own
from polyai_diag.report.story import Story
from polyai_diag.report.text import plain
from polyai_diag.report.way import BUG, FAILS, LEFT_OUT, OK, PARTLY, STOPPED, Mark, mark_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.report import Report

NOT_MEASURED = Mark("off", "–", "not measured")
WARNS = Mark("warn", "!", "warning")
NOT_KNOWN = Mark("off", "–", "not known")
NONE = Mark("off", "–", "none")


class WalkError(InputError):
    """No such section; the text is one line and says what is accepted."""


class Held(NamedTuple):
    """One thing that the guide says, and whether it holds."""

    says: str
    checked: str
    mark: Mark
    proof: str  # one sentence
    means: str
    todo: str = ""


class Walk:
    """What the guide says, what was found, and what to do next.

    `section` is `unauthorized`, `no-audio`, `ice`, or "" for all of them. A notebook shows it as
    HTML, `print` as text. Where nothing is wrong it reads the same each time; the proof of a
    finding names what the run has met. Raises WalkError.
    """

    def __init__(self, section: str, report: Report) -> None:
        if section not in SECTIONS:
            accepted = ", ".join(name or '"" for all' for name in SECTIONS)
            raise WalkError(f"no section is called {plain(section, 60)!r}; accepted: {accepted}")
        self.section = section
        self._story = Story(report)

    @cached_property
    def rows(self) -> tuple[Held, ...]:
        """Each thing that must be true, in the order in which a call meets it."""
        return tuple(self._held(row) for row in SECTIONS[self.section])

    @cached_property
    def next(self) -> Next:
        """What to do next, chosen by what was found."""
        looks = {name for row in SECTIONS[self.section] for name in row.looks}
        stops = {stop.name for stop in self._story.way if stop.mark is LEFT_OUT}
        steps = {name for name, step in self._story.steps.items() if mark_of(step) is LEFT_OUT}
        return next_step(self.section, self._story, left_out=bool(looks & (stops | steps)))

    @property
    def outcome(self) -> str:
        """The verdict and the root causes' ids, as scripts and tickets name them."""
        report = self._story.report
        named = ", ".join(plain(cause, 60) for cause in report.root_causes) or "none"
        return f"Verdict: {report.verdict.value}. Root causes: {named}."

    # --- one row ---

    def _held(self, row: Row) -> Held:
        found = self._found(row)
        if found is not None:
            mark = FAILS if found.severity is Severity.CRITICAL else WARNS
            means, todo = self._meaning(found)
            return Held(row.says, row.checked, mark, _sentence(found.summary), means, todo)
        looks = [self._look(name) for name in row.looks]
        mark, said = max(looks, key=lambda look: _GRAVITY.get(look[0].tone, 0))
        if mark.tone == OK.tone:
            return Held(row.says, row.checked, mark, row.proof or said, row.fine)
        return Held(row.says, row.checked, mark, said, self._because(mark))

    def _meaning(self, found: Finding) -> tuple[str, str]:
        """Say what a finding means and what to do; the first one's remedy stands under Next."""
        roots = self._story.roots
        above = next((root for root in roots if found in root.explained), None)
        if above is not None:
            return f"{found.title}: it follows from “{above.title}”.", ""
        first = bool(roots) and found is roots[0].finding
        return _sentence(found.title), "" if first else found.remedy

    def _found(self, row: Row) -> Finding | None:
        """Return the finding that a row shows: a root first, the worst first."""
        return next(
            (
                finding
                for finding in self._story.findings
                if finding.severity is not Severity.INFO and topic_of(finding) in row.topics
            ),
            None,
        )

    def _because(self, mark: Mark) -> str:
        roots = self._story.roots
        if mark is NOT_KNOWN and roots:
            return f"Not known because of this: {roots[0].title}."
        return "Where UDP is blocked, calls need one." if mark is NONE else ""

    # --- what a stop or a step says where no finding does ---

    def _look(self, name: str) -> tuple[Mark, str]:
        if name == MICROPHONE:
            return self._microphone()
        if name == OVER_TCP:
            return self._over_tcp()
        step = self._story.steps.get(name.lower())
        why = step.reason if step else ""
        if name in TITLES:
            return _told(mark_of(step), TITLES[name], why)
        stop = next(stop for stop in self._story.way if stop.name == name)
        if stop.mark is PARTLY:
            return PARTLY, f"{name} works in part: {stop.detail}."
        return _told(stop.mark, name, why)

    def _microphone(self) -> tuple[Mark, str]:
        step = self._story.steps.get(BROWSER)
        if step is None:
            return NOT_MEASURED, "Only a browser can tell: the customer's own, best."
        return _told(mark_of(step), TITLES[BROWSER])

    def _over_tcp(self) -> tuple[Mark, str]:
        tried = rows(self._story.data("turn").get("urls"))
        ways = [url for url in tried if url.get("transport") in ("tcp", "tls")]
        working = {str(url["transport"]).upper() for url in ways if url.get("ok") is True}
        if working:
            return OK, f"The relay works over {' and '.join(sorted(working))}."
        if ways:
            return NOT_KNOWN, "No relay works over TCP or TLS."
        mark = mark_of(self._story.steps.get("turn"))
        if mark.tone == OK.tone:
            return NONE, "No TURN server over TCP is configured."
        return _told(mark, OVER_TCP)

    # --- faces ---

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def __repr__(self) -> str:
        marks = ", ".join(f"{held.mark.glyph} {held.mark.word}" for held in self.rows)
        return f"<Walk {self.section or 'all'}: {marks}>"

    def _repr_html_(self) -> str:
        return render_own("walk.html", "walk.css", walk=self)

    def _repr_pretty_(self, printer: object, _cycle: bool) -> None:
        printer.text(str(self))  # type: ignore[attr-defined] # IPython's, which has no types

    def _lines(self) -> Iterator[str]:
        for held in self.rows:
            yield f"{held.mark.glyph} {held.mark.word}: {plain(held.says)}"
            told = (held.proof, held.means, held.todo and f"To do: {held.todo}")
            yield from (f"    {plain(text)}" for text in told if text)
        yield f"Next: {plain(self.next.title)}"
        for number, do in enumerate(self.next.todo, 1):
            more = " ".join(part for part in (do.command, do.notebook) if part)
            yield f"  {number}. {plain(do.text)} {more}".rstrip()
        yield self.outcome


_GRAVITY = {"bad": 3, "warn": 2, "off": 1}


def _told(mark: Mark, name: str, why: str = "") -> tuple[Mark, str]:
    """Say how a stop or step ended; one that failed for another's sake tells nothing of itself."""
    if mark.tone == OK.tone:
        return OK, f"{name}: works."
    said = _sentence(f"{name}: {mark.word}{f', {why}' if why and why != mark.word else ''}")
    return (mark if mark in (BUG, STOPPED) else NOT_KNOWN), said


def _sentence(text: str) -> str:
    return f"{text.rstrip('.')}."
