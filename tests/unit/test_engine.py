"""How evidence becomes findings: explained, by host, ranked, bounded, never silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.causes.engine import (
    CAUSES,
    Facts,
    Layer,
    Seen,
    cause,
    describe,
    endpoint_host,
    judge,
    root_causes,
    verdict,
)
from polyai_diag.failures import Failure
from polyai_diag.model import NOT_ASKED, Actor, Evidence, Finding, Severity, Status, Verdict
from tests.unit.records import record, saw, step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.model import Record


@pytest.fixture(autouse=True)
def _catalogue_of_its_own() -> Iterator[None]:
    """Begin with an empty catalogue; give the real one back."""
    entered = dict(CAUSES)
    CAUSES.clear()
    yield
    CAUSES.clear()
    CAUSES.update(entered)


def _enter(cause_id: str, operation: str, **row: Any) -> None:
    """Enter a cause that holds wherever `operation` failed."""
    row = {"layer": Layer.UDP, "breaks": ("call",), "acts": Actor.GATEWAY, **row}
    row = {"title": cause_id, "remedy": "Mend.", **row}

    @cause(cause_id, **row)
    def rule(facts: Facts) -> Iterator[Evidence | Seen]:
        yield from facts.failed(operation)


def _call(*operations: str, endpoint: str = "h:1", **kwargs: Any) -> Record:
    seen = (saw(operation, endpoint, Failure.GENERIC_TIMEOUT) for operation in operations)
    return record(step("call", *seen, **kwargs))


def _named(findings: tuple[Finding, ...]) -> dict[str, tuple[str, ...]]:
    return {finding.id: finding.explained_by for finding in findings}


def test_without_evidence_there_is_no_finding() -> None:
    _enter("a", "x")
    healthy = record(step("call", saw("x", "h:1")))
    assert judge(healthy) == ()
    assert verdict(healthy, ()) is Verdict.HEALTHY


def test_evidence_says_what_was_seen_and_where() -> None:
    _enter("a", "x", reference="RFC 1", title="T", remedy="R.")
    (finding,) = judge(record(step("call", saw("y", "h:1"), saw("x", "h:2", Failure.NO_RTP))))
    assert finding.evidence == (
        Evidence(step="call", observation=1, text="x h:2: no_rtp after 20 ms"),
    )
    assert finding.summary == "x h:2: no_rtp after 20 ms"
    assert (finding.title, finding.remedy, finding.reference) == ("T", "R.", "RFC 1")


def test_a_finding_is_shown_beneath_what_explains_it() -> None:
    _enter("symptom", "x")
    _enter("root", "y", explains=("symptom",))
    findings = judge(_call("x", "y"))
    assert _named(findings) == {"root": (), "symptom": ("root",)}
    assert list(_named(findings)) == ["root", "symptom"]
    assert root_causes(findings) == ("root",)
    assert _named(judge(_call("x"))) == {"symptom": ()}


def test_what_explains_is_itself_explained_and_both_are_told() -> None:
    _enter("a", "x", explains=("b", "c"))
    _enter("b", "x", explains=("c",))
    _enter("c", "x")
    assert _named(judge(_call("x"))) == {"a": (), "b": ("a",), "c": ("a", "b")}


@pytest.mark.parametrize(
    ("one", "other", "explained"),
    [
        ("turn:h.example:3478", "h.example:443", True),
        ("turn:H.example:3478", "https://h.example/x", True),
        ("turn:[2001:db8::1]:3478", "[2001:DB8::1]:443", True),
        ("turn:a.example:3478", "turn:b.example:3478", False),
    ],
)
def test_what_explains_by_host_explains_nothing_elsewhere(
    one: str, other: str, explained: bool
) -> None:
    _enter("root", "x", explains=("symptom",), per_host=True)
    _enter("symptom", "y")
    failure = Failure.GENERIC_TIMEOUT
    found = judge(
        record(step("turn", saw("x", one, failure)), step("call", saw("y", other, failure)))
    )
    assert _named(found) == {"root": (), "symptom": ("root",) if explained else ()}


def test_severity_follows_the_effect() -> None:
    _enter("a", "x", breaks=("call",))
    broken, fine = _call("x"), _call("x", status=Status.PASSED)
    assert judge(broken)[0].severity is Severity.CRITICAL
    assert judge(fine)[0].severity is Severity.WARNING


@pytest.mark.parametrize(
    ("status", "reason", "severity"),
    [
        (Status.PASSED, "", "warning"),
        (Status.FAILED, "no", "critical"),
        (Status.CANCELLED, "cut off", "warning"),
        (Status.SKIPPED, "needs signaling, which failed", "warning"),
        (Status.SKIPPED, NOT_ASKED, "warning"),
    ],
)
def test_only_a_step_that_failed_makes_a_cause_critical(
    status: Status, reason: str, severity: str
) -> None:
    _enter("a", "x", breaks=("call",))
    found = judge(
        record(
            step("stun", saw("x", "h:1", Failure.NO_RTP)),
            step("call", status=status, reason=reason),
        )
    )
    assert found[0].severity == severity


def test_what_breaks_nothing_is_a_warning() -> None:
    _enter("a", "x", breaks=())
    assert judge(_call("x"))[0].severity is Severity.WARNING


def test_a_failed_step_that_nothing_cites_is_unexplained() -> None:
    (finding,) = judge(_call("x", "y", reason="no"))
    assert (finding.id, finding.severity) == ("unexplained", Severity.CRITICAL)
    assert "(call)" in finding.title
    assert [e.observation for e in finding.evidence] == [0, 1]
    assert root_causes((finding,)) == ("unexplained",)


def test_what_was_only_tried_is_no_evidence_of_what_is_unexplained() -> None:
    tried = saw("tcp_connect", "h:5349", Failure.CONNECTION_REFUSED, configured=False)
    wanted = saw("turn_challenge", "turn:h", Failure.GENERIC_TIMEOUT)
    (finding,) = judge(record(step("turn", tried, wanted)))
    assert [evidence.observation for evidence in finding.evidence] == [1]


def test_a_step_that_failed_without_an_observation_is_unexplained_by_its_reason() -> None:
    (finding,) = judge(record(step("nat", status=Status.FAILED, reason="no server told")))
    assert finding.summary == "nat: no server told"


def test_one_cause_does_not_excuse_another_step() -> None:
    _enter("a", "x")
    found = judge(
        record(
            step("stun", saw("z", "h:1", Failure.NO_RTP)),
            step("call", saw("x", "h:1", Failure.NO_RTP)),
        )
    )
    assert set(_named(found)) == {"a", "unexplained"}
    assert "(stun)" in found[-1].title


def test_the_worst_root_comes_first_then_by_the_way_of_the_call() -> None:
    _enter("late", "x", layer=Layer.AUDIO)
    _enter("early", "x", layer=Layer.TOKEN)
    _enter("mild", "x", layer=Layer.TOKEN, breaks=())
    _enter("beneath", "x", layer=Layer.TOKEN)
    _enter("root", "x", layer=Layer.ANY, explains=("beneath",))
    assert list(_named(judge(_call("x")))) == ["early", "late", "root", "mild", "beneath"]


def test_evidence_is_bounded_though_the_record_is_not() -> None:
    seen = [saw("x", f"h:{number}", Failure.GENERIC_TIMEOUT) for number in range(400)]
    many = record(step("call", *seen, status=Status.FAILED))
    _enter("a", "x")
    (finding,) = judge(many)
    assert len(finding.evidence) == 12
    CAUSES.clear()
    (finding,) = judge(many)
    assert len(finding.evidence) == 12


def test_one_proof_is_told_once() -> None:
    _enter("a", "x")
    (finding,) = judge(_call("x", "x", "x"))
    assert len(finding.evidence) == 1


def test_an_interrupted_exchange_is_no_failure_of_the_network() -> None:
    _enter("a", "x")
    cut = record(step("call", saw("x", "h:1", Failure.INTERRUPTED), status=Status.CANCELLED))
    assert judge(cut) == ()
    assert verdict(cut, ()) is Verdict.INCOMPLETE


def test_questions_about_the_facts() -> None:
    facts = Facts(
        record(
            step(
                "stun", saw("x", "a:1", signed=True), saw("x", "b:1", Failure.NO_RTP, signed=False)
            ),
            step("call", saw("x", "c:1"), saw("y", "d:1", Failure.SILENCE)),
        )
    )

    def asked(seen: Iterator[Seen]) -> list[str]:
        return [s.host for s in seen]

    assert asked(facts.seen("x")) == ["a", "b", "c"]
    assert asked(facts.seen("x", "y", step="call")) == ["c", "d"]
    assert asked(facts.seen("x", signed=True)) == ["a"]
    assert asked(facts.failed("x", "y")) == ["b", "d"]
    assert asked(facts.failed("x", "y", failures=[Failure.SILENCE])) == ["d"]
    assert asked(facts.succeeded("x", "y")) == ["a", "c"]
    assert next(facts.seen("x")).note("no such note") is None
    assert facts.judged_at.isoformat() == "2026-03-01T12:00:00+00:00"


def _finding(severity: Severity) -> Finding:
    return Finding(id="a", severity=severity, title="", summary="", evidence=(), remedy="")


@pytest.mark.parametrize(
    ("statuses", "severities", "expected"),
    [
        ([Status.ERROR], [Severity.CRITICAL, Severity.WARNING], Verdict.FAILED),
        ([Status.ERROR], [Severity.WARNING], Verdict.INCOMPLETE),
        ([Status.CANCELLED], [], Verdict.INCOMPLETE),
        ([Status.SKIPPED], [Severity.WARNING, Severity.INFO], Verdict.DEGRADED),
        ([Status.PASSED], [Severity.INFO], Verdict.HEALTHY),
        ([], [], Verdict.HEALTHY),
    ],
)
def test_the_verdict_is_the_first_that_holds(
    statuses: list[Status], severities: list[Severity], expected: Verdict
) -> None:
    made = record(*(step("call", status=status) for status in statuses))
    assert verdict(made, map(_finding, severities)) is expected


def test_a_note_is_no_root_cause() -> None:
    assert root_causes((_finding(Severity.INFO), _finding(Severity.WARNING))) == ("a",)
    assert root_causes((_finding(Severity.INFO),)) == ()


def test_an_id_is_entered_once() -> None:
    _enter("a", "x")
    with pytest.raises(ValueError, match="'a' is entered twice"):
        _enter("a", "y")


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("h.example", "h.example"), ("h.example:443", "h.example"),
        ("turn:h.example:3478?transport=tcp", "h.example"), ("turns:h.example", "h.example"),
        ("stun:192.0.2.1:3478", "192.0.2.1"), ("stuns:[2001:db8::1]:5349", "2001:db8::1"),
        ("wss://h.example:8443/x?y=z", "h.example"), ("https://h.example?a=b", "h.example"),
        ("[2001:db8::1]:443", "2001:db8::1"), ("2001:db8::1", "2001:db8::1"),
        ("gateway", "gateway"), ("", ""),
    ],
)  # fmt: skip
def test_the_host_of_an_endpoint(endpoint: str, host: str) -> None:
    assert endpoint_host(endpoint) == host


@given(st.text())
def test_any_endpoint_has_a_host_of_some_kind(endpoint: str) -> None:
    assert endpoint_host(endpoint) == endpoint_host(endpoint).lower()


def test_an_observation_in_one_line() -> None:
    assert describe(saw("x", "h:1")) == "x h:1: ok after 20 ms"
    told = describe(saw("x", "h:1", Failure.NO_RTP, detail="why"))
    assert told == "x h:1: no_rtp (why) after 20 ms"


def test_what_explains_a_critical_finding_is_no_milder() -> None:
    _enter("root", "x", breaks=("call",), explains=("effect",))
    _enter("effect", "y", breaks=("signaling",))
    found = judge(
        record(
            step("stun", saw("x", "h:1", Failure.NO_RTP)),
            step("signaling", saw("y", "h:1", Failure.NO_RTP), status=Status.FAILED),
        )
    )
    assert [(f.id, f.severity) for f in found] == [("root", "critical"), ("effect", "critical")]
