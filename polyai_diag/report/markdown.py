"""The report as Markdown (GitHub's), for a ticket.

What came from a network is escaped: it stays text, and stays in its cell.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from polyai_diag.report.story import Story
from polyai_diag.report.text import flat, milliseconds, plain
from polyai_diag.report.way import Mark, mark_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from polyai_diag.model import Finding
    from polyai_diag.report.reach import Reach
    from polyai_diag.report.report import Report

_SHOWN = 60
"""Observations of one step that a ticket lists; the JSON has all."""


def render_markdown(report: Report) -> str:
    """Return Markdown for a ticket: the searchable line, what is wrong, what to do, the proof."""
    story = Story(report)
    parts = (
        *(_head, _todo, _letters, _way, _reach, _proof),
        *(_relays, _measured, _steps, _surroundings),
    )
    return "\n".join(line for part in parts for line in part(story)) + "\n"


def text(value: Any) -> str:
    """Escape prose: no markup, HTML or link that it holds takes effect (CommonMark §2.4)."""
    line = plain(value)
    line = re.sub(r"([\\`*\[\]|~@])", r"\\\1", line)
    line = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", line)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"(?i)\b(www)\.", r"\1\\.", line.replace("://", r"\://"))
    return re.sub(r"^(\d*)([.)](?=\s|$)|(?<!\d)[#=+-])", r"\1\\\2", line)


def code(value: Any) -> str:
    """Return a code span that the text cannot leave (CommonMark §6.1), pipes kept in their cell."""
    line = plain(value, 160).replace("|", r"\|")
    if not line:
        return "–"
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    pad = " " if "`" in line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def fenced(block: str) -> list[str]:
    """Return lines of text as a code block that they cannot leave (CommonMark §4.5)."""
    longest = max((len(run) for run in re.findall("`+", block)), default=0)
    fence = "`" * max(longest + 1, 3)
    return [f"{fence}text", *block.splitlines(), fence]


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield "|" + " --- |" * len(header)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _section(title: str) -> list[str]:
    return ["", f"## {title}", ""]


def _head(story: Story) -> Iterator[str]:
    call_sid, *others = story.facts
    yield " · ".join([code(call_sid), *map(text, others)])
    yield ""
    yield f"# {story.badge.glyph} {text(story.headline)}"
    yield ""
    name, addresses = story.machine
    where = f"**{text(name)}**" + (f" ({text(addresses)})" if addresses else "")
    yield (
        f"{story.badge.word}. This measured the network of {where}: the machine that ran "
        "polyai-diag, not the customer's browser. "
        f"**Not measured:** {text(story.not_measured)}."
    )


def _todo(story: Story) -> Iterator[str]:
    yield from _section("What to do")
    for root in story.roots:
        sources = [f"guide “{root.section}”"] if root.section else []
        sources += [text(root.finding.reference)] if root.finding.reference else []
        where = f" ({', '.join(sources)})" if sources else ""
        yield f"- **{text(root.finding.title)}**: {text(root.finding.remedy)}{where}"
    if not story.roots:
        yield "Nothing named: see what was measured below."


def _letters(story: Story) -> Iterator[str]:
    yield from _section("For whom to act")
    for letter in story.letters:
        yield from (f"### {letter.to[0].upper()}{letter.to[1:]}: {letter.mark.word}", "")
        yield from (*fenced(letter.text), "")


def _way(story: Story) -> Iterator[str]:
    yield from _section("The way of the call")
    rows = [
        (f"**{s.name}**" if s.here else s.name, f"{s.mark.glyph} {s.mark.word}", text(s.detail))
        for s in story.way
    ]
    yield from _table(("stop", "state", "time"), rows)


def _reach(story: Story) -> Iterator[str]:
    reach = story.reach
    if not reach:
        return
    yield from _section("The way to the gateway")
    if reach.regions:
        header = ("region", "host", "reached", "token", "to the WebSocket", "detail")
        told = (
            (text(r.name), code(r.host), _marked(r.mark), _marked(r.token), r.took, text(r.detail))
            for r in reach.regions
        )
        yield from (*_table(header, told), "")
    if reach.stages:
        yield " · ".join(f"{text(s.name)} {s.mark.glyph} {text(s.label)}" for s in reach.stages)
        yield ""
    for fact in reach.facts:
        marked = f" {_marked(fact.mark)}" if fact.mark else ""
        yield f"- {fact.name}: {text(fact.value)}{marked}"
    if reach.clients_then:
        yield f"- {reach.clients_then}"
    yield from _reach_tables(reach)


def _reach_tables(reach: Reach) -> Iterator[str]:
    if reach.addresses:
        tried = (
            (code(a.address), text(a.family), _marked(a.mark), a.took) for a in reach.addresses
        )
        yield from ("", *_table(("address tried", "family", "state", "took"), tried))
    if reach.answers:
        told = ((code(a.server), text(a.kind), text(a.answer), a.took) for a in reach.answers)
        yield from ("", *_table(("name server", "type", "answer", "took"), told))
    if reach.chain:
        shown = (
            (text(c.subject), text(c.issuer), text(c.valid), _marked(c.left)) for c in reach.chain
        )
        yield from ("", *_table(("certificate for", "signed by", "valid", "left"), shown))


def _marked(mark: Mark) -> str:
    return f"{mark.glyph} {text(mark.word)}"


def _proof(story: Story) -> Iterator[str]:
    if not story.findings:
        return
    yield from _section("Proof")
    for root in story.roots:
        yield f"- {root.mark.glyph} {root.mark.word} {code(root.finding.id)}"
        yield from _evidence(root.finding, "  ")
        for finding in root.explained:
            yield f"  - explains {code(finding.id)}: {text(finding.title)}"
            yield from _evidence(finding, "    ")
    for finding in story.notes:
        yield f"- note {code(finding.id)}: {text(finding.title)}"
        yield from _evidence(finding, "  ")


def _evidence(finding: Finding, indent: str) -> Iterator[str]:
    for item in finding.evidence:
        yield f"{indent}- {text(item.step)}: {text(item.text)}"


def _relays(story: Story) -> Iterator[str]:
    if not story.relays:
        return
    yield from _section("TURN, transport by transport")
    header = ("server", "transport", "how far", "set-up", "round trip p50 / p95", "lost / sent")
    rows = (
        (
            code(row.url),
            text(row.transport),
            _marked(row.mark),
            row.setup,
            row.round_trip,
            row.loss,
        )
        for row in story.relays
    )
    yield from _table(header, rows)


def _measured(story: Story) -> Iterator[str]:
    if story.measured:
        yield from _section("Measured")
        yield from _table(
            ("what", "value"), ((name, text(value)) for name, value in story.measured)
        )


def _steps(story: Story) -> Iterator[str]:
    yield from _section("All steps")
    for step in story.record.steps:
        mark = mark_of(step)
        ran = "" if mark.tone == "off" else f", {milliseconds(step.duration_ms)}"
        reason = f": {text(step.reason)}" if step.reason else ""
        yield f"- {mark.glyph} **{text(step.name)}** {mark.word}{ran}{reason}"
        for seen in step.observations[:_SHOWN]:
            ended = seen.failure or "ok"
            notes = f" · {code(flat(seen.notes))}" if seen.notes else ""
            took = milliseconds(seen.duration_ms)
            yield f"  - {code(seen.operation)} {code(seen.endpoint)}: {ended}, {took}{notes}"
        if len(step.observations) > _SHOWN:
            yield f"  - and {len(step.observations) - _SHOWN} more, in the JSON"


def _surroundings(story: Story) -> Iterator[str]:
    yield from _section("Target, environment and versions")
    yield from _table(("what", "value"), ((text(n), text(v)) for n, v in story.surroundings))
