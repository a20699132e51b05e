"""The causes engine: facts in, findings out.

A cause is one decorated generator over the facts, beside its row of text. It yields its
evidence; a cause without evidence is not named. Judging reads the record alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

import msgspec

from polyai_diag.causes.attempts import Attempts, Place
from polyai_diag.causes.broken import RULE_BROKEN, rules_broken
from polyai_diag.causes.control import control_of
from polyai_diag.causes.facts import (
    EVIDENCE_LIMIT,
    Facts,
    Seen,
    compared,
    describe,
    endpoint_host,
)
from polyai_diag.causes.unexplained import unexplained
from polyai_diag.model import (
    NOT_ASKED,
    Actor,
    Evidence,
    Finding,
    Flaky,
    Guide,
    Record,
    Severity,
    Status,
    Verdict,
)
from polyai_diag.our_bug import our_bug

__all__ = [
    "CAUSES",
    "Cause",
    "Facts",
    "Layer",
    "Seen",
    "cause",
    "describe",
    "endpoint_host",
    "judge",
    "rank",
    "root_causes",
    "verdict",
]

T = TypeVar("T")

_CONTROLS_LIMIT = 3
_LOOKED_AT = 1000  # pieces of evidence that a rule may yield before it is stopped
_LONGEST_TEXT = 2000


class Layer(IntEnum):
    """Where a cause stands on the way of the call; what comes first is shown first."""

    BROWSER = 0
    TOKEN = 1
    NETWORK = 2
    HTTP = 3
    SIGNALING = 4
    UDP = 5
    TURN = 6
    NAT = 7
    ICE = 8
    DTLS = 9
    SDP = 10
    RTP = 11
    AUDIO = 12
    ANY = 13


Rule = Callable[[Facts], Iterator[Evidence | Seen]]
Effect = Callable[[Facts], Severity]
Advice = Callable[[Facts], str]
"""What is to be done on this very machine, after the remedy for all; empty where nothing more."""
Condition = Callable[[Facts, str], bool]
"""Of the facts, and of the cause that might be explained."""


@dataclass(frozen=True)
class Cause:
    """A row of the catalogue and the rule that finds it."""

    id: str
    layer: Layer
    title: str
    remedy: str
    reference: str
    guide: Guide | None
    breaks: tuple[str, ...]  # steps that cannot pass because of it: what makes it critical
    explains: tuple[str, ...]
    per_host: bool  # it explains only what happened with the same host
    acts: Actor
    effect: Effect | None  # what it does to the call, where `breaks` alone does not tell
    explains_if: Condition | None  # it explains only where this holds
    advice: Advice | None  # what the remedy is in detail, where that depends on what was seen
    compared_with: tuple[str, ...]  # operations that, where they work elsewhere, are its control
    alone: str  # what it may be as well, where there was no control
    rule: Rule


CAUSES: dict[str, Cause] = {}
"""The catalogue, by id, in the order of the way of the call."""


def cause(  # noqa: PLR0913 - one row of the catalogue, each field named where it is written
    cause_id: str,
    *,
    layer: Layer,
    title: str,
    remedy: str,
    breaks: tuple[str, ...],
    acts: Actor,
    reference: str = "",
    guide: Guide | None = None,
    explains: tuple[str, ...] = (),
    per_host: bool = False,
    effect: Effect | None = None,
    explains_if: Condition | None = None,
    advice: Advice | None = None,
    compared_with: tuple[str, ...] = (),
    alone: str = "it may be the server",
) -> Callable[[Rule], Rule]:
    """Enter a rule in the catalogue. Raises ValueError for an id that is taken."""

    def enter(rule: Rule) -> Rule:
        if cause_id in CAUSES:
            raise ValueError(f"cause {cause_id!r} is entered twice")
        CAUSES[cause_id] = Cause(
            cause_id,
            layer,
            title,
            remedy,
            reference,
            guide,
            breaks,
            explains,
            per_host,
            acts,
            effect,
            explains_if,
            advice,
            compared_with,
            alone,
            rule,
        )
        return rule

    return enter


class Judged(NamedTuple):
    """All that one cause's row says of a record."""

    evidence: list[Evidence]
    severity: Severity
    explains: frozenset[str]  # of what it can explain, what it does explain here


Limit = Callable[[Callable[[], Judged]], Judged]
"""Does what it is given, and raises TimeoutError where that does not end."""


def judge(record: Record, limit: Limit = lambda judging: judging()) -> tuple[Finding, ...]:
    """Name the causes that the record has evidence for: roots first, the worst first.

    What was asked several times is judged by how it ended; then once more by how it failed, and
    what is named then alone comes and goes. A rule that breaks takes no other with it:
    `rule-broken` says so. One that does not end is broken as well, where a `limit` ends it.
    """
    attempts = Attempts(record)
    facts = Facts(record, attempts.overcome)
    rules = _Rules(limit)
    present = rules.present(facts)
    cited = {evidence.step for judged in present.values() for evidence in judged.evidence}
    findings = rules.findings(facts, present, present)
    findings = [*_as_grave_as_explained(findings), *unexplained(record, cited)]
    if attempts:
        findings += _coming_and_going(rules, attempts, Facts(record, attempts.lucky), present)
    findings += [rules_broken(rules.broken)] if rules.broken else []
    return tuple(sorted(findings, key=rank))


def verdict(record: Record, findings: Iterable[Finding]) -> Verdict:
    """Say in one word how the run ended: the first that holds."""
    found = list(findings)
    severities = {finding.severity for finding in found}
    if Severity.CRITICAL in severities:
        return Verdict.FAILED
    if any(finding.id == RULE_BROKEN for finding in found):
        return Verdict.INCOMPLETE
    if any(step.status in (Status.ERROR, Status.CANCELLED) for step in record.steps):
        return Verdict.INCOMPLETE
    gateway = record.step("gateway")
    if gateway.status is Status.SKIPPED and gateway.reason != NOT_ASKED:
        return Verdict.INCOMPLETE  # nothing beyond it could be measured either
    return Verdict.DEGRADED if Severity.WARNING in severities else Verdict.HEALTHY


def root_causes(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Ids of the findings that no other explains and that matter, each once."""
    roots = (f.id for f in findings if not f.explained_by and f.severity is not Severity.INFO)
    return tuple(dict.fromkeys(roots))


class _Rules:
    """The rules of the catalogue; those that break are kept apart, with a step and the place."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self.broken: dict[str, tuple[str, str]] = {}

    def present(self, facts: Facts) -> dict[str, Judged]:
        """Return what the facts have evidence for."""
        tried = {
            row.id: self._tried(row, partial(self._limit, partial(_judged, row, facts)))
            for row in CAUSES.values()
        }
        return {
            cause_id: judged for cause_id, judged in tried.items() if judged and judged.evidence
        }

    def findings(
        self, facts: Facts, present: dict[str, Judged], named: Iterable[str]
    ) -> list[Finding]:
        """Return the findings of these names, among all that is present."""
        rows = [CAUSES[cause_id] for cause_id in named]
        tried = [self._tried(row, partial(_finding, row, facts, present)) for row in rows]
        return [finding for finding in tried if finding]

    def _tried(self, row: Cause, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except Exception as exc:  # noqa: BLE001 - our own bug: the other rules and the report go on
            self.broken[row.id] = (row.breaks[0], our_bug(exc))
            return None


def _judged(row: Cause, facts: Facts) -> Judged:
    """Apply a rule, with all that its row computes."""
    evidence = list(_evidence(row, facts))
    if not evidence:
        return Judged([], Severity.INFO, frozenset())
    broken = Severity.CRITICAL if facts.broken(*row.breaks) else Severity.WARNING
    holds = row.explains_if
    return Judged(
        evidence,
        row.effect(facts) if row.effect else broken,
        frozenset(other for other in row.explains if holds is None or holds(facts, other)),
    )


def _evidence(row: Cause, facts: Facts) -> Iterator[Evidence]:
    said: set[str] = set()
    left = {False: EVIDENCE_LIMIT, True: _CONTROLS_LIMIT}
    for item in islice(row.rule(facts), _LOOKED_AT):
        found = item.says(describe(item.observation)) if isinstance(item, Seen) else item
        if not any(left.values()):
            return
        if found.text not in said and left[found.control]:  # two tries of one thing are one proof
            said.add(found.text)
            left[found.control] -= 1
            yield msgspec.structs.replace(found, text=found.text[:_LONGEST_TEXT])


def _finding(row: Cause, facts: Facts, present: dict[str, Judged]) -> Finding:
    compared = _compared(row, facts, present[row.id].evidence)
    return Finding(
        id=row.id,
        severity=present[row.id].severity,
        title=row.title,
        summary=_summary(row, compared),
        evidence=compared,
        remedy=f"{row.remedy} {row.advice(facts) if row.advice else ''}".rstrip(),
        reference=row.reference,
        guide=row.guide,
        explained_by=tuple(_explaining(row, facts, present)),
    )


# --- the control ------------------------------------------------------------------------------


def _compared(row: Cause, facts: Facts, evidence: list[Evidence]) -> tuple[Evidence, ...]:
    """Add what it was compared with, where the customer's network is blamed; or that it was not."""
    if row.acts is not Actor.NETWORK or any(item.control for item in evidence):
        return tuple(evidence)
    control = control_of(facts, evidence, row.compared_with)
    return (*evidence, control or Evidence(step=evidence[0].step, text=_not_compared(row)))


def _not_compared(row: Cause) -> str:
    return f"Nothing was there to compare with: {row.alone}"


def _summary(row: Cause, evidence: tuple[Evidence, ...]) -> str:
    weaker = _not_compared(row)
    alone = evidence[-1].text == weaker
    return evidence[0].text + (f"; {weaker[0].lower()}{weaker[1:]}" if alone else "")


# --- what comes and goes ----------------------------------------------------------------------


def _coming_and_going(
    rules: _Rules, attempts: Attempts, facts: Facts, staying: dict[str, Judged]
) -> Iterator[Finding]:
    """Name what is named for attempts alone that others overcame: a warning at the most."""
    found, often = {}, {}
    for cause_id, judged in rules.present(facts).items():
        evidence = judged.evidence
        counted = attempts.how_often(_places(evidence))
        if counted is not None and cause_id not in staying:
            often[cause_id] = counted
            told = [*evidence, _overcome(attempts, evidence, counted)]
            found[cause_id] = judged._replace(evidence=told)
    for finding in rules.findings(facts, {**staying, **found}, found):
        first = found[finding.id].evidence[0].text
        grave = finding.severity is Severity.CRITICAL
        yield msgspec.structs.replace(
            finding,
            severity=Severity.WARNING if grave else finding.severity,
            summary=f"{first}; {_how_often(often[finding.id])}",
            flaky=often[finding.id],
        )


def _overcome(attempts: Attempts, evidence: list[Evidence], often: Flaky) -> Evidence:
    """Return the control of what comes and goes: the attempts that worked."""
    step, position = attempts.one_that_worked(_places(evidence))
    worked = f"{often.asked - often.failed} of {often.asked}"
    return compared(step, f"the same worked at {worked} attempts", position)


def _how_often(often: Flaky) -> str:
    return f"{often.failed} of {often.asked} attempts failed: it comes and goes"


def _places(evidence: Iterable[Evidence]) -> list[Place]:
    return [(e.step, e.observation) for e in evidence if e.observation is not None]


# --- what explains what -----------------------------------------------------------------------


def _as_grave_as_explained(findings: list[Finding]) -> Iterator[Finding]:
    """Raise what explains a critical finding to critical: the root is no milder than its effect."""
    grave = {
        cause_id for f in findings if f.severity is Severity.CRITICAL for cause_id in f.explained_by
    }
    for finding in findings:
        raised = finding.id in grave
        yield msgspec.structs.replace(finding, severity=Severity.CRITICAL) if raised else finding


def _explaining(row: Cause, facts: Facts, present: dict[str, Judged]) -> Iterator[str]:
    own = present[row.id].evidence
    for other_id, judged in present.items():
        if row.id not in judged.explains:
            continue
        if not CAUSES[other_id].per_host or _hosts(facts, judged.evidence) & _hosts(facts, own):
            yield other_id


def _hosts(facts: Facts, evidence: Iterable[Evidence]) -> set[str]:
    return {
        endpoint_host(facts.step(e.step).observations[e.observation].endpoint)
        for e in evidence
        if e.observation is not None
    }


def rank(finding: Finding) -> tuple[bool, int, int]:
    """Sort findings by this: roots first, the worst first, then as they stand on the way."""
    layer = CAUSES[finding.id].layer if finding.id in CAUSES else Layer.ANY
    return (bool(finding.explained_by), list(Severity).index(finding.severity), layer)
