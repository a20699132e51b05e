"""What the gateway refuses, on the offer or later, and what that explains."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from polyai_diag.causes import judge
from polyai_diag.causes.engine import root_causes
from polyai_diag.failures import Failure
from polyai_diag.model import Observation, Severity, Status
from tests.unit.records import record, saw, step

GATEWAY = "wss://gateway.example/api/v1/webrtc/signal"
ICE_SERVERS = "https://gateway.example/api/v1/ice-servers"


def _answer(failure: Failure | None = None, **notes: Any) -> Observation:
    return saw("offer_answer", GATEWAY, failure, **notes)


def _late(code: str, operation: str = "call_watch") -> Observation:
    notes = {"code": code, "message": "gone", "after_answer_s": 2.5}
    return saw(operation, "gateway", Failure.GATEWAY_ERROR, **notes)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("UNAUTHORIZED", "token-rejected"),
        ("FORBIDDEN", "request-forbidden"),
        ("INVALID_MESSAGE", "request-invalid"),
        ("AGENT_FAILURE", "agent-failure"),
        ("MEDIA_BRIDGE_FAILURE", "media-bridge-failure"),
        ("HANDLER_ERROR", "gateway-error"),
        ("NOBODY_KNOWS_ME", "gateway-error"),
    ],
)
@pytest.mark.parametrize("operation", ["call_watch", "call_hold"])
def test_an_error_that_ends_a_call_has_the_cause_of_one_that_refuses_it(
    code: str, cause: str, operation: str
) -> None:
    audio = step("audio", _late(code, operation), status=Status.FAILED)
    (found,) = judge(record(step("signaling", _answer()), audio))
    assert (found.id, found.severity) == (cause, Severity.CRITICAL)
    assert found.summary == f"2.5 s after its answer the gateway said {code}: gone"


def test_what_the_end_looks_like_from_here_stands_beneath_it() -> None:
    connecting = saw("ice_connect", "gateway", Failure.ICE_FAILED, pairs=[])
    call = step("call", connecting, _late("AGENT_FAILURE"), status=Status.FAILED)
    findings = judge(record(step("signaling", _answer()), call))
    assert root_causes(findings) == ("agent-failure",)


@pytest.mark.parametrize(("taken", "roots"), [(False, 1), (True, 2)])
def test_a_bad_token_explains_a_close_where_nobody_takes_it(taken: bool, roots: int) -> None:
    token = step("token", saw("token_read", "token", Failure.TOKEN_EXPIRED, detail="expired"))
    fetched = saw("ice_servers_fetch", ICE_SERVERS, None if taken else Failure.HTTP_STATUS)
    closed = _answer(Failure.WEBSOCKET_CLOSED, close_code=4401, close_reason="")
    signaling = step("signaling", closed, status=Status.FAILED)
    if not taken:
        fetched.notes["status"] = 401
    findings = judge(record(token, step("gateway", fetched), signaling))
    assert len(root_causes(findings)) == roots
    assert "token-expired" in root_causes(findings)


def test_a_token_that_no_header_can_carry_is_why_there_are_no_ice_servers() -> None:
    token = step("token", saw("token_read", "token", Failure.TOKEN_MISSING, detail="none"))
    fetched = saw("ice_servers_fetch", ICE_SERVERS, Failure.TOKEN_MALFORMED)
    assert root_causes(judge(record(token, step("gateway", fetched)))) == ("token-missing",)


def test_a_token_that_the_offer_shows_good_is_not_rejected() -> None:
    fetched = saw("ice_servers_fetch", ICE_SERVERS, Failure.HTTP_STATUS, status=401)
    findings = judge(record(step("gateway", fetched), step("signaling", _answer())))
    assert [finding.id for finding in findings] == ["ice-servers-unavailable"]


@pytest.mark.parametrize(("refused_echo", "named"), [(True, ["setup-slow"]), (False, [])])
def test_a_refused_echo_is_no_quick_answer(refused_echo: bool, named: list[str]) -> None:
    quick = _answer(code="FORBIDDEN") if refused_echo else _answer()
    slow = msgspec.structs.replace(_answer(), duration_ms=6000.0)
    findings = judge(record(step("signaling", quick, slow)))
    assert [finding.id for finding in findings] == named
