"""A rule that breaks, never ends or floods: the others are judged, and the report says which."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag import Report
from polyai_diag.causes.engine import CAUSES, Facts
from polyai_diag.cli.exits import INCOMPLETE, exit_code
from polyai_diag.failures import Failure
from polyai_diag.model import STEP_NAMES, Evidence, Severity
from polyai_diag.report import in_time
from tests.stress.whole import read_whole
from tests.unit.records import record, saw, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from polyai_diag.causes.engine import Rule

PROOF = Evidence(step="stun", text="seen")
HEALTHY = record(*(step(name) for name in STEP_NAMES))
REFUSED = record(step("turn", saw("turn_allocate", "turn:a:3478", Failure.STUN_QUOTA_REACHED)))


def raises(facts: Facts) -> Iterator[Evidence]:
    raise KeyError(facts.record.tool)


def raises_late(_: Facts) -> Iterator[Evidence]:
    yield PROOF
    raise RecursionError


def yields_nonsense(_: Facts) -> Iterator[Any]:
    yield "what is no evidence"


def never_ends(_: Facts) -> Iterator[Evidence]:
    for number in itertools.count():
        if number < 0:
            yield PROOF


def lets_nothing_stop_it(_: Facts) -> Iterator[Evidence]:
    for number in itertools.count():
        try:
            time.sleep(0.001)
        except Exception:  # noqa: BLE001, S112
            continue
        if number < 0:
            yield PROOF


BROKEN: dict[str, tuple[Rule, str]] = {
    "raises": (raises, "KeyError in test_rules.py, line "),
    "raises after its evidence": (raises_late, "RecursionError in test_rules.py, line "),
    "yields nonsense": (yields_nonsense, "AttributeError in engine.py, line "),
    "never ends": (never_ends, "TimeoutError in "),
    "never ends, whatever comes": (lets_nothing_stop_it, "TimeoutError in "),
}


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put something else in a cause's row; a rule is given half a second."""
    monkeypatch.setattr(in_time, "LIMIT_S", 0.5)

    def replace(cause_id: str, **row: Any) -> None:
        monkeypatch.setitem(CAUSES, cause_id, dataclasses.replace(CAUSES[cause_id], **row))

    return replace


@pytest.mark.parametrize("name", BROKEN)
def test_a_rule_that_breaks_is_never_silently_healthy(
    name: str, breaking: Callable[..., None]
) -> None:
    assert Report(HEALTHY).verdict == "healthy"
    rule, said = BROKEN[name]
    breaking("packet-loss", rule=rule)
    report = Report(HEALTHY)
    assert (report.verdict, report.root_causes) == ("incomplete", ("rule-broken",))
    assert exit_code(report) == INCOMPLETE
    (finding,) = report.findings
    assert finding.evidence[0].text.startswith(f"packet-loss: error, {said}")
    for face in (report.to_html(), report.to_markdown(), report.to_json()):
        assert "polyai-diag itself failed in judging: packet-loss" in face
    assert read_whole(report.to_json()).findings == report.findings
    _no_thread_is_left()


def _no_thread_is_left() -> None:
    until_s = time.monotonic() + 5
    while any(thread.name == "judging" for thread in threading.enumerate()):
        assert time.monotonic() < until_s, "a rule goes on and on"
        time.sleep(0.01)


@pytest.mark.parametrize("part", ["effect", "explains_if"])
def test_whatever_a_row_computes_may_break(part: str, breaking: Callable[..., None]) -> None:
    def seen(_: Facts) -> Iterator[Evidence]:
        yield PROOF

    breaking("packet-loss", rule=seen, **{part: lambda facts, *_: facts.record.nothing})
    report = Report(HEALTHY)
    assert report.root_causes == ("rule-broken",)
    assert "AttributeError in test_rules.py" in report.findings[0].summary


def test_what_a_finding_is_compared_with_may_break(
    breaking: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen(_: Facts) -> Iterator[Evidence]:
        yield PROOF

    def breaks(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr("polyai_diag.causes.engine.control_of", breaks)
    breaking("packet-loss", rule=seen)
    report = Report(HEALTHY)
    assert report.root_causes == ("rule-broken",)
    assert "packet-loss: error, KeyError in test_rules.py" in report.findings[0].summary


def test_the_other_rules_are_judged_as_ever(breaking: Callable[..., None]) -> None:
    before = Report(REFUSED)
    assert before.root_causes == ("turn-quota-reached",)
    breaking("high-jitter", rule=raises)
    report = Report(REFUSED)
    assert [f for f in report.findings if f.id != "rule-broken"] == list(before.findings)
    assert len(report.findings) == len(before.findings) + 1
    assert report.verdict == "incomplete"


def test_a_failed_step_whose_rule_broke_stays_critical(breaking: Callable[..., None]) -> None:
    breaking("turn-quota-reached", rule=raises)
    report = Report(REFUSED)
    assert report.verdict == "failed"
    assert set(report.root_causes) == {"unexplained", "rule-broken"}


def test_all_rules_may_break_at_once(breaking: Callable[..., None]) -> None:
    for cause_id in CAUSES:
        breaking(cause_id, rule=raises)
    report = Report(HEALTHY)
    assert report.root_causes == ("rule-broken",)
    assert len(report.findings[0].evidence) == len(CAUSES)
    assert len(report.findings[0].title) < 120


@pytest.mark.parametrize("text", ["always the same", "x" * 100_000])
def test_evidence_without_end_is_cut(text: str, breaking: Callable[..., None]) -> None:
    def floods(_: Facts) -> Iterator[Evidence]:
        for number in itertools.count():
            yield Evidence(step="stun", text=text if len(text) < 100 else f"{number} {text}")

    breaking("packet-loss", rule=floods)
    started_s = time.monotonic()
    (finding,) = Report(HEALTHY).findings
    assert time.monotonic() - started_s < 2
    assert (finding.id, finding.severity) == ("packet-loss", Severity.WARNING)
    assert sum(len(e.text) for e in finding.evidence) < 50_000
