"""The panel's bar: true, never back, never whole before the end; and ten draws a second at most."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import pytest

from polyai_diag.model import (
    Event,
    Observation,
    Observed,
    Progress,
    Status,
    StepFinished,
    StepResult,
    StepStarted,
)
from polyai_diag.notebook.panel import Panel
from polyai_diag.notebook.progress import Course, usual_s
from polyai_diag.notebook.pulse import EVERY_S, Pulse
from polyai_diag.plan import COMPLAINTS, chosen
from tests.aio import in_loop
from tests.faces.records import step

PLAN = chosen(None)
LIMITS_S = {row.name: row.limit_s for row in PLAN}


def ended(name: str, status: Status = Status.PASSED) -> StepFinished:
    return StepFinished(StepResult(name=name, status=status))


def test_what_is_usual_follows_the_longest_way_through_the_plan() -> None:
    quick, thorough = usual_s(PLAN), usual_s(PLAN, thorough=True)
    assert 11 < quick < 15
    assert 30 < thorough < 40
    assert usual_s(PLAN, hold_s=60) == pytest.approx(quick + 60)
    assert usual_s(chosen(COMPLAINTS["unauthorized"])) < 2


def test_the_bar_is_as_full_as_time_has_passed() -> None:
    course = Course(PLAN, 100.0)
    for name in ("token", "gateway", "stun", "turn", "nat", "signaling", "opus", "call"):
        course.take(StepStarted(name), 100.0)
        course.take(ended(name), 104.0)
    course.take(StepStarted("audio"), 104.0)
    halfway = course.at(108.7)
    assert halfway.aside == "8.7 of about 13 s"
    assert halfway.percent == int(100 * 8.7 / 13.4)
    assert halfway.running == {"audio": "4.7 s"}
    assert halfway.finished["call"].status is Status.PASSED
    assert halfway.slow == ""


def test_a_step_that_tells_its_share_is_believed() -> None:
    course = Course(chosen(["call"]), 0)
    for name in ("gateway", "signaling", "opus"):
        course.take(ended(name), 0)
    course.take(StepStarted("call"), 0)
    course.take(Progress("call", "Counting packets", 0.6), 5.0)
    now = course.at(5.0)
    assert now.doing == "Counting packets"
    assert now.aside == "5.0 of about 6 s"


@pytest.mark.parametrize("seed", range(20))
def test_the_bar_never_goes_back_and_is_never_whole(seed: int) -> None:
    dice, now_s, course = random.Random(seed), 0.0, Course(PLAN, 0)  # noqa: S311 - no secret
    percents, names = [0], [row.name for row in PLAN]
    for name in dice.sample(names, len(names)):
        for _ in range(dice.randrange(4)):
            course.take(Progress(name, "Asking", dice.choice([None, dice.random()])), now_s)
            now_s += dice.expovariate(0.5)
            percents.append(course.at(now_s).percent)
        course.take(ended(name, dice.choice(list(Status))), now_s)
        percents.append(course.at(now_s).percent)
    assert percents == sorted(percents)
    assert percents[-1] <= 99


def test_a_slow_step_says_what_it_waits_for_and_how_long_at_most() -> None:
    course = Course(PLAN, 0)
    course.take(StepStarted("stun"), 0)
    course.take(Progress("stun", "No answer over UDP from 192.0.2.1:3478; asking on"), 1.3)
    assert course.at(3).slow == ""
    assert course.at(4.2).slow == (
        "STUN over UDP is slow: 4 s, usually 1 s. No answer over UDP from 192.0.2.1:3478; asking "
        f"on. It is given up after {LIMITS_S['stun']:.0f} s at most."
    )
    course.take(ended("stun", Status.FAILED), 8)
    assert course.at(8).slow == ""


def test_a_held_call_is_not_slow() -> None:
    course = Course(PLAN, 0, hold_s=120)
    course.take(StepStarted("audio"), 0)
    assert course.at(100).slow == ""
    assert f"after {LIMITS_S['audio'] + 120:.0f} s" in course.at(270).slow


@in_loop
async def test_a_flood_is_drawn_ten_times_a_second_and_its_end_always() -> None:
    loop, state, drawn = asyncio.get_running_loop(), 0, list[tuple[float, int]]()
    pulse = Pulse(lambda: drawn.append((loop.time(), state)))
    end_s = loop.time() + 0.65
    while loop.time() < end_s:
        state += 1
        pulse.beat()
        await asyncio.sleep(0)
    last = state
    seen = asyncio.Event()
    loop.call_at(loop.time() + EVERY_S, seen.set)
    await seen.wait()
    pulse.stop()
    assert last > 500
    gaps_s = [b[0] - a[0] for a, b in pairwise(drawn)]
    assert min(gaps_s) >= EVERY_S - 0.001
    assert any(value == last for _, value in drawn)


@in_loop
async def test_a_clock_goes_on_where_nothing_happens_and_stops_when_told() -> None:
    drawn, enough = 0, asyncio.Event()

    def draw() -> None:
        nonlocal drawn
        drawn += 1
        if drawn == 3:
            enough.set()

    pulse = Pulse(draw)
    await enough.wait()
    pulse.stop()
    pulse.beat()
    await asyncio.sleep(0.3)
    assert drawn == 3


@in_loop
async def test_every_kind_of_event_in_a_flood_and_the_last_state_stands() -> None:
    panel, loop = Panel(), asyncio.get_running_loop()
    panel._course = Course(PLAN, loop.time())
    drawn: list[float] = []

    def draw() -> None:
        drawn.append(loop.time())
        panel._draw()

    panel._pulse = Pulse(draw)
    seen = Observation(operation="stun_binding", endpoint="x", started_ms=0, duration_ms=1)
    some: list[Event] = [
        StepStarted("stun"), Progress("stun", "Asking"), Observed("stun", seen), ended("token"),
        Progress("turn", "without a start"), ended("nat", Status.SKIPPED),
    ]  # fmt: skip
    began_s = loop.time()
    while loop.time() < began_s + 0.5:
        for event in some:
            panel._on_event(event)
        await asyncio.sleep(0)
    panel._on_event(ended("stun", Status.FAILED))
    panel._on_event(Progress("turn", "The very last word"))
    await asyncio.sleep(2 * EVERY_S)
    panel._pulse.stop()
    assert len(drawn) <= 1 + (loop.time() - began_s) / EVERY_S
    assert "The very last word" in panel._status.value
    assert "pd-stop pd-bad" in panel._live.value
    assert panel._alert.value == ""


@in_loop
async def test_what_breaks_in_drawing_is_seen_and_the_run_goes_on() -> None:
    panel = Panel(complaint="unauthorized")

    def breaks(*_: object) -> None:
        raise KeyError("a-secret-of-the-drawing")

    panel._redraw = breaks  # type: ignore[method-assign]
    report = await panel.run()
    assert report.root_causes == ()
    assert "KeyError" in panel._alert.value
    assert "a-secret" not in panel._alert.value


def test_the_way_says_for_how_long_a_step_runs() -> None:
    from polyai_diag.notebook import view

    shown = view.live({"token": step("token")}, {"turn": "2.3 s"})
    assert "2.3 s" in shown
    assert "running" in shown  # for whoever does not see the glyph
