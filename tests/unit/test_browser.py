"""The result of a browser's check: hostile input, retold as a record and judged by the rules."""

from __future__ import annotations

import base64
import json
import textwrap
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyai_diag import Report
from polyai_diag.analysis.browser import browser_check_in, browser_record
from polyai_diag.analysis.browser_notes import NOTES
from polyai_diag.analysis.paste import read_paste
from polyai_diag.causes import judge
from polyai_diag.causes.browser_advice import ADVICE, DENIALS, SITUATIONS, advice
from polyai_diag.cli import main
from polyai_diag.model import BROWSER, STEP_NAMES, Severity, Status, Verdict
from tests.unit.checks import CASES, CONNECTED, CRITICAL, WARNING, check, csp, denied, saw

NOW = datetime(2026, 3, 2, tzinfo=UTC)
GATEWAY = "https://gateway.example/api/v1/ice-servers"


def judged(*observations: dict[str, Any], **more: Any) -> dict[str, Severity]:
    pasted = read_paste(json.dumps(check(*observations, **more)), NOW)
    assert pasted is not None
    return {finding.id: finding.severity for finding in pasted.findings}


@pytest.mark.parametrize(("seen", "named"), CASES)
def test_what_is_named(seen: list[dict[str, Any]], named: dict[str, Severity]) -> None:
    assert judged(*seen) == named


@pytest.mark.parametrize(
    ("seen", "named"),
    [
        (csp("connect-src", "wss://gateway.example"), True),
        (csp("connect-src", GATEWAY), True),
        (csp("webrtc", "inline"), True),
        (csp("connect-src", "https://ads.example"), False),
        (csp("img-src", "inline"), False),
    ],
)
def test_a_policy_counts_where_it_forbids_the_gateway(seen: dict[str, Any], named: bool) -> None:
    assert judged(seen) == ({"csp-blocks-gateway": CRITICAL} if named else {})


def test_a_microphone_that_is_refused_explains_that_nothing_is_sent() -> None:
    stats = [
        {"type": "outbound-rtp", "kind": "audio", "packetsSent": 0},
        {"type": "inbound-rtp", "kind": "audio", "packetsReceived": 500, "packetsLost": 0},
        {"type": "transport", "dtlsState": "connected"},
    ]
    pasted = read_paste(json.dumps(check(denied("system"), CONNECTED, statistics=stats)), NOW)
    assert pasted is not None
    assert pasted.root_causes == ("microphone-denied",)
    explained = next(f for f in pasted.findings if f.id == "no-audio-sent")
    assert explained.explained_by == ("microphone-denied",)


def test_packets_and_round_trips_are_judged_as_a_runs_are() -> None:
    stats = [
        {"type": "outbound-rtp", "kind": "audio", "packetsSent": 1000},
        {"type": "inbound-rtp", "kind": "audio", "packetsReceived": 900, "packetsLost": 100},
        {"type": "transport", "dtlsState": "connected"},
    ]
    samples = [{"round_trip_ms": 450.0 + n, "checks_answered": n} for n in range(8)]
    found = judged(CONNECTED, statistics=stats, samples=samples)
    assert found == {"packet-loss": CRITICAL, "high-latency": WARNING}


def test_a_silent_relay_past_its_own_server_is_no_finding() -> None:
    url = "turn:relay.example:3478?transport=udp"
    granted = saw(
        "turn_allocate", step="turn", endpoint=url, url=url, relayed_address="192.0.2.1:5"
    )
    silent = saw("turn_relayed_echo", "generic_timeout", step="turn", endpoint=url, url=url)
    assert judged(granted, silent) == {}


def turn(operation: str, failure: str | None, url: str, **notes: Any) -> dict[str, Any]:
    given = {"relayed_address": "192.0.2.1:5"} if failure is None else {}
    return saw(operation, failure, step="turn", endpoint=url, url=url, **given, **notes)


def stun(host: str) -> dict[str, Any]:
    url = f"stun:{host}"
    return saw("stun_binding", "generic_timeout", step="stun", endpoint=url, url=url)


def test_udp_is_blocked_where_two_operators_are_silent_and_tls_works() -> None:
    silent = [stun("stun.one.example"), stun("stun.other.test")]
    works = turn("turn_allocate", None, "turns:stun.one.example?transport=tcp")
    online = saw("websocket_upgrade", step="gateway", endpoint="wss://gateway.example/signal")
    assert "udp-blocked" in judged(*silent, online)
    target = {"url": "wss://gateway.example", "ice_urls": ["turns:stun.one.example?transport=tcp"]}
    named = judged(*silent, works, target=target)
    assert named == {"udp-blocked": WARNING, "stun-unreachable": WARNING}
    assert "udp-blocked" not in judged(silent[0], works)
    assert "udp-blocked" not in judged(*silent)


def test_credentials_whose_time_has_passed_have_expired() -> None:
    url = "turn:turn.example?transport=tcp"
    refused = turn("turn_allocate", "stun_unauthorized", url, username="1700000000")
    assert judged(refused) == {"turn-credentials-expired": WARNING}


# --- the record -------------------------------------------------------------------------------


def record_of(**more: Any) -> Any:
    record = browser_record(json.dumps(check(**more)), NOW)
    assert record is not None
    return record


def test_the_browser_is_an_optional_tenth_step() -> None:
    record = record_of(observations=[saw("secure_context")])
    assert [step.name for step in record.steps] == [*STEP_NAMES, BROWSER]
    report = Report(record)
    again = Report.from_json(report.to_json())
    assert again.record == record
    assert again.verdict is Verdict.HEALTHY
    for shown in (report.to_html(), report.to_markdown(), report._repr_html_()):
        assert "Chrome 130 on Windows" in shown
        assert "not the customer&#39;s browser" not in shown
        assert "not the customer's browser" not in shown


def test_its_time_is_its_own_unless_it_cannot_be_used() -> None:
    assert record_of().started.startswith("2026-03-01T12:00")
    for bad in ("", "yesterday", "2026-03-01T12:00:00", "0001-01-01T00:00:00Z"):
        assert record_of(started=bad).started.startswith("2026-03-02")


def test_a_check_that_was_stopped_or_broke_is_not_complete() -> None:
    stopped = record_of(ended="cancelled", running="call", observations=[saw("secure_context")])
    assert stopped.step(BROWSER).status is Status.CANCELLED
    assert Report(stopped).verdict is Verdict.INCOMPLETE
    broken = record_of(errors=[{"step": "call", "text": "TypeError: x"}])
    assert broken.step(BROWSER).status is Status.ERROR
    assert "TypeError" in broken.step(BROWSER).reason


def test_secrets_that_an_edited_result_holds_are_not_shown() -> None:
    token = "eyJhbGciOi.eyJleHAiOjE3.c2lnbmF0dXJl"
    seen = saw("offer_answer", "gateway_error", step="signaling", code="UNAUTHORIZED",
               message=f"bad token {token}")  # fmt: skip
    assert token not in Report(record_of(observations=[seen])).to_json()


# --- how it is met ----------------------------------------------------------------------------


def block(result: dict[str, Any], width: int = 72) -> str:
    told = base64.b64encode(json.dumps(result).encode()).decode()
    mark = "POLYAI BROWSER CHECK"
    lines = textwrap.wrap(told, width)
    return "\n".join([f"-----BEGIN {mark}-----", *lines, f"-----END {mark}-----"])


MAILED = [
    lambda text: text,
    lambda text: f"Hello,\nthis is what the page said:\n\n{text}\n\nRegards\n",
    lambda text: text.replace("\n", "\r\n"),
    lambda text: "\n".join(f"> > {line}" for line in text.splitlines()),
    lambda text: text.replace("\n", "\n    "),
    lambda text: text.replace("\n", " "),
    lambda text: text.replace("-----", "--"),
]


@pytest.mark.parametrize("mail", MAILED)
def test_the_text_survives_mail(mail: Any) -> None:
    told = mail(block(check(denied("person"), browser={"brand": "Chromé – 130"})))
    pasted = read_paste(told, NOW)
    assert pasted is not None
    assert pasted.root_causes == ("microphone-denied",)
    assert pasted.record is not None
    assert "Chromé –" in pasted.record.environment["hostname"]


def test_a_text_that_is_cut_off_is_told_so(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = block(check(denied("person")))
    for text in (whole[: len(whole) // 2], '{"browser_check": 1, "obs', '{"browser_check": 99}'):
        file = tmp_path / "cut.txt"
        file.write_text(text)
        assert main(["analyze", str(file)]) == 2
        said = capsys.readouterr().err
        assert "cut off, changed on the way, or of a newer version" in said
        assert said.count("\n") == 1


def test_what_is_no_check_is_left_to_the_others() -> None:
    assert browser_check_in('{"type": "offer"}') is None
    assert browser_check_in("browser_check") is None
    assert browser_check_in("v=0") is None


JUNK = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5)
    | st.sampled_from([10**400, -(10**18), "x" * 5000, "1e999"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)  # fmt: skip
FULL = check(
    denied("policy"),
    saw("microphone_listen", band_edge_hz=4000, peak_dbfs=-3.0, active_level_dbfs=-20.0),
    saw("overhearing", rise_db=9, correlation=0.8, speaking_s=3, pausing_s=2),
    saw("frame_policy", microphone=False, allow=None),
    csp("connect-src", "wss://gateway.example"),
    stun("one.example"),
    turn("turn_allocate", "stun_unauthorized", "turn:x?transport=tcp", username="1700000000"),
    turn("turn_allocate", None, "turns:x"),
    saw("ice_servers_fetch", "http_status", step="gateway", status=401),
    saw("offer_answer", "gateway_error", step="signaling", code="UNAUTHORIZED", message="no"),
    saw("ice_connect", "ice_failed", step="call", local=1, remote=1, pairs=[
        {"local_type": "relay", "remote_type": "host", "remote_address": "192.0.2.1:5",
         "state": "succeeded", "nominated": True, "sent": 9, "answered": 9},
        {"local_type": "host", "remote_type": "host", "remote_address": "192.0.2.1:5",
         "state": "in_progress", "sent": 9, "answered": 0},
    ]),
    CONNECTED,
    saw("call_watch", "call_ended", step="call", after_answer_s=3.0),
    statistics=[{"type": "inbound-rtp", "packetsReceived": 9, "packetsLost": 1}],
    samples=[{"round_trip_ms": 12.0, "checks_answered": 3}],
    descriptions={"offer": "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "answer": "v=0\r\n"},
    errors=[{"step": "call", "text": "x"}],
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = []
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inside:
        found.append((*path, key))
        if isinstance(one, dict | list):
            found += places(one, (*path, key))
    return found


PLACES = places(FULL)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK), min_size=1, max_size=6))
def test_any_junk_in_it_is_judged_or_left_out(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    told = json.loads(json.dumps(FULL))
    for path, junk in changes:
        at = told
        for key in path[:-1]:
            at = at[key] if isinstance(at, dict | list) and _has(at, key) else {}
        if isinstance(at, dict) or (isinstance(at, list) and _has(at, path[-1])):
            at[path[-1]] = junk
    record = browser_record(json.dumps(told), NOW)
    if record is not None:
        assert all(finding.evidence for finding in judge(record))
        Report.from_json(Report(record).to_json())


def _has(held: Any, key: Any) -> bool:
    return key in held if isinstance(held, dict) else isinstance(key, int) and key < len(held)


@settings(max_examples=200)
@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_between_the_marks_is_read_or_not(text: str) -> None:
    mark = "POLYAI BROWSER CHECK"
    found = browser_check_in(f"-----BEGIN {mark}-----\n{text}\n-----END {mark}-----")
    assert found is not None
    browser_record(found, NOW)


def test_a_flood_is_bounded() -> None:
    flood = [saw("secure_context")] * 5000
    pasted = read_paste(json.dumps(check(*flood)), NOW)
    assert pasted is not None
    assert pasted.record is not None
    assert len(pasted.record.step(BROWSER).observations) == 300


# --- advice -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("situation", "browser", "word"),
    [
        ("allow-in-browser", {"name": "firefox", "system": "linux"}, "struck-out"),
        ("allow-in-browser", {"name": "safari", "system": "ios"}, "Website Settings"),
        ("allow-in-browser", {"name": "chrome", "system": "android"}, "Permissions"),
        ("allow-in-system", {"name": "chrome", "system": "macos"}, "System Settings"),
        ("allow-in-page", {"name": "edge"}, "iframe"),
        ("allow-in-browser", {"name": "chrome", "embedded": True}, "app"),
        ("allow-in-system", {"name": "unknown", "system": "unknown"}, ""),
        ("allow-in-browser", {}, ""),
    ],
)
def test_what_to_press(situation: str, browser: dict[str, Any], word: str) -> None:
    said = advice(situation, browser)
    assert word in said
    assert bool(said) == bool(word)


def test_every_situation_has_advice() -> None:
    assert {*SITUATIONS.values(), *DENIALS.values()} == set(ADVICE)


def test_the_remedy_is_told_for_the_browser_that_was_met() -> None:
    pasted = read_paste(json.dumps(check(denied("system"))), NOW)
    assert pasted is not None
    assert "Windows: Settings" in pasted.findings[0].remedy


def test_every_operation_that_may_be_told_has_its_notes() -> None:
    for operation in NOTES:
        assert operation.isidentifier()
