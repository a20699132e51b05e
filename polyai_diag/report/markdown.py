"""The report as Markdown (GitHub's), for a ticket.

What came from a network is escaped: it stays text, and stays in its cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.report.markdown_text import code, fenced, marked, section, table, text
from polyai_diag.report.proof import how_often
from polyai_diag.report.request_forms import request_body
from polyai_diag.report.story import Story
from polyai_diag.report.text import flat, milliseconds
from polyai_diag.report.way import mark_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.model import Finding
    from polyai_diag.report.candidates import Pair
    from polyai_diag.report.reach import Reach
    from polyai_diag.report.report import Report

_SHOWN = 60
"""Observations of one step that a ticket lists; the JSON has all."""
_FEW = 20
"""Candidates and pairs, likewise."""


def render_markdown(report: Report) -> str:
    """Return Markdown for a ticket: the searchable line, what is wrong, what to do, the proof."""
    story = Story(report)
    parts = (
        *(_head, _todo, _letters, _firewall, _way, _browser, _reach, _proof),
        *(_relays, _candidates, _measured, _steps, _surroundings),
    )
    return "\n".join(line for part in parts for line in part(story)) + "\n"


def _head(story: Story) -> Iterator[str]:
    call_sid, *others = story.facts
    yield " · ".join([code(call_sid), *map(text, others)])
    yield ""
    yield f"# {story.badge.glyph} {text(story.headline)}"
    yield ""
    name, addresses = story.machine
    where = f"**{text(name)}**" + (f" ({text(addresses)})" if addresses else "")
    beside = story.browser
    also = f"And of **{text(beside.machine[0])}**: {beside.vantage}. " if beside else ""
    yield (
        f"{story.badge.word}. This measured the network of {where}: {story.vantage}. {also}"
        f"**Not measured:** {text(story.not_measured)}."
    )


def _todo(story: Story) -> Iterator[str]:
    yield from section("What to do")
    for root in story.roots:
        sources = [f"guide “{root.section}”"] if root.section else []
        sources += [text(root.finding.reference)] if root.finding.reference else []
        where = f" ({', '.join(sources)})" if sources else ""
        yield f"- **{text(root.title)}**: {text(root.finding.remedy)}{where}"
    if not story.roots:
        yield "Nothing named: see what was measured below."


def _letters(story: Story) -> Iterator[str]:
    yield from section("For whom to act")
    for letter in story.letters:
        yield from (f"### {letter.to[0].upper()}{letter.to[1:]}: {letter.mark.word}", "")
        yield from (*fenced(letter.text), "")


def _firewall(story: Story) -> Iterator[str]:
    if story.firewall.lines:
        yield from section("What to ask the network team for")
        yield from request_body(story.firewall)


def _way(story: Story) -> Iterator[str]:
    yield from section("The way of the call")
    yield from _stops(story)


def _browser(story: Story) -> Iterator[str]:
    beside = story.browser
    if beside is None:
        return
    yield from section(f"The way of the call in {text(beside.machine[0])}")
    call_sid, *others = beside.facts
    yield from (" · ".join([code(call_sid), *map(text, others)]), "")
    yield from _stops(beside)
    if beside.measured:
        told = ((name, text(value)) for name, value in beside.measured)
        yield from ("", *table(("what", "value"), told))


def _stops(story: Story) -> Iterator[str]:
    rows = [
        (f"**{s.name}**" if s.here else s.name, f"{s.mark.glyph} {s.mark.word}", text(s.detail))
        for s in story.way
    ]
    yield from table(("stop", "state", "time"), rows)


def _reach(story: Story) -> Iterator[str]:
    reach = story.reach
    if not reach:
        return
    yield from section("The way to the gateway")
    if reach.regions:
        header = ("region", "host", "reached", "token", "to the WebSocket", "detail")
        told = (
            (text(r.name), code(r.host), marked(r.mark), marked(r.token), r.took, text(r.detail))
            for r in reach.regions
        )
        yield from (*table(header, told), "")
    if reach.stages:
        yield " · ".join(f"{text(s.name)} {s.mark.glyph} {text(s.label)}" for s in reach.stages)
        yield ""
    for fact in reach.facts:
        state = f" {marked(fact.mark)}" if fact.mark else ""
        yield f"- {fact.name}: {text(fact.value)}{state}"
    if reach.clients_then:
        yield f"- {reach.clients_then}"
    yield from _reach_tables(reach)


def _reach_tables(reach: Reach) -> Iterator[str]:
    if reach.addresses:
        tried = ((code(a.address), text(a.family), marked(a.mark), a.took) for a in reach.addresses)
        yield from ("", *table(("address tried", "family", "state", "took"), tried))
    if reach.answers:
        told = ((code(a.server), text(a.kind), text(a.answer), a.took) for a in reach.answers)
        yield from ("", *table(("name server", "type", "answer", "took"), told))
    if reach.chain:
        shown = (
            (text(c.subject), text(c.issuer), text(c.valid), marked(c.left)) for c in reach.chain
        )
        yield from ("", *table(("certificate for", "signed by", "valid", "left"), shown))


def _proof(story: Story) -> Iterator[str]:
    if not story.findings:
        return
    yield from section("Proof")
    for root in story.roots:
        yield f"- {root.mark.glyph} {root.mark.word} {code(root.finding.id)}{_often(root.finding)}"
        yield from _evidence(root.finding, "  ")
        for finding in root.explained:
            yield f"  - explains {code(finding.id)}: {text(finding.title)}{_often(finding)}"
            yield from _evidence(finding, "    ")
    for finding in story.notes:
        yield f"- note {code(finding.id)}: {text(finding.title)}"
        yield from _evidence(finding, "  ")


def _evidence(finding: Finding, indent: str) -> Iterator[str]:
    for item in finding.evidence:
        told = f"{text(item.step)}: {text(item.text)}"
        yield f"{indent}- {f'*{told}*' if item.control else told}"


def _often(finding: Finding) -> str:
    often = how_often(finding)
    return f", {often}" if often else ""


def _relays(story: Story) -> Iterator[str]:
    relays = story.relays
    if not relays:
        return
    yield from section("TURN: UDP, TCP and TLS side by side")
    if relays.sentence:
        yield from (text(relays.sentence), "")
    header = ("server", "transport", "how far", *relays.columns)
    yield from table(
        header,
        (
            (
                code(row.server) + "".join(f"; {text(note)}" for note in row.notes),
                text(row.transport),
                marked(row.mark),
                *(text(row.measured[name]) for name in relays.columns),
            )
            for row in relays.rows
        ),
    )


def _candidates(story: Story) -> Iterator[str]:
    found = story.candidates
    if not found:
        return
    yield from section("Candidates and pairs")
    yield text(f"{found.counted}. {found.nominated}")
    sides = [("ours", c) for c in found.local[:_FEW]]
    sides += [("gateway", c) for c in found.remote[:_FEW]]
    if sides:
        header = ("whose", "type", "address", "transport", "scope", "what it is")
        told = (
            (
                side,
                text(c.type),
                code(c.endpoint),
                text(c.transport),
                text(c.scope),
                text(c.explained),
            )
            for side, c in sides
        )
        yield from ("", *table(header, told))
    if found.pairs:
        checked = ((code(p.local), code(p.remote), _checked(p)) for p in found.pairs[:_FEW])
        yield from ("", *table(("ours", "the gateway's", "checked"), checked))


def _checked(pair: Pair) -> str:
    said = pair.obstacle or ("in use" if pair.nominated else "")
    return marked(pair.mark) + (f": {text(said)}" if said else "")


def _measured(story: Story) -> Iterator[str]:
    if story.measured:
        yield from section("Measured")
        yield from table(("what", "value"), ((name, text(value)) for name, value in story.measured))


def _steps(story: Story) -> Iterator[str]:
    yield from section("All steps")
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
    yield from section("Target, environment and versions")
    yield from table(("what", "value"), ((text(n), text(v)) for n, v in story.surroundings))
