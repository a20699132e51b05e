"""The way of the call: the stops from the token to the sound, and how far it came."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from polyai_diag.analysis.loose import number, rows, table
from polyai_diag.model import NOT_ASKED, Status, StepResult
from polyai_diag.report.text import milliseconds, plain

STAGES = ("DNS", "Proxy", "TCP", "TLS", "WebSocket")
"""The gateway's stages as its step names them; a proxy stands there only where one is used."""


class Mark(NamedTuple):
    """How a state is shown: never by its colour alone."""

    tone: str  # ok, warn, bad, run, off: the colour
    glyph: str
    word: str


OK = Mark("ok", "✓", "works")
PARTLY = Mark("warn", "!", "partly")
FAILS = Mark("bad", "✕", "fails")
BUG = Mark("bad", "⚠", "tool error")
RUNNING = Mark("run", "…", "running")
WAITING = Mark("off", "–", "waiting")
LEFT_OUT = Mark("off", "–", "not asked for")
SKIPPED = Mark("off", "–", "not reached")
STOPPED = Mark("warn", "■", "stopped")
UNUSED = Mark("off", "–", "not used")

MARKS = {
    Status.PASSED: OK,
    Status.FAILED: FAILS,
    Status.SKIPPED: SKIPPED,
    Status.ERROR: BUG,
    Status.CANCELLED: STOPPED,
}


class Stop(NamedTuple):
    """One stop on the way of the call."""

    name: str
    mark: Mark
    detail: str  # a time, or a few words
    here: bool = False  # whether the way breaks here


Steps = Mapping[str, StepResult]


def way(steps: Steps, running: Mapping[str, str] = MappingProxyType({})) -> list[Stop]:
    """Return all stops; `running` names the steps under way, each with what is said of it.

    A step that is in neither is waiting. The first stop that fails is where the way breaks.
    """
    stops = [
        _simple("Token", "token", steps),
        *_stages(steps),
        _simple("Answer", "signaling", steps),
        _stun(steps),
        _turn(steps),
        *_call(steps),
        _simple("Audio", "audio", steps),
    ]
    live = [_running(stop, running) for stop in stops]
    broken = next((i for i, stop in enumerate(live) if stop.mark in (FAILS, BUG)), None)
    return [stop._replace(here=i == broken) for i, stop in enumerate(live)]


_STEP_OF = {
    "Token": "token",
    **dict.fromkeys(STAGES, "gateway"),
    "Answer": "signaling",
    "STUN": "stun",
    "TURN": "turn",
    "ICE": "call",
    "DTLS": "call",
    "Audio": "audio",
}


def _running(stop: Stop, running: Mapping[str, str]) -> Stop:
    said = running.get(_STEP_OF[stop.name])
    begun = stop.mark is WAITING and said is not None
    return Stop(stop.name, RUNNING, said or RUNNING.word) if begun else stop


def mark_of(step: StepResult | None) -> Mark:
    """Return how a step's end is shown."""
    if step is None:
        return WAITING
    if step.status is Status.SKIPPED and step.reason == NOT_ASKED:
        return LEFT_OUT
    if step.status is Status.CANCELLED and not (step.duration_ms or step.observations):
        return SKIPPED  # the run was stopped before it began
    return MARKS[step.status]


def _simple(name: str, step_name: str, steps: Steps) -> Stop:
    step = steps.get(step_name)
    mark = mark_of(step)
    ran = step is not None and mark is OK
    return Stop(name, mark, milliseconds(step.duration_ms) if step and ran else mark.word)


def _stages(steps: Steps) -> list[Stop]:
    gateway = steps.get("gateway")
    regions = rows(gateway.data.get("regions")) if gateway else []
    if gateway and regions:
        return _stages_of_regions(regions, proxied="proxy" in gateway.data)
    tried = rows(gateway.data.get("stages")) if gateway else []
    # of several addresses tried, the one that worked counts
    by_end = sorted(tried, key=lambda stage: stage.get("ok") is True)
    seen = {plain(stage.get("name"), 20): stage for stage in by_end}
    otherwise = mark_of(gateway)
    broken = any(stage.get("ok") is False for stage in seen.values())
    if otherwise is OK and seen:
        otherwise = UNUSED  # plain ws:// has no TLS
    elif otherwise is FAILS and broken:
        otherwise = SKIPPED  # the stage that broke says it
    stops = []
    for name in STAGES:
        if name == "Proxy" and name not in seen:
            continue
        if name not in seen:
            stops.append(Stop(name, otherwise, otherwise.word))
        elif seen[name].get("ok") is False:
            stops.append(Stop(name, FAILS, FAILS.word))
        else:
            stops.append(Stop(name, OK, milliseconds(seen[name].get("ms"))))
    return stops


def _stages_of_regions(regions: list[dict[str, Any]], *, proxied: bool) -> list[Stop]:
    """Say of each stage in how many regions it was passed; a proxy does the first ones itself."""
    passed = [_passed(region) for region in regions]
    left_to_proxy = ("DNS", "TCP") if proxied else ("Proxy",)
    stops, whole = [], len(regions)
    for position, name in enumerate(STAGES):
        if name in left_to_proxy:
            if proxied:
                stops.append(Stop(name, UNUSED, UNUSED.word))
            continue
        here = sum(count > position for count in passed)
        tried = sum(count >= position for count in passed)
        mark = OK if here == whole else PARTLY if here else FAILS if tried else SKIPPED
        stops.append(Stop(name, mark, f"{here} of {whole}" if here else mark.word))
    return stops


def _passed(region: dict[str, Any]) -> int:
    """Return how many stages a region let us pass."""
    if region.get("reached") is True:
        return len(STAGES)
    broke = region.get("stage")
    return STAGES.index(broke) if broke in STAGES else 0


def _stun(steps: Steps) -> Stop:
    stop = _simple("STUN", "stun", steps)
    step = steps.get("stun")
    said = {"blocked": "UDP blocked", "silent": "no answer"}.get(
        str(step.data.get("udp")) if step else ""
    )
    return stop._replace(detail=said) if said and stop.mark is FAILS else stop


def _turn(steps: Steps) -> Stop:
    stop = _simple("TURN", "turn", steps)
    step = steps.get("turn")
    tried = rows(step.data.get("urls")) if step else []
    urls = [url for url in tried if url.get("configured") is not False and _probed(url)]
    working = [url for url in urls if url.get("ok") is True]
    if not working or len(working) == len(urls):
        return stop
    carried = {plain(url.get("transport", "?"), 8).upper() for url in working}
    some = f"{carried.pop()} only" if len(carried) == 1 else f"{len(working)} of {len(urls)}"
    return Stop("TURN", PARTLY, some)


def _probed(url: dict[str, Any]) -> bool:
    return url.get("ok") is True or bool(url.get("failure"))


def _call(steps: Steps) -> list[Stop]:
    step = steps.get("call")
    mark = mark_of(step)
    data = table(step.data) if step else {}
    found = [(name, number(data.get(f"{name.lower()}_ms"))) for name in ("ICE", "DTLS")]
    stops = []
    for name, ms in found:
        done = ms is not None
        stops.append(Stop(name, OK if done else mark, milliseconds(ms) if done else mark.word))
        if not done and mark is FAILS:
            mark = SKIPPED  # what comes after a break was not reached
    return stops
