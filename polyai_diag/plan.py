"""The table of steps: what each needs, what it comes after, its limit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING

from polyai_diag.model import BROWSER, STEP_NAMES, InputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from polyai_diag.probes.trace import Trace
    from polyai_diag.steps.walk import Check, Walk


class PlanError(InputError):
    """No such step or complaint; the text is one line and says what is accepted."""


class Late:
    """A step of `steps/` that is imported late: aiortc and scipy come with some of them."""

    def __init__(self, name: str) -> None:
        self._name = name

    def load(self) -> Check:
        """Import it."""
        step: Check = getattr(import_module(f"polyai_diag.steps.{self._name}"), self._name)
        return step

    def __call__(self, walk: Walk, trace: Trace) -> Awaitable[None]:
        """Do what the step does."""
        return self.load()(walk, trace)


@dataclass(frozen=True)
class Step:
    """One row: a step, and its place among the others."""

    name: str
    check: Check
    title: str
    limit_s: float
    needs: tuple[str, ...] = ()  # must have passed; the step is skipped without it
    after: tuple[str, ...] = ()  # order only
    places_call: bool = False


PLAN: tuple[Step, ...] = (
    Step("token", Late("token"), "Token", 2),
    Step("gateway", Late("gateway"), "Reaching the gateway", 20, after=("token",)),
    Step(
        "signaling", Late("signaling"), "Offer and answer", 25,
        needs=("gateway",), after=("stun", "turn"), places_call=True,
    ),
    Step("stun", Late("stun"), "STUN over UDP", 8, after=("gateway",)),
    Step("turn", Late("turn"), "TURN, every transport", 15, after=("gateway",)),
    Step("nat", Late("nat"), "Address translation", 25, after=("stun",)),
    Step("opus", Late("opus"), "Opus negotiation", 3, needs=("signaling",), places_call=True),
    Step("call", Late("call"), "ICE, DTLS, RTP", 22, needs=("opus",), places_call=True),
    Step("audio", Late("audio"), "Sound there and back", 50, needs=("call",), places_call=True),
)  # fmt: skip

TITLES = {**{step.name: step.title for step in PLAN}, BROWSER: "The browser"}
"""What each step is called where people read."""

NEEDS = {step.name: step.needs for step in PLAN}
"""What each step is skipped without."""

COMPLAINTS: dict[str, tuple[str, ...]] = {
    "unauthorized": ("token", "gateway", "signaling"),
    "no-audio": ("token", "gateway", "signaling", "opus", "call", "audio"),
    "ice": ("token", "gateway", "stun", "turn", "nat", "signaling", "opus", "call"),
}
"""What each of the guide's three complaints asks for."""


ALL_REGIONS_STEPS = ("token", "gateway")
"""What is asked of every region: nothing that places a call."""


def chosen(names: Iterable[str] | None, *, place_call: bool = True) -> tuple[Step, ...]:
    """Return the rows to run: those named and what they need; all of them for None.

    Raises PlanError for a name that is no step.
    """
    rows = {step.name: step for step in PLAN}
    wanted = set(STEP_NAMES if names is None else names)
    unknown = sorted(wanted - set(rows))
    if unknown:
        raise PlanError(f"no step is called {unknown[0]!r}; accepted: {', '.join(STEP_NAMES)}")
    for step in reversed(PLAN):
        if step.name in wanted:
            wanted |= set(step.needs)
    return tuple(s for s in PLAN if s.name in wanted and (place_call or not s.places_call))


def complaint_steps(complaint: str) -> tuple[str, ...]:
    """Return the steps that a complaint asks for. Raises PlanError."""
    if complaint not in COMPLAINTS:
        accepted = ", ".join(COMPLAINTS)
        raise PlanError(f"no complaint is called {complaint!r}; accepted: {accepted}")
    return COMPLAINTS[complaint]


def loaded(plan: Iterable[Step]) -> tuple[Step, ...]:
    """Return the rows with their steps imported: while a run measures, nothing may hold it up."""
    return tuple(
        replace(row, check=row.check.load()) if isinstance(row.check, Late) else row for row in plan
    )
