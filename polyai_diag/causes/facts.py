"""The facts that rules look at: what a record holds, and questions about it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from polyai_diag.failures import Failure
from polyai_diag.model import Evidence, Observation, Record, Status, StepResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from polyai_diag.causes.attempts import Place

EVIDENCE_LIMIT = 12  # pieces that one finding shows


class Seen(NamedTuple):
    """An observation and where it stands in the record."""

    step: str
    position: int
    observation: Observation

    def says(self, text: str) -> Evidence:
        """Make it evidence, in words."""
        return Evidence(step=self.step, observation=self.position, text=text)

    def compares(self, text: str) -> Evidence:
        """Make it the control: what works, or is so elsewhere, in words."""
        return compared(self.step, text, self.position)

    def note(self, key: str) -> Any:
        """Return one of its notes, None where it has no such note."""
        return self.observation.notes.get(key)

    @property
    def host(self) -> str:
        """The host that its endpoint names."""
        return endpoint_host(self.observation.endpoint)


def compared(step: str, text: str, observation: int | None = None) -> Evidence:
    """Make a control: what works, or is so elsewhere, in words."""
    return Evidence(step=step, observation=observation, text=f"Control: {text}", control=True)


class Facts:
    """What the rules may look at: a record, what of it is left out, and questions about it."""

    def __init__(self, record: Record, without: AbstractSet[Place] = frozenset()) -> None:
        self.record = record
        self.judged_at = datetime.fromisoformat(record.started)
        self._seen = [
            Seen(step.name, position, observation)
            for step in record.steps
            for position, observation in enumerate(step.observations)
            if (step.name, position) not in without
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

    def cited(self, evidence: Evidence) -> Seen | None:
        """Return the observation that evidence names, None where it names none."""
        if evidence.observation is None:
            return None
        observation = self.step(evidence.step).observations[evidence.observation]
        return Seen(evidence.step, evidence.observation, observation)

    def broken(self, *steps: str) -> bool:
        """Whether one of these steps failed. One that was not reached proves nothing."""
        return any(s.status is Status.FAILED for s in self.record.steps if s.name in steps)


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
