"""What customers paste, judged by the rules of a run: frames, logs, messages."""

from __future__ import annotations

import copy
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.analysis.moments import Moment, find_moment, last_moment
from polyai_diag.analysis.paste import Pasted, read_paste
from polyai_diag.model import NOT_ASKED, Severity, Status
from polyai_diag.protocol import answer_frame, close_frame, error_frame

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "frames.json").read_text())
OFFER = VECTORS["accepted"][0]["frame"]
SDP = OFFER["data"]["sdp"]
TOKEN = OFFER["authToken"]
ANSWER = answer_frame("s-1", SDP.replace("actpass", "active"))
REFUSED = error_frame(None, "UNAUTHORIZED", "Invalid authentication token")


def _offer(**changes: Any) -> str:
    return json.dumps({**copy.deepcopy(OFFER), **changes})


def _read(*lines: str) -> Pasted:
    pasted = read_paste("\n".join(lines), NOW)
    assert pasted is not None
    return pasted


def _named(*lines: str) -> tuple[str, ...]:
    return _read(*lines).root_causes


def _proofs(pasted: Pasted) -> str:
    return "\n".join(item.text for finding in pasted.findings for item in finding.evidence)


MESSAGES = {
    "Unauthorized": "token-rejected",
    "Error: UNAUTHORIZED": "token-rejected",
    "Auth token required": "token-missing",
    "invalid auth token": "token-rejected",
    '{"error":"invalid auth token"}': "token-rejected",
    "Call failed: Invalid authentication token": "token-rejected",
    "Echo mode is not allowed": "request-forbidden",
    "Unknown mode": "request-invalid",
    "AGENT_FAILURE: could not start": "agent-failure",
    "GET https://h/api/v1/ice-servers 401 (Unauthorized)": "token-rejected",
    "GET https://h/api/v1/ice-servers?token=x 503 (Service Unavailable)": "ice-servers-unavailable",
    "WebSocket connection to 'wss://h/p' failed: Error during WebSocket handshake: "
    "Unexpected response code: 403": "websocket-refused",
    "Error: Unexpected server response: 404": "wrong-endpoint",
    "Error: Unexpected server response: 302": "wrong-endpoint",
    "Error: Unexpected server response: 407": "proxy-blocks-websocket",
    "websockets.exceptions.InvalidStatus: server rejected WebSocket connection: HTTP 403":
        "websocket-refused",
    "InvalidStatusCode: server rejected WebSocket connection: HTTP 502": "websocket-refused",
    "websocket._exceptions.WebSocketBadStatusException: Handshake status 429 Too Many Requests":
        "websocket-refused",
    "Error: getaddrinfo ENOTFOUND webrtc-gateway.us-9.platform.polyai.app": "dns-failure",
    "getaddrinfo EAI_AGAIN webrtc-gateway.us-1.platform.polyai.app": "dns-failure",
    "[Errno -2] Name or service not known": "dns-failure",
    "net::ERR_NAME_NOT_RESOLVED": "dns-failure",
    "connect ECONNREFUSED 192.0.2.1:443": "gateway-unreachable",
    "connect ETIMEDOUT 192.0.2.1:443": "gateway-unreachable",
    "net::ERR_CONNECTION_TIMED_OUT": "gateway-unreachable",
    "read ECONNRESET": "gateway-unreachable",
    "CERT_HAS_EXPIRED": "tls-certificate-invalid",
    "Error: self-signed certificate in certificate chain": "tls-certificate-invalid",
    "unable to verify the first certificate": "tls-certificate-invalid",
    "net::ERR_CERT_AUTHORITY_INVALID": "tls-certificate-invalid",
    "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
    "unable to get local issuer certificate (_ssl.c:1006)": "tls-certificate-invalid",
    "net::ERR_PROXY_CONNECTION_FAILED": "proxy-blocks-websocket",
    "net::ERR_TUNNEL_CONNECTION_FAILED": "proxy-blocks-websocket",
    "code: 1008": "signaling-closed",
    "closed 1006": "signaling-closed",
    "CloseEvent {isTrusted: true, wasClean: false, code: 1011, reason: 'boom'}": "signaling-closed",
    "received 1008 (policy violation) bad token; then sent 1008 (policy violation)":
        "signaling-closed",
}  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES)
def test_an_error_message_alone_names_its_cause(message: str) -> None:
    pasted = _read(message)
    assert pasted.root_causes == (MESSAGES[message],)
    assert pasted.kind == "an error message"
    assert "(line 1" in pasted.findings[0].summary


def test_a_reason_is_told_apart_from_the_general_complaint() -> None:
    said = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired"
    assert "expired" in _proofs(_read(said))
    assert "bad token" in _proofs(_read("received 1008 (policy violation) bad token; then sent"))


@pytest.mark.parametrize(
    "text",
    ["", "hello world", "closed 1000", "401 Unauthorized", "the time is 12:00:00", "5", "null",
     "timeout", "it took 1006 ms", "port 1234", "\x00\x01"],
)  # fmt: skip
def test_what_says_nothing_names_nothing(text: str) -> None:
    pasted = read_paste(text, NOW)
    assert pasted is None or pasted.root_causes == ()


def test_a_message_is_known_without_its_code_and_that_is_said() -> None:
    assert "the code is told by its message" in _proofs(_read("Invalid authentication token"))
    frame = json.dumps({"type": "error", "message": "Invalid authentication token"})
    assert "the code is told by its message" in _proofs(_read(frame))


def test_a_browser_that_does_not_say_why_is_unexplained() -> None:
    assert _named("WebSocket connection to 'wss://h/p' failed:") == ("unexplained",)


# --- frames -----------------------------------------------------------------------------------


def test_a_healthy_offer_alone_names_nothing() -> None:
    pasted = _read(_offer())
    assert (pasted.kind, pasted.root_causes, pasted.issues) == ("a frame", (), ())
    assert pasted.record is not None
    assert pasted.record.step("token").status is Status.PASSED
    skipped = [s for s in pasted.record.steps if s.name != "token"]
    assert {(s.status, s.reason) for s in skipped} == {(Status.SKIPPED, NOT_ASKED)}


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"authToken": ""}, "token-missing"),
        ({"authToken": None, "token": TOKEN}, "token-missing"),
        ({"authToken": 5}, "token-malformed"),
        ({"authToken": f"Bearer {TOKEN}"}, "token-malformed"),
        ({"authToken": jwt.encode({"exp": 1700000000}, "k" * 32)}, "token-expired"),
        ({"authToken": jwt.encode({"nbf": 1800000000}, "k" * 32)}, "token-not-yet-valid"),
    ],
)
def test_an_offer_tells_what_is_wrong_with_its_token(changes: dict[str, Any], cause: str) -> None:
    pasted = _read(_offer(**changes))
    assert pasted.root_causes == (cause,)
    assert pasted.findings[0].severity is Severity.CRITICAL
    assert "line 1" in pasted.findings[0].summary


def test_an_offer_over_several_lines_is_a_frame() -> None:
    pasted = _read(json.dumps(json.loads(_offer(authToken="")), indent=2))
    assert (pasted.kind, pasted.root_causes) == ("a frame", ("token-missing",))
    assert [issue.path for issue in pasted.issues] == ["$.authToken"]


@pytest.mark.parametrize(
    ("code", "cause"),
    [("UNAUTHORIZED", "token-rejected"), ("FORBIDDEN", "request-forbidden"),
     ("INVALID_ARGUMENT", "request-invalid"), ("INVALID_MESSAGE", "request-invalid"),
     ("AGENT_FAILURE", "agent-failure"), ("MEDIA_BRIDGE_FAILURE", "media-bridge-failure"),
     ("HANDLER_ERROR", "gateway-error"), ("TEAPOT", "gateway-error")],
)  # fmt: skip
def test_an_error_frame_alone_names_its_cause(code: str, cause: str) -> None:
    assert _named(error_frame(None, code, "no")) == (cause,)


def test_a_bare_description_is_no_frame() -> None:
    pasted = _read(json.dumps({"type": "offer", "sdp": SDP}))
    assert pasted.kind == "a session description"
    assert [i.severity for i in pasted.issues] == [Severity.INFO]
    assert _read(SDP.replace("\r\n", "\n")).issues == ()


def test_a_broken_frame_says_where_its_json_breaks() -> None:
    pasted = _read('{"type": "offer",', ' "sessionId": "",}')
    assert "line 2" in pasted.issues[0].message


# --- logs -------------------------------------------------------------------------------------

T = "2026-03-01T12:00:0{}.000Z"
SHAPES = {
    "one a line": "{}",
    "after a time and an arrow": "2026-03-01T12:00:00.123Z [ws] >>> {}",
    "a level and a word": "12:00:00.123 DEBUG send {}",
    "a prefix with braces": "[app] {{ctx}} sent: {}",
    "a browser's table": "⬆{}\t3021\t10:30:01.123",
    "text in a structured log": None,
    "escaped in a line": None,
    "HAR": None,
}


def _shaped(shape: str, frame: str) -> str:
    template = SHAPES[shape]
    if template is not None:
        return template.replace("{}", frame)
    if shape == "escaped in a line":
        return f"2026-03-01 12:00:00 payload={json.dumps(frame)} size=5"
    if shape == "HAR":
        return json.dumps({"type": "send", "time": 1772366400.1, "opcode": 1, "data": frame})
    return json.dumps({"level": "info", "time": "2026-03-01T12:00:00Z", "msg": {"raw": frame}})


@pytest.mark.parametrize("shape", SHAPES)
def test_frames_are_found_however_a_log_writes_them(shape: str) -> None:
    lines = ["connecting", _shaped(shape, _offer()), "", _shaped(shape, REFUSED)]
    pasted = _read(*lines)
    assert pasted.kind == "a log of 2 frames"
    assert pasted.root_causes == ("token-rejected",)
    assert "(line 4)" in _proofs(pasted)
    healthy = _read(_shaped(shape, _offer()), _shaped(shape, ANSWER))
    assert healthy.root_causes == ()
    assert [i for i in healthy.issues if i.severity is not Severity.INFO] == []


def test_frames_over_several_lines_and_in_an_array() -> None:
    pretty = [json.dumps(json.loads(f), indent=2) for f in (_offer(), REFUSED)]
    assert _named("sent", pretty[0], "received", pretty[1]) == ("token-rejected",)
    array = json.dumps([json.loads(_offer()), json.loads(REFUSED)])
    assert _named(array) == ("token-rejected",)
    assert "frame 1" in _read(json.dumps([{**OFFER, "mode": "x"}, OFFER])).issues[0].path
    indented = json.dumps([json.loads(_offer()), json.loads(REFUSED)], indent=1)
    assert _named(indented) == ("token-rejected",)


def test_a_path_in_a_log_has_its_line_before_it() -> None:
    pasted = _read("hello", _offer(mode="fast"), "bye")
    assert [issue.path for issue in pasted.issues] == ["line 2 $.mode"]


def test_what_the_gateway_refuses_as_invalid_is_named_with_the_offers_faults() -> None:
    pasted = _read(_offer(mode="fast"), error_frame(None, "INVALID_ARGUMENT", "Unknown mode"))
    assert pasted.root_causes == ("request-invalid",)
    assert "$.mode: 'fast' is unknown" in _proofs(pasted)


def test_an_answered_offer_is_a_success_with_its_duration() -> None:
    pasted = _read(T.format(1) + _offer(), T.format(3) + ANSWER, T.format(9) + close_frame("s-1"))
    assert pasted.root_causes == ()
    assert pasted.record is not None
    (seen,) = pasted.record.step("signaling").observations
    assert (seen.failure, seen.duration_ms) == (None, 2000.0)
    assert (pasted.record.call.session_id, pasted.record.call.call_sid) == ("s-1", "call-unique-id")


def test_an_echo_that_is_refused_and_left_out_is_no_fault() -> None:
    refused = error_frame(None, "FORBIDDEN", "Echo mode is not allowed")
    assert _named(_offer(mode="echo"), refused, _offer(), ANSWER) == ()
    assert _named(_offer(mode="echo"), refused) == ("request-forbidden",)


def test_a_close_before_the_answer() -> None:
    pasted = _read(T.format(1) + _offer(), T.format(3) + " socket closed, code: 1011, reason: boom")
    assert pasted.root_causes == ("signaling-closed",)
    assert "Closed with code 1011 (boom) (line 2)" in _proofs(pasted)
    assert _named(_offer(), "<<< " + close_frame("s")) == ("signaling-closed",)


def test_a_close_that_follows_a_refusal_or_ends_a_call_is_no_fault() -> None:
    assert _named(_offer(), REFUSED, "closed 1006") == ("token-rejected",)
    assert _named(_offer(), ANSWER, "closed 1000") == ()
    assert _named("Unexpected server response: 403", "closed 1006") == ("websocket-refused",)


def test_a_connection_lost_in_mid_call() -> None:
    pasted = _read(
        f"12:00:00.000 {_offer()}", f"12:00:01.000 {ANSWER}", "12:01:01.000 onclose code=1006"
    )
    assert pasted.root_causes == ("signaling-lost",)
    assert _proofs(pasted).startswith("60 s after the answer closed with code 1006 (line 3)")
    untimed = _proofs(_read(_offer(), ANSWER, "onclose code=1006"))
    assert untimed.startswith("After the answer closed with code 1006 (line 3; the paste does not")


@pytest.mark.parametrize(
    ("lines", "causes"),
    [
        (["12:00:00 {}", "12:00:20 still waiting"], ("signaling-timeout",)),
        (["23:59:55 {}", "00:00:15 still waiting"], ("signaling-timeout",)),
        (["{}", "Error: no answer after 30000 ms"], ("signaling-timeout",)),
        (["{}", "gave up"], ("signaling-timeout",)),
        (["12:00:00 {}", "12:00:02 still waiting"], ()),
        (["{}", "still waiting"], ()),
        (["{}"], ()),
    ],
)
def test_silence_is_a_timeout_only_where_somebody_waited(
    lines: list[str], causes: tuple[str, ...]
) -> None:
    assert _named(*(line.replace("{}", _offer()) for line in lines)) == causes


def test_how_long_somebody_waited_is_told_where_it_is_known() -> None:
    assert "in 20 s (line 1" in _proofs(_read(f"12:00:00 {_offer()}", "12:00:20 x"))
    assert "in 30 s (line 2)" in _proofs(_read(_offer(), "timeout after 30 s"))
    unknown = _proofs(_read(_offer(), "gave up"))
    assert "nothing came back (line 2; the paste does not tell how long it waited)" in unknown


def test_a_token_is_judged_at_the_logs_own_time() -> None:
    token = jwt.encode({"exp": 1700000000}, "k" * 32)  # 2023-11-14 22:13:20
    frame = _offer(authToken=token)
    now = _read(f"x {frame}")
    assert (now.root_causes, now.own_time, now.judged_at) == (("token-expired",), False, NOW)
    then = _read(f"2023-11-14T22:00:00Z {frame}")
    assert (then.root_causes, then.own_time) == ((), True)
    assert then.judged_at == datetime(2023, 11, 14, 22, 0, tzinfo=UTC)


def test_failures_to_connect_that_were_overcome_are_not_named() -> None:
    redis = "redis: connect ECONNREFUSED 127.0.0.1:6379"
    assert _named(redis, _offer(), ANSWER) == ()
    assert _named(redis, _offer(), REFUSED) == ("token-rejected",)


def test_an_answer_that_cannot_be_read() -> None:
    answer = json.dumps({"type": "answer", "sessionId": "s", "data": {"type": "answer", "sdp": 5}})
    pasted = _read(_offer(), answer)
    assert pasted.root_causes == ("signaling-protocol-violation",)
    assert "$.data.sdp" in _proofs(pasted)


def test_an_answer_that_takes_opus_away_is_an_issue() -> None:
    without = ANSWER.replace("opus/48000/2", "PCMU/8000")
    found = [i for i in _read(_offer(), without).issues if i.cause == "opus-rejected"]
    assert [i.path for i in found] == ["line 2 $.data.sdp.audio"]


def test_frames_that_are_cut_off_are_noted() -> None:
    pasted = _read(_offer()[:300] + "…", ANSWER[:200] + "…")
    assert pasted.root_causes == ()
    assert [i.severity for i in pasted.issues] == [Severity.INFO, Severity.INFO]
    assert _named(_offer()[:300] + "…", REFUSED[:-10] + "…") == ("token-rejected",)


def test_where_it_was_aimed_is_kept_without_login_and_query() -> None:
    url = "wss://user:pass@webrtc-gateway.uk-1.platform.polyai.app/api/v1/webrtc/signal?token=x"
    pasted = _read(f"open {url}", _offer(), REFUSED)
    assert pasted.record is not None
    assert pasted.record.call.region == "uk-1"
    bare = "wss://webrtc-gateway.uk-1.platform.polyai.app/api/v1/webrtc/signal"
    assert pasted.record.target["url"] == bare


# --- times ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds", "of_day"),
    [
        ("2026-03-01T12:00:00Z x", 1772366400, False),
        ("[2026-03-01 12:00:00,250] x", 1772366400.25, False),
        ("2026-03-01T13:00:00.5+01:00", 1772366400.5, False),
        ("x 1772366400123 y", 1772366400.123, False),
        ("1772366400.25 y", 1772366400.25, False),
        ("at 12:00:01.5 sharp", 43201.5, True),
        ("2026-13-41T12:00:00Z", None, False),
        ("AB:CD:EF:01:02:03 x", None, False),
        ("10.0.0.1:8080", None, False),
        ("25:00:00", None, False),
    ],
)
def test_times_as_logs_write_them(text: str, seconds: float | None, of_day: bool) -> None:
    moment = find_moment(text)
    assert moment == (None if seconds is None else Moment(seconds, of_day))


def test_the_last_time_of_a_log() -> None:
    assert last_moment("12:00:00 a\n12:00:07 b\nend\n") == Moment(43207, of_day=True)
    assert Moment(1.0).until(Moment(5.0, of_day=True)) is None


# --- anything at all --------------------------------------------------------------------------

PIECES = st.sampled_from(
    [_offer(), ANSWER, REFUSED, close_frame("s"), "{", "}", '"', "[", "\n", "12:00:00 ", "closed ",
     "1006", "code: ", '{"type":', '"offer"', "timeout", " >>> ", "Unauthorized", "…", "\ud800",
     _offer(authToken="Bearer x y z"), "UNAUTHORIZED", "1772366400123 ", "wss://[", "wss://h/p"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12).map("".join))
def test_no_paste_breaks_the_reading(text: str) -> None:
    pasted = read_paste(text, NOW)
    assert pasted is None or pasted.kind
    assert pasted is None or all(f.evidence for f in pasted.findings)


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_no_text_breaks_the_reading(text: str) -> None:
    read_paste(text, NOW)


def test_a_flood_of_frames_and_faults_is_cut_and_that_is_said() -> None:
    pasted = _read(*[_offer(mode="fast")] * 5001)
    assert pasted.kind == "a log of 5000 frames"
    assert len(pasted.issues) == 202
    assert [i.message for i in pasted.issues[-2:]] == [
        "no more than the first 5000 frames are judged", "4800 more faults are left out",
    ]  # fmt: skip


@pytest.mark.parametrize("spoil", ["{}", "Bearer {}", "{} ", '"{}"', "{}\u200b"])
def test_a_token_in_a_log_is_never_shown(spoil: str) -> None:
    token = "tell-nobody-0123456789"
    lines = [
        f"token={token} connecting to wss://h/p?token={token}",
        _offer(authToken=spoil.format(token), mode=token, type="offer"),
        error_frame(token, "UNAUTHORIZED", f"Invalid token {spoil.format(token)}"),
        f"closed 1008 reason: {token}",
    ]
    for paste in (lines, lines[:2], lines[1:2] + lines[3:]):
        pasted = _read(*paste)
        assert token not in repr((pasted.issues, pasted.findings, pasted.kind))


@pytest.mark.parametrize(
    "text",
    [
        "{" * 10**5,
        '{"a":' * 10**5,
        '{"a":\n' * 10**4,
        '{"a":[\n' * 10**4,
        '{"a": "' + "x" * 10**6,
        ('{"a": "' + "x" * 3000 + "\n") * 1000,
        '{"type":"offer","data":"\n' * 10**4,
        '{"x":1}' * 5 * 10**4,
        '{"x":1}\n' * 5 * 10**4,
        "closed closed code timeout 12:00:00\n" * 10**4,
        "timeout " * 10**5,
        "reason: " * 10**5,
        "wss://" * 10**5,
        "ice-servers " * 10**4 + "\n" + "ice-servers\n" * 10**4,
        '{"type":"close","sessionId":"s"}\n' * 6_000,
        '"{\\"type\\":' * 10**4,
        json.dumps({"log": {"entries": [{"data": '{"type":"close"}'}] * 20_000}}),
    ],
    ids=range(17),
)
def test_hostile_pastes_are_read_in_bounded_time(text: str) -> None:
    begun = time.perf_counter()
    read_paste(text, NOW)
    assert time.perf_counter() - begun < 10
