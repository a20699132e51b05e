"""Frames looked over: each fault at its path, none for what clients must tolerate."""

from __future__ import annotations

import copy
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.analysis.frames import lint_frame
from polyai_diag.model import Issue, Severity
from polyai_diag.protocol import FrameError, candidate_frame, error_frame, read_frame
from tests.speed import cpu_here_s

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "frames.json").read_text())
OFFER = VECTORS["accepted"][0]["frame"]
SDP = OFFER["data"]["sdp"]
SESSION = "550e8400-e29b-41d4-a716-446655440000"
LINE = "candidate:1 1 UDP 2130706431 192.168.1.1 54321 typ host"
ABSENT = object()


def _offer(**changes: Any) -> dict[str, Any]:
    """The documented offer with some fields changed; ABSENT leaves one out."""
    frame = {**copy.deepcopy(OFFER), **changes}
    return {key: value for key, value in frame.items() if value is not ABSENT}


def _jwt(**delta: float) -> str:
    moment = int((NOW + timedelta(**delta)).timestamp())
    return jwt.encode({"exp": moment}, "k" * 32, algorithm="HS256")


def _faults(issues: list[Issue]) -> list[tuple[str, str, str | None]]:
    return [(i.path, i.severity.value, i.cause) for i in issues if i.severity is not Severity.INFO]


MISSING = ("$.authToken", "critical", "token-missing")


@pytest.mark.parametrize("name", ["authtoken", "auth_token", "token", "Authorization", "AuthToken"])
def test_a_token_under_another_name(name: str) -> None:
    issues = lint_frame(_offer(authToken=ABSENT, **{name: "example-connector-token"}))
    assert _faults(issues) == [MISSING, (f"$.{name}", "critical", "token-missing")]


@pytest.mark.parametrize("name", ["authToken", "token"])
def test_a_token_within_data(name: str) -> None:
    data = {**OFFER["data"], name: "example-connector-token"}
    issues = lint_frame(_offer(authToken=ABSENT, data=data))
    assert set(_faults(issues)) == {MISSING, (f"$.data.{name}", "critical", "token-missing")}
    beside = lint_frame(_offer(data=data))
    assert _faults(beside) == [(f"$.data.{name}", "warning", None)]


@pytest.mark.parametrize("token", [None, ""])
def test_a_token_that_is_not_there(token: Any) -> None:
    assert _faults(lint_frame(_offer(authToken=token))) == [MISSING]


@pytest.mark.parametrize("token", [5, 0, True, ["t"], {"token": "t"}])
def test_a_token_that_is_no_text(token: Any) -> None:
    faults = _faults(lint_frame(_offer(authToken=token)))
    assert faults == [("$.authToken", "critical", "token-malformed")]


@pytest.mark.parametrize(
    ("token", "cause", "said"),
    [
        ("Bearer 8d7f6a5c4b3a2918", "token-malformed", "'Bearer' before it"),
        ("8d7f6a5c4b3a2918\n", "token-malformed", "a line end after it"),
        ("${TOKEN}", "token-malformed", "a variable that was not filled in"),
        (_jwt(hours=-3), "token-expired", "expired 3 h 0 min ago (2026-03-01 09:00 UTC)"),
        (jwt.encode({"nbf": 1800000000}, "k" * 32), "token-not-yet-valid", "valid only in"),
    ],
)
def test_the_token_within_is_looked_over(token: str, cause: str, said: str) -> None:
    issues = lint_frame(_offer(authToken=token), NOW)
    assert _faults(issues) == [("$.authToken", "critical", cause)]
    assert said in issues[0].message
    assert token.strip() not in repr(issues)


def test_without_a_clock_a_tokens_dates_are_not_judged() -> None:
    assert lint_frame(_offer(authToken=_jwt(hours=-3))) == []


@pytest.mark.parametrize("token", ["***", "[redacted]", "eyJhbGciOi…"])
def test_a_hidden_token_is_not_judged(token: str) -> None:
    (issue,) = lint_frame(_offer(authToken=token), NOW)
    assert (issue.path, issue.severity) == ("$.authToken", Severity.INFO)


def test_every_fault_is_listed_in_the_order_of_the_fields() -> None:
    frame = _offer(
        mode="end_to_end", caller=5, authToken="", sessionId="s", callSid=["c"], type="offer",
        data={"type": "answer", "sdp": SDP.replace("\r\n", "\\r\\n")},
        agentVersionOverride={"artifactVersion": "1"},
    )  # fmt: skip
    assert [issue.path for issue in lint_frame(frame)] == [
        "$.sessionId", "$.data.type", "$.data.sdp", "$.authToken", "$.callSid", "$.caller",
        "$.mode", "$.agentVersionOverride.lambdaDeploymentVersion",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sdp", "severity", "said"),
    [
        (SDP.replace("\r\n", "\n"), "warning", "LF alone"),
        (SDP.replace("\r\n", "\\r\\n"), "critical", "encoded twice"),
        (SDP.replace("\r\n", "\\n"), "critical", "encoded twice"),
        (SDP.replace("\r\n", " "), "critical", "line ends are lost"),
        (SDP.replace("\r\n", ""), "critical", "line ends are lost"),
        ({"type": "offer", "sdp": SDP}, "critical", "data.sdp.sdp"),
        ("", "critical", "missing"),
        (7, "critical", "not text but a number"),
        (SDP.rstrip(), "info", "no line end"),
    ],
)
def test_what_happens_to_an_sdp_on_its_way(sdp: Any, severity: str, said: str) -> None:
    (issue,) = lint_frame(_offer(data={"type": "offer", "sdp": sdp}))
    assert (issue.path, issue.severity) == ("$.data.sdp", severity)
    assert said in issue.message


def test_data_given_as_text_is_named_and_looked_into() -> None:
    data = json.dumps({"type": "answer", "sdp": SDP})
    assert [i.path for i in lint_frame(_offer(data=data))] == ["$.data", "$.data.type"]


def test_a_frame_encoded_twice_is_named_and_looked_into() -> None:
    twice = json.dumps(json.dumps(_offer(mode="fast")))
    assert [i.path for i in lint_frame(twice)] == ["$", "$.mode"]


def test_a_key_given_twice_is_named() -> None:
    text = json.dumps(OFFER)[:-1] + ', "authToken": "other-connector-token"}'
    assert _faults(lint_frame(text)) == [("$.authToken", "warning", "request-invalid")]


@pytest.mark.parametrize(
    ("given", "meant"),
    [("call_sid", "callSid"), ("callsid", "callSid"), ("Mode", "mode"), ("accountID", "accountId"),
     ("agent_version_override", "agentVersionOverride"), ("varientId", "variantId")],
)  # fmt: skip
def test_a_misspelt_key(given: str, meant: str) -> None:
    (issue,) = [
        i for i in lint_frame(_offer(callSid=ABSENT, **{given: "x"})) if "meant" in i.message
    ]
    assert (issue.path, issue.severity) == (f"$.{given}", Severity.WARNING)
    assert f"{meant!r} is meant" in issue.message


def test_a_key_of_ones_own_is_nobodys_fault() -> None:
    assert lint_frame(_offer(version="1", timestamp=5, client={"name": "x"})) == []


@pytest.mark.parametrize(
    ("mode", "meant"), [("End-To-End", "end-to-end"), ("tradtional", "traditional"), ("fast", "")]
)
def test_an_unknown_mode(mode: str, meant: str) -> None:
    (issue,) = lint_frame(_offer(mode=mode))
    assert (issue.path, issue.cause) == ("$.mode", "request-invalid")
    assert (f"{meant!r} is meant" in issue.message) == bool(meant)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (LINE.replace(" 1 UDP", " 0 UDP"), "component"),
        (LINE.replace("UDP", "SCTP"), "transport"),
        (LINE.replace("2130706431", "high"), "priority"),
        (LINE.replace("54321", "65536"), "port"),
        (LINE.replace("typ", "type"), "'typ'"),
        (LINE.replace("host", "guest"), "host, srflx, prflx, relay"),
        ("candidate:1 1 UDP", "8 fields"),
    ],
)
def test_the_part_of_a_candidate_that_is_wrong(line: str, said: str) -> None:
    (issue,) = lint_frame(candidate_frame(SESSION, line))
    assert issue.path == "$.data.candidate"
    assert said in issue.message


@pytest.mark.parametrize(
    ("data", "paths"),
    [
        ({"candidate": {"candidate": LINE}, "sdpMid": "0"}, ["$.data.candidate"]),
        ({"candidate": LINE, "sdpMid": 0}, ["$.data.sdpMid"]),
        ({"candidate": LINE, "sdpMLineIndex": "0"}, ["$.data.sdpMLineIndex"]),
        ({"candidate": LINE, "sdpMLineIndex": -1}, ["$.data.sdpMLineIndex"]),
        ({"candidate": LINE, "sdp_mid": "0", "sdpMLineIndex": 0}, ["$.data.sdp_mid"]),
        ({"candidate": 7, "sdpMid": []}, ["$.data.candidate", "$.data.sdpMid"]),
        (None, ["$.data"]),
    ],
)  # fmt: skip
def test_a_candidates_other_fields(data: Any, paths: list[str]) -> None:
    frame = {"type": "ice-candidate", "sessionId": SESSION, "data": data}
    assert [path for path, _, _ in _faults(lint_frame(frame))] == paths


def test_a_candidate_without_its_place_is_noted() -> None:
    frame = {"type": "ice-candidate", "sessionId": SESSION, "data": {"candidate": LINE}}
    (issue,) = lint_frame(frame)
    assert issue.severity is Severity.INFO


@pytest.mark.parametrize(
    ("code", "message", "cause"),
    [
        ("UNAUTHORIZED", "Invalid authentication token", "token-rejected"),
        ("UNAUTHORIZED", "Auth token required", "token-missing"),
        ("FORBIDDEN", "Echo mode is not allowed", "request-forbidden"),
        ("INVALID_ARGUMENT", "", "request-invalid"),
        ("AGENT_FAILURE", "", "agent-failure"),
        ("MEDIA_BRIDGE_FAILURE", "", "media-bridge-failure"),
        ("HANDLER_ERROR", "", "gateway-error"),
        ("TEAPOT", "", "gateway-error"),
    ],
)
def test_an_errors_code_leads_to_its_cause(code: str, message: str, cause: str) -> None:
    (issue,) = lint_frame(error_frame(None, code, message))
    assert (issue.path, issue.severity, issue.cause) == ("$.data.code", Severity.INFO, cause)


def test_an_error_without_its_code_is_known_by_its_message() -> None:
    (issue,) = lint_frame({"type": "error", "data": {"message": "Echo mode is not allowed"}})
    assert issue.severity is Severity.CRITICAL
    assert "FORBIDDEN" in issue.message


# --- anything at all --------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)
KEYS = st.sampled_from(
    ["type", "sessionId", "data", "authToken", "auth_token", "callSid", "mode", "sdp", "code",
     "message", "candidate", "sdpMid", "sdpMLineIndex", "agentVersionOverride", "caller"]
)  # fmt: skip
TYPES = st.sampled_from(["offer", "answer", "ice-candidate", "error", "close", "Offer", "pong"])


@given(TEXT | st.binary(max_size=40))
def test_any_text_or_bytes_get_a_typed_answer(frame: str | bytes) -> None:
    issues = lint_frame(frame, NOW)
    try:
        read_frame(frame)
    except FrameError:
        assert issues


@given(TYPES, st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON)))
def test_any_frame_gets_a_typed_answer(kind: str, body: dict[str, Any]) -> None:
    frame = {**body, "type": kind}
    issues = lint_frame(frame, NOW)
    text = json.dumps(frame)
    try:
        read_frame(text)
    except FrameError:
        assert issues
    assert [issue.path for issue in lint_frame(text, NOW)] == [issue.path for issue in issues]


@given(
    st.from_regex(r"[A-Za-z0-9_-]{8}[A-Za-z0-9._ \"-]{4,30}", fullmatch=True),
    st.lists(st.sampled_from(["mode", "type", "callSid", "data", "note"]), max_size=3),
)
def test_the_token_is_in_no_issue_even_where_the_frame_repeats_it(
    token: str, places: list[str]
) -> None:
    frame = {**_offer(authToken=token), **dict.fromkeys(places, token), token: 1}
    for given_as in (frame, json.dumps(frame)):
        assert token not in repr(lint_frame(given_as, NOW))


@pytest.mark.parametrize(
    "frame",
    [
        "[" * 400_000,
        '{"type":"offer","data":' * 20_000,
        json.dumps({"type": "offer", **{f"modf{i}": 1 for i in range(30_000)}}),
        "{" + ",".join(f'"k{i % 20000}":1' for i in range(40_000)) + ',"type":"offer"}',
        json.dumps(_offer(authToken=".." * 200_000)),
        json.dumps(_offer(data={"type": "offer", "sdp": "v=0\\n" * 60_000})),
        json.dumps(_offer(mode='"' * 100_000)),
        "x" * 10**7,
    ],
)
def test_hostile_frames_are_judged_in_bounded_time(frame: str) -> None:
    begun = time.process_time()
    issues = lint_frame(frame, NOW)
    assert 0 < len(issues) <= 101
    assert all(len(issue.message) < 600 for issue in issues)
    assert time.process_time() - begun < cpu_here_s(2)
