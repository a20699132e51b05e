"""What comes and goes: told from what stays, with how often, and never graver than a warning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag.causes import judge
from polyai_diag.causes.attempts import Attempts
from polyai_diag.failures import Failure
from polyai_diag.model import Flaky, Severity, Status
from polyai_diag.report import Report
from tests.unit.records import GATEWAY, record, saw, step

if TYPE_CHECKING:
    from polyai_diag.model import Finding, Observation

URL = f"wss://{GATEWAY}/api/v1/webrtc/signal"
TURN, OTHER_TURN = "turn:t.example.net:3478?transport=tcp", "turn:u.example.org:3478?transport=tcp"
FINE = Status.PASSED
CALL_FAILED = step("call", saw("dtls_handshake", "gateway", Failure.DTLS_FAILED))


def attempts(operation: str, endpoint: str, ends: str, **notes: Any) -> list[Observation]:
    """Attempts that end as `ends` has it: `x` fails, `.` works."""
    failure = notes.pop("failure", Failure.CONNECTION_RESET)
    return [
        saw(
            operation,
            endpoint,
            failure if end == "x" else None,
            **notes,
            **({"attempt": number} if number > 1 else {}),
        )
        for number, end in enumerate(ends, 1)
    ]


def upgrades(ends: str, status: int = 503) -> list[Observation]:
    made = attempts("websocket_upgrade", URL, ends, failure=Failure.HTTP_STATUS, status=status)
    return [*made]


def allocations(ends: str, url: str = TURN, **notes: Any) -> list[Observation]:
    given = {"url": url, "far_end": False, "failure": Failure.STUN_FORBIDDEN, **notes}
    return attempts("turn_allocate", url, ends, relayed_address="192.0.2.9:50000", **given)


def named(*steps: Any) -> dict[str, Finding]:
    return {finding.id: finding for finding in judge(record(*steps))}


def test_what_works_at_another_attempt_comes_and_goes() -> None:
    found = named(step("gateway", *upgrades("x.x."), status=FINE))["websocket-refused"]
    assert (found.severity, found.flaky) == (Severity.WARNING, Flaky(failed=2, asked=4))
    assert found.summary.endswith("; 2 of 4 attempts failed: it comes and goes")
    assert [(e.text, e.control) for e in found.evidence] == [
        ("HTTP 503 where 101 (Switching Protocols) was due", False),
        ("Control: the same worked at 2 of 4 attempts", True),
    ]


def test_what_fails_at_every_attempt_stays_and_is_told_once() -> None:
    found = named(step("gateway", *upgrades("xxxx")))["websocket-refused"]
    assert (found.severity, found.flaky) == (Severity.CRITICAL, None)
    assert len(found.evidence) == 1


def test_what_works_at_every_attempt_is_no_finding() -> None:
    assert named(step("gateway", *upgrades("...."))) == {}


def test_each_way_to_fail_is_told() -> None:
    other = saw("websocket_upgrade", URL, Failure.HTTP_STATUS, status=502, attempt=4)
    found = named(step("gateway", *upgrades("xxx"), other))["websocket-refused"]
    assert [e.text[:8] for e in found.evidence] == ["HTTP 503", "HTTP 502"]


def test_a_stage_that_is_passed_at_last_is_a_warning_beside_what_stays() -> None:
    shaken = attempts("tls_handshake", f"{GATEWAY}:443", "x...")
    found = named(step("gateway", *shaken, *upgrades("xxx")))
    assert found["gateway-unreachable"].flaky == Flaky(failed=1, asked=4)
    assert found["gateway-unreachable"].severity is Severity.WARNING
    assert found["websocket-refused"].flaky is None
    assert found["websocket-refused"].severity is Severity.CRITICAL


def test_what_comes_and_goes_explains_nothing_that_stays() -> None:
    shaken = attempts("tls_handshake", f"{GATEWAY}:443", "x...")
    ice = f"https://{GATEWAY}/api/v1/ice-servers"
    fetched = attempts("ice_servers_fetch", ice, "xxxx", status=500)
    found = named(step("gateway", *shaken, *fetched, status=FINE))
    assert found["ice-servers-unavailable"].explained_by == ()
    some = attempts("ice_servers_fetch", ice, "x.x.", status=500)
    found = named(step("gateway", *shaken, *some, status=FINE))
    assert found["ice-servers-unavailable"].explained_by == ("gateway-unreachable",)


def test_it_is_a_warning_though_the_call_fails_for_something_else() -> None:
    found = named(step("turn", *allocations("x..."), status=FINE), CALL_FAILED)
    assert found["turn-refused"].severity is Severity.WARNING
    assert found["turn-refused"].flaky == Flaky(failed=1, asked=4)


def test_a_failed_step_is_not_explained_by_what_was_overcome() -> None:
    turn = step("turn", *allocations("x..."), status=Status.FAILED, reason="who knows")
    assert set(named(turn)) == {"turn-refused", "unexplained"}


def test_what_stays_elsewhere_is_told_of_the_cause() -> None:
    found = named(step("turn", *allocations("x..."), *allocations("xxxx", OTHER_TURN)))
    assert found["turn-refused"].flaky is None
    assert [OTHER_TURN in e.text for e in found["turn-refused"].evidence] == [True]


def test_of_several_ways_all_attempts_count_together() -> None:
    found = named(step("turn", *allocations("x..."), *allocations("xx..", OTHER_TURN), status=FINE))
    assert found["turn-refused"].flaky == Flaky(failed=3, asked=8)


def test_a_far_end_is_a_second_attempt_on_the_same_way() -> None:
    far = allocations(".", far_end=True)
    silent = allocations("x", failure=Failure.GENERIC_TIMEOUT)
    found = named(step("turn", *silent, *far, status=FINE))
    assert found["turn-unreachable"].flaky == Flaky(failed=1, asked=2)


def test_a_far_end_that_fails_alone_proves_nothing() -> None:
    far = allocations("x", far_end=True)
    assert named(step("turn", *allocations("."), *far, status=FINE)) == {}


def test_another_address_of_a_name_is_another_way() -> None:
    v4 = allocations("xxxx", server="192.0.2.1:3478")
    v6 = allocations(".", server="[2001:db8::1]:3478")
    assert named(step("turn", *v4, *v6, status=FINE)) == {}


@pytest.mark.parametrize("notes", [{"excused": True}, {}])
def test_what_is_excused_or_was_cut_off_is_no_attempt(notes: dict[str, Any]) -> None:
    failure = None if notes else Failure.INTERRUPTED
    fourth = saw("websocket_upgrade", URL, failure, attempt=4, status=503, **notes)
    found = named(step("gateway", *upgrades("x.x"), fourth, status=FINE))
    assert found["websocket-refused"].flaky == Flaky(failed=2, asked=3)


def test_two_exchanges_that_nobody_repeated_are_no_attempts() -> None:
    twice = (saw("websocket_upgrade", URL, Failure.HTTP_STATUS, status=503), *upgrades("."))
    assert not Attempts(record(step("gateway", *twice)))
    assert named(step("gateway", *twice))["websocket-refused"].flaky is None


def test_a_saved_report_is_judged_the_same() -> None:
    made = record(step("gateway", *upgrades("x..."), status=FINE))
    saved = Report.from_json(Report(made).to_json())
    assert saved.findings == Report(made).findings
    assert saved.findings[0].flaky == Flaky(failed=1, asked=4)
    assert saved.verdict == "degraded"
