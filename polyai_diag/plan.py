"""The table of steps: what each needs, what it comes after, its limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyai_diag.model import BROWSER, STEP_NAMES, InputError
from polyai_diag.steps.audio import audio
from polyai_diag.steps.call import call
from polyai_diag.steps.gateway import gateway
from polyai_diag.steps.nat import nat
from polyai_diag.steps.opus import opus
from polyai_diag.steps.signaling import signaling
from polyai_diag.steps.stun import stun
from polyai_diag.steps.token import token
from polyai_diag.steps.turn import turn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from polyai_diag.steps.walk import Check


class PlanError(InputError):
    """No such step or complaint; the text is one line and says what is accepted."""


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
    Step("token", token, "Token", 2),
    Step("gateway", gateway, "Reaching the gateway", 20, after=("token",)),
    Step(
        "signaling", signaling, "Offer and answer", 25,
        needs=("gateway",), after=("stun", "turn"), places_call=True,
    ),
    Step("stun", stun, "STUN over UDP", 8, after=("gateway",)),
    Step("turn", turn, "TURN, every transport", 15, after=("gateway",)),
    Step("nat", nat, "Address translation", 25, after=("stun",)),
    Step("opus", opus, "Opus negotiation", 3, needs=("signaling",), places_call=True),
    Step("call", call, "ICE, DTLS, RTP", 22, needs=("opus",), places_call=True),
    Step("audio", audio, "Sound there and back", 50, needs=("call",), places_call=True),
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
