"""The causes engine: facts in, findings out.

A cause is one decorated generator over the facts, beside its row of text. It yields its
evidence; a cause without evidence is not named. Judging reads the record alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec

from polyai_diag.failures import Failure
from polyai_diag.model import (
    NOT_ASKED,
    Actor,
    Evidence,
    Finding,
    Guide,
    Observation,
    Record,
    Severity,
    Status,
    StepResult,
    Verdict,
)

_EVIDENCE_LIMIT = 12


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


class Seen(NamedTuple):
    """An observation and where it stands in the record."""

    step: str
    position: int
    observation: Observation

    def says(self, text: str) -> Evidence:
        """Make it evidence, in words."""
        return Evidence(step=self.step, observation=self.position, text=text)

    def note(self, key: str) -> Any:
        """Return one of its notes, None where it has no such note."""
        return self.observation.notes.get(key)

    @property
    def host(self) -> str:
        """The host that its endpoint names."""
        return endpoint_host(self.observation.endpoint)


class Facts:
    """What the rules may look at: a record, and questions about it."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.judged_at = datetime.fromisoformat(record.started)
        self._seen = [
            Seen(step.name, position, observation)
            for step in record.steps
            for position, observation in enumerate(step.observations)
        ]

    def step(self, name: str) -> StepResult:
        """Return one step."""
        return self.record.step(name)

    def seen(
        self,
        *operations: str,
        step: str | None = None,
        endpoint: str | None = None,
        **notes: Any,
    ) -> Iterator[Seen]:
        """Observations of these operations whose notes hold what is given."""
        for seen in self._seen:
            if endpoint not in (None, seen.observation.endpoint):
                continue
            if seen.observation.operation not in operations or step not in (None, seen.step):
                continue
            if all(seen.observation.notes.get(key) == value for key, value in notes.items()):
                yield seen

    def failed(
        self,
        *operations: str,
        failures: Iterable[Failure] | None = None,
        step: str | None = None,
        **notes: Any,
    ) -> Iterator[Seen]:
        """Those of them that failed, in one of these ways or in any."""
        wanted = None if failures is None else frozenset(failures)
        for seen in self.seen(*operations, step=step, **notes):
            failure = seen.observation.failure
            if failure not in (None, Failure.INTERRUPTED) and (wanted is None or failure in wanted):
                yield seen

    def succeeded(self, *operations: str, step: str | None = None, **notes: Any) -> Iterator[Seen]:
        """Those of them that did not fail."""
        seen = self.seen(*operations, step=step, **notes)
        return (s for s in seen if s.observation.failure is None)

    def broken(self, *steps: str) -> bool:
        """Whether one of these steps failed. One that was not reached proves nothing."""
        return any(s.status is Status.FAILED for s in self.record.steps if s.name in steps)


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
            rule,
        )
        return rule

    return enter


def judge(record: Record) -> tuple[Finding, ...]:
    """Name the causes that the record has evidence for: roots first, the worst first."""
    facts = Facts(record)
    evidence = {c.id: list(_evidence(c, facts)) for c in CAUSES.values()}
    present = {cause_id: found for cause_id, found in evidence.items() if found}
    findings = [_finding(CAUSES[cause_id], facts, present) for cause_id in present]
    findings = [*_as_grave_as_explained(findings), *_unexplained(facts, present)]
    return tuple(sorted(findings, key=_rank))


def verdict(record: Record, findings: Iterable[Finding]) -> Verdict:
    """Say in one word how the run ended: the first that holds."""
    severities = {finding.severity for finding in findings}
    if Severity.CRITICAL in severities:
        return Verdict.FAILED
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


def endpoint_host(endpoint: str) -> str:
    """Return the host of `scheme:host:port?…`, `scheme://host:port/…` or `host:port`."""
    rest = endpoint.split("://", 1)[-1]
    for scheme in ("stun:", "stuns:", "turn:", "turns:"):
        rest = rest.removeprefix(scheme)
    rest = rest.split("/", 1)[0].split("?", 1)[0]
    if rest.startswith("["):
        return rest[1:].split("]", 1)[0].lower()
    host = rest.rsplit(":", 1)[0] if rest.count(":") == 1 else rest
    return host.lower()


def describe(observation: Observation) -> str:
    """One line for an observation: what, with whom, how it ended, after how long."""
    ending = observation.failure or "ok"
    detail = observation.notes.get("detail")
    said = f" ({detail})" if detail else ""
    duration = observation.duration_ms
    took = f"{duration:.0f} ms" if duration >= 10 else f"{duration:.1f} ms"
    after = f" after {took}" if duration else ""  # what a log tells may have no times
    return f"{observation.operation} {observation.endpoint}: {ending}{said}{after}"


def _evidence(row: Cause, facts: Facts) -> Iterator[Evidence]:
    said: set[str] = set()
    for item in row.rule(facts):
        found = item.says(describe(item.observation)) if isinstance(item, Seen) else item
        if len(said) == _EVIDENCE_LIMIT:
            return
        if found.text not in said:  # two tries of one thing are one proof
            said.add(found.text)
            yield found


def _finding(row: Cause, facts: Facts, present: dict[str, list[Evidence]]) -> Finding:
    broken = Severity.CRITICAL if facts.broken(*row.breaks) else Severity.WARNING
    return Finding(
        id=row.id,
        severity=row.effect(facts) if row.effect else broken,
        title=row.title,
        summary=present[row.id][0].text,
        evidence=tuple(present[row.id]),
        remedy=f"{row.remedy} {row.advice(facts) if row.advice else ''}".rstrip(),
        reference=row.reference,
        guide=row.guide,
        explained_by=tuple(_explaining(row, facts, present)),
    )


def _as_grave_as_explained(findings: list[Finding]) -> Iterator[Finding]:
    """Raise what explains a critical finding to critical: the root is no milder than its effect."""
    grave = {
        cause_id for f in findings if f.severity is Severity.CRITICAL for cause_id in f.explained_by
    }
    for finding in findings:
        raised = finding.id in grave
        yield msgspec.structs.replace(finding, severity=Severity.CRITICAL) if raised else finding


def _explaining(row: Cause, facts: Facts, present: dict[str, list[Evidence]]) -> Iterator[str]:
    for other_id, evidence in present.items():
        other = CAUSES[other_id]
        if row.id not in other.explains or not (other.explains_if or _always)(facts, row.id):
            continue
        if not other.per_host or _hosts(facts, evidence) & _hosts(facts, present[row.id]):
            yield other_id


def _always(_facts: Facts, _explained: str) -> bool:
    return True


def _hosts(facts: Facts, evidence: Iterable[Evidence]) -> set[str]:
    return {
        endpoint_host(facts.step(e.step).observations[e.observation].endpoint)
        for e in evidence
        if e.observation is not None
    }


def _unexplained(facts: Facts, present: dict[str, list[Evidence]]) -> Iterator[Finding]:
    cited = {e.step for evidence in present.values() for e in evidence}
    orphans = [
        step
        for step in facts.record.steps
        if step.status is Status.FAILED and step.name not in cited
    ]
    if not orphans:
        return
    evidence = tuple(e for step in orphans for e in _failures_of(step))[:_EVIDENCE_LIMIT]
    names = ", ".join(step.name for step in orphans)
    yield Finding(
        id="unexplained",
        severity=Severity.CRITICAL,
        title=f"Something failed that no known cause accounts for ({names})",
        summary=evidence[0].text,
        evidence=evidence,
        remedy="Send this report to PolyAI: it shows what was seen, and a rule is missing for it.",
    )


def _failures_of(step: StepResult) -> Iterator[Evidence]:
    failing = [(i, o) for i, o in enumerate(step.observations) if o.failure]
    # What was only tried is not what the step failed for.
    failing = [(i, o) for i, o in failing if o.notes.get("configured") is not False] or failing
    for index, observation in failing:
        yield Evidence(step=step.name, observation=index, text=describe(observation))
    if not failing:
        yield Evidence(step=step.name, text=f"{step.name}: {step.reason or 'failed'}")


def _rank(finding: Finding) -> tuple[bool, int, int]:
    layer = CAUSES[finding.id].layer if finding.id in CAUSES else Layer.ANY
    return (bool(finding.explained_by), list(Severity).index(finding.severity), layer)
