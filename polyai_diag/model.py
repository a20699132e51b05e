"""The words of the house: what a run saw, and what follows from that.

Plain data without behaviour that could fail. What goes into a report is a `msgspec.Struct`,
so that the JSON, its schema and the reading back are one definition.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from polyai_diag.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

SCHEMA_VERSION = 1
STEP_NAMES = ("token", "gateway", "signaling", "stun", "turn", "nat", "opus", "call", "audio")
BROWSER = "browser"
"""The name of the optional tenth step: what a browser's own check has seen."""

Json = Any
"""A value that JSON can hold: str, int, float, bool, None, list or dict of such."""


class InputError(ValueError):
    """What the user gave cannot be used; the text is one line and says what is accepted."""


# --- what was seen ----------------------------------------------------------------------------


class Status(StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "failed"  # the network's answer, on any endpoint
    SKIPPED = "skipped"  # with the reason
    ERROR = "error"  # our own bug
    CANCELLED = "cancelled"


NOT_ASKED = "not asked for"
"""The reason of a step that the user left out; any other reason for a skip follows from the run."""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange: what was done, with whom, how long it took and how it failed."""

    operation: str
    endpoint: str
    started_ms: float  # since the run started
    duration_ms: float
    failure: Failure | None = None
    notes: dict[str, Json] = {}


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one step did and saw."""

    name: str
    status: Status
    reason: str = ""
    started_ms: float = 0.0
    duration_ms: float = 0.0
    data: dict[str, Json] = {}
    observations: tuple[Observation, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return one row per observation. Raises ImportError without pandas (extra `lab`)."""
        return frame_of((self,))


def frame_of(steps: Iterable[StepResult]) -> pd.DataFrame:
    """Return one row per observation of these steps: step, operation, endpoint, times, failure."""
    import pandas as pd  # noqa: PLC0415 - heavy, and only needed here

    rows = [
        {"step": step.name, **msgspec.to_builtins(observation)}
        for step in steps
        for observation in step.observations
    ]
    return pd.DataFrame(rows, columns=["step", *Observation.__struct_fields__])


class CallIds(msgspec.Struct, frozen=True, kw_only=True):
    """What PolyAI's side can search for."""

    call_sid: str
    session_id: str | None = None
    region: str | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What a run saw, with its time and machine; judged again, it gives the same verdict."""

    schema_version: int = SCHEMA_VERSION
    tool: str
    started: str  # RFC 3339, UTC
    duration_ms: float
    steps: tuple[StepResult, ...]  # all of STEP_NAMES, in order; BROWSER may follow
    call: CallIds
    target: dict[str, Json]
    environment: dict[str, Json]

    def step(self, name: str) -> StepResult:
        """Return the step of that name; raises KeyError."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)


# --- what it means ----------------------------------------------------------------------------


class Severity(StrEnum):
    """How much a finding matters to the call."""

    CRITICAL = "critical"  # the call cannot be made or used as configured
    WARNING = "warning"  # it works all the same
    INFO = "info"  # it only explains


class Verdict(StrEnum):
    """The answer in one word."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"  # warnings only
    FAILED = "failed"
    INCOMPLETE = "incomplete"


class Guide(StrEnum):
    """The section of the troubleshooting guide that a finding belongs to."""

    UNAUTHORIZED = "unauthorized"
    NO_AUDIO = "no-audio"
    ICE = "ice"


class Actor(StrEnum):
    """Who has to act on a cause."""

    CUSTOMER = "customer"
    NETWORK = "network"  # the team that runs the customer's network
    GATEWAY = "gateway"  # PolyAI's gateway team


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a finding rests on: an observation of a step, by its index, and what it says."""

    step: str
    observation: int | None = None
    text: str
    control: bool = False  # what it was compared with


class Flaky(msgspec.Struct, frozen=True, kw_only=True):
    """How often something failed that comes and goes."""

    failed: int
    asked: int


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A root cause that has evidence."""

    id: str
    severity: Severity
    title: str
    summary: str
    evidence: tuple[Evidence, ...]
    remedy: str
    reference: str = ""
    guide: Guide | None = None
    explained_by: tuple[str, ...] = ()
    flaky: Flaky | None = None  # None: it stays


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """A fault in something pasted: where it stands, what is wrong, which cause it points to."""

    path: str
    message: str
    severity: Severity = Severity.WARNING
    cause: str | None = None


# --- live events ------------------------------------------------------------------------------


@dataclass(frozen=True)
class StepStarted:
    """A step began."""

    name: str


@dataclass(frozen=True)
class Progress:
    """What a step is doing now, in words; `fraction` of the step done, where it is known."""

    name: str
    text: str
    fraction: float | None = None


@dataclass(frozen=True)
class Observed:
    """A step has seen something."""

    name: str
    observation: Observation


@dataclass(frozen=True)
class StepFinished:
    """A step ended, by itself or cut off."""

    result: StepResult


Event = StepStarted | Progress | Observed | StepFinished
