"""How far a run has come, and how long it will take: told by events, asked by whoever draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from polyai_diag.model import Event, Observed, Progress, StepFinished, StepResult, StepStarted
from polyai_diag.report.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from polyai_diag.plan import Step

_USUAL_S = {
    "gateway": 0.4, "stun": 1.1, "turn": 1.8, "nat": 0.3, "signaling": 0.2, "call": 1.3,
    "audio": 9.4,
}  # fmt: skip
_USUAL_THOROUGH_S = _USUAL_S | {"stun": 2.5, "turn": 3.6, "nat": 12.0, "audio": 30.5}
_LEAST_S = 0.05  # of a step that takes no time to speak of
_SLOW_TIMES, _SLOW_BY_S = 2.0, 1.0  # what is slow: so many times the usual, and so much more
_ALMOST = 99  # percent: the end alone is the end


class Moment(NamedTuple):
    """What is to be shown of a run that goes on."""

    percent: int
    doing: str
    aside: str  # 5.4 of about 12 s
    slow: str  # what a slow step waits for, and how long at most; mostly empty
    finished: Mapping[str, StepResult]
    running: Mapping[str, str]  # step: for how long


class Course:
    """One run as it is watched. Times are seconds of any one clock."""

    def __init__(
        self, plan: Sequence[Step], now_s: float, *, thorough: bool = False, hold_s: float = 0
    ) -> None:
        self._plan = plan
        self._usual_s = _usual_steps_s(plan, thorough=thorough, hold_s=hold_s)
        self._hold_s = hold_s
        self._began_s = now_s
        self._running: dict[str, _Running] = {}
        self._finished: dict[str, StepResult] = {}
        self._percent = 0

    def take(self, event: Event, now_s: float) -> None:
        """Take what happens; a step that was cut off may end without having begun."""
        match event:
            case StepStarted(name):
                self._running[name] = _Running(now_s)
            case Progress(name, text, fraction):
                running = self._running.setdefault(name, _Running(now_s))
                self._running[name] = running.told(text, fraction, now_s)
            case StepFinished(result):
                self._running.pop(result.name, None)
                self._finished[result.name] = result
            case Observed():
                pass

    def at(self, now_s: float) -> Moment:
        """Return what is to be shown now. The percentage never goes back, and never is 100."""
        elapsed_s = now_s - self._began_s
        whole_s = elapsed_s + self.left_s(now_s)
        share = elapsed_s / whole_s if whole_s > 0 else 0
        self._percent = max(self._percent, min(int(100 * share), _ALMOST))
        aside = f"{elapsed_s:.1f} of about {max(math.ceil(whole_s - 0.5), 1)} s"
        return Moment(
            self._percent,
            self._doing(),
            aside,
            self._slow(now_s),
            dict(self._finished),
            {name: f"{now_s - run.began_s:.1f} s" for name, run in self._running.items()},
        )

    def left_s(self, now_s: float) -> float:
        """Return how long the longest way through the steps that are left takes."""
        by_name = {step.name: step for step in self._plan}
        ends_s: dict[str, float] = {}

        def end_s(name: str) -> float:
            if name not in by_name or name in self._finished:
                return 0
            if name not in ends_s:
                step = by_name[name]
                begins_s = max(map(end_s, (*step.after, *step.needs)), default=0)
                ends_s[name] = begins_s + self._step_left_s(name, now_s)
            return ends_s[name]

        return max(map(end_s, by_name), default=0)

    def _step_left_s(self, name: str, now_s: float) -> float:
        running = self._running.get(name)
        return running.left_s(self._usual_s[name], now_s) if running else self._usual_s[name]

    def _doing(self) -> str:
        running = [step for step in self._plan if step.name in self._running]
        said = [self._running[step.name].text or step.title for step in running]
        return "; ".join(said) or "Working…"

    def _slow(self, now_s: float) -> str:
        for step in self._plan:
            running = self._running.get(step.name)
            if running is None:
                continue
            usual_s, for_s = self._usual_s[step.name], now_s - running.began_s
            if for_s > usual_s * _SLOW_TIMES + _SLOW_BY_S:
                limit_s = step.limit_s + (self._hold_s if step.name == "audio" else 0)
                waits = running.text or "No word from it yet"
                return (
                    f"{step.title} is slow: {for_s:.0f} s, usually {max(usual_s, 1):.0f} s. "
                    f"{waits}. It is given up after {limit_s:.0f} s at most."
                )
        return ""


class _Running(NamedTuple):
    """A step under way: since when, what it said last, how much of it was done then."""

    began_s: float
    text: str = ""
    fraction: float | None = None
    told_s: float = 0.0

    def told(self, text: str, fraction: float | None, now_s: float) -> _Running:
        return self._replace(text=plain(text, 160), fraction=fraction, told_s=now_s)

    def left_s(self, usual_s: float, now_s: float) -> float:
        """Return how long it will take still; a step that overruns is about to end, at any time."""
        if self.fraction is None:
            left_s = usual_s - (now_s - self.began_s)
        else:
            left_s = usual_s * (1 - self.fraction) - (now_s - self.told_s)
        return max(left_s, min(0.1 * usual_s, 1.0))


def _usual_steps_s(plan: Sequence[Step], *, thorough: bool, hold_s: float) -> dict[str, float]:
    """Return how long each step takes where the call works."""
    table = _USUAL_THOROUGH_S if thorough else _USUAL_S
    usual_s = {step.name: table.get(step.name, _LEAST_S) for step in plan}
    if "audio" in usual_s:
        usual_s["audio"] += hold_s
    return usual_s


def usual_s(plan: Sequence[Step], *, thorough: bool = False, hold_s: float = 0) -> float:
    """Return how long all of it takes where the call works."""
    return Course(plan, 0, thorough=thorough, hold_s=hold_s).left_s(0)
