"""Keep what one step sees: every exchange timed, classified and kept, none of it raised."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from polyai_diag.failures import Failure, classify
from polyai_diag.model import Event, Json, Observation, Observed, Progress, Status, StepResult
from polyai_diag.probes.bounds import Room, bounded, cut
from polyai_diag.redact import Redactor

if TYPE_CHECKING:
    from types import TracebackType

MAX_OBSERVATIONS = 500
MAX_PROGRESS = 500
MAX_NOTES = 2_000_000  # characters of all observations, some hundred times the usual
MAX_DATA = 4_000_000

Known = Mapping[type[Exception], Callable[[Any], Failure]]
"""Exceptions of a wrapped library, by their base class, and how each is classified."""


class Seen:
    """One exchange while it goes on; as a context manager it swallows the network's failures.

    `OSError`, `TimeoutError` and what `known` names become the observation's failure. Anything
    else is our own bug, and passes.
    """

    def __init__(self, trace: Trace, operation: str, endpoint: str, known: Known) -> None:
        self._trace = trace
        self._operation = operation
        self._endpoint = endpoint
        self._known = known
        self._started_s = time.monotonic()
        self.notes: dict[str, Json] = {}
        self.failure: Failure | None = None

    @property
    def took_s(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self._started_s

    @property
    def ok(self) -> bool:
        """Whether it has not failed so far."""
        return self.failure is None

    def note(self, **notes: Json) -> None:
        """Keep what was learnt."""
        self.notes.update(notes)

    def fail(self, failure: Failure, detail: str = "", **notes: Json) -> None:
        """Say that it failed without an exception; `detail` in words, for people."""
        self.failure = failure
        self.note(**notes)
        if detail:
            self.note(detail=detail)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> bool:
        swallowed = exc is None or self._place(exc)
        self._trace.keep(self._operation, self._endpoint, self._started_s, self.failure, self.notes)
        return swallowed and exc is not None

    def _place(self, exc: BaseException) -> bool:
        for base, classifier in self._known.items():
            if isinstance(exc, base):
                self.fail(classifier(exc), _words(exc))
                return True
        if isinstance(exc, OSError):
            self.fail(classify(exc), _words(exc))
            return True
        self.failure = self.failure or Failure.INTERRUPTED
        return False


class Trace:
    """What one step did and saw, as it goes; `result()` is whole at any moment.

    Times are `time.monotonic()` seconds; `run_started_s` is the run's zero.
    """

    def __init__(
        self,
        step: str,
        *,
        run_started_s: float | None = None,
        redactor: Redactor | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self.step = step
        self.data: dict[str, Json] = {}
        self.observations: list[Observation] = []
        self.dropped = 0  # observations that a flood of them has cost
        self._room = Room(MAX_NOTES)
        self._progressed = 0
        self._status = Status.PASSED
        self._reason = ""
        self._started_s = time.monotonic()
        self._run_started_s = self._started_s if run_started_s is None else run_started_s
        self._redactor = redactor or Redactor()
        self._on_event = on_event
        self._whole: Trace | None = None
        self.on_ready: Callable[[], None] = lambda: None

    def observe(
        self, operation: str, endpoint: str, *, known: Known | None = None, **notes: Json
    ) -> Seen:
        """Open an observation: `with trace.observe("tcp_connect", "host:443") as seen: …`."""
        seen = Seen(self, operation, endpoint, known or {})
        seen.note(**notes)
        return seen

    def part(self) -> Trace:
        """Return a trace of its own end and data, whose observations are kept here too."""
        part = Trace(
            self.step,
            run_started_s=self._run_started_s,
            redactor=self._redactor,
        )
        part._whole = self
        return part

    def ready(self) -> None:
        """Say that what needs this step may begin; the rest of the step goes on beside it."""
        self.on_ready()

    def progress(self, text: str, fraction: float | None = None) -> None:
        """Say what goes on now, in words. A flood of them is cut."""
        self._progressed += 1
        if self._progressed <= MAX_PROGRESS:
            self._emit(Progress(self.step, self._shown(text), fraction))

    def fail(self, reason: str) -> None:
        """Let the step fail: the network's answer was no. The first reason is kept."""
        if self._status is Status.PASSED:
            self.end(Status.FAILED, reason)

    def end(self, status: Status, reason: str) -> None:
        """Set how the step ended."""
        self._status, self._reason = status, reason

    def keep(
        self,
        operation: str,
        endpoint: str,
        started_s: float,
        failure: Failure | None,
        notes: Mapping[str, Json],
    ) -> None:
        """Keep one exchange that ends now."""
        if self._room.left <= 0 or len(self.observations) >= MAX_OBSERVATIONS:
            self.drop()
            return
        self.take(
            Observation(
                operation=operation,
                endpoint=self._shown(endpoint),
                started_ms=self._since_run(started_s),
                duration_ms=round((time.monotonic() - started_s) * 1000, 3),
                failure=failure,
                notes=self._kept(notes, self._room),
            )
        )

    def keep_failure(self, operation: str, endpoint: str, exc: OSError, **notes: Json) -> None:
        """Keep an exchange that could not even begin."""
        with self.observe(operation, endpoint, **notes):
            raise exc

    def take(self, observation: Observation) -> None:
        """Keep an observation as it is. A flood of them is cut and counted."""
        if len(self.observations) >= MAX_OBSERVATIONS:
            self.drop()
            return
        self.observations.append(observation)
        self._emit(Observed(self.step, observation))
        if self._whole is not None:
            self._whole.take(observation)

    def drop(self) -> None:
        """Count an observation that is not kept."""
        self.dropped += 1
        if self._whole is not None:
            self._whole.drop()

    def result(self) -> StepResult:
        """Return what there is."""
        if self.dropped:
            self.data["observations_dropped"] = self.dropped
        return StepResult(
            name=self.step,
            status=self._status,
            reason=self._shown(self._reason),
            started_ms=self._since_run(self._started_s),
            duration_ms=round((time.monotonic() - self._started_s) * 1000, 3),
            data=self._kept(self.data, Room(MAX_DATA)),
            observations=tuple(self.observations),
        )

    def _shown(self, text: str) -> str:
        """Return the text fit to be shown: redacted first, or the cut might halve a secret."""
        return cut(self._redactor.text(text))

    def _kept(self, values: Mapping[str, Json], room: Room) -> dict[str, Json]:
        """Return what is kept of these: as much as there is room for, redacted, then cut."""
        kept: dict[str, Json] = bounded(self._redactor.data(room.takes(dict(values))))
        return kept

    def _since_run(self, moment_s: float) -> float:
        return round((moment_s - self._run_started_s) * 1000, 3)

    def _emit(self, event: Event) -> None:
        if self._on_event is not None:
            self._on_event(event)


def _words(exc: BaseException) -> str:
    """Say what an exception says, for people: without numbers of errors or lines of C."""
    match exc:
        case TimeoutError():
            return ""
        case ssl.SSLCertVerificationError():
            return exc.verify_message
        case ssl.SSLError():
            return str(exc.reason or exc.strerror or exc).replace("_", " ").lower()
        case socket.gaierror():
            return exc.strerror or str(exc)
        case OSError(errno=int(number)):
            return os.strerror(number)
    cause = f": {exc.__cause__}" if str(exc.__cause__ or "") else ""
    return f"{exc}{cause}"
