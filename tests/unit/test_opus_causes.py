"""What offer and answer make of Opus, named from a run, from an SDP and from a log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from polyai_diag.analysis.paste import read_paste
from polyai_diag.analysis.sdp_compare import compare_sdp, judge_issues
from polyai_diag.causes import judge, root_causes
from polyai_diag.failures import Failure
from polyai_diag.model import Severity, Status
from polyai_diag.protocol import answer_frame
from tests.unit.records import record, saw, step
from tests.unit.test_sdp import ANSWER, CHROMIUM, NO_OPUS

if TYPE_CHECKING:
    from polyai_diag.model import Finding

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CAPPED = "minptime=10;maxplaybackrate=8000;maxaveragebitrate=6000"
NARROW = ANSWER.replace("minptime=10;useinbandfec=1", CAPPED)
MONO = ANSWER.replace("opus/48000/2", "opus/48000")
ONE_WAY = ANSWER.replace("a=sendrecv", "a=recvonly")
REJECTED = ANSWER.replace("m=audio 9", "m=audio 0")
BOTH = MONO.replace("a=sendrecv", "a=sendonly")


def _judged(offer: str, answer: str, *more: object) -> tuple[Finding, ...]:
    """Judge a run in which these two were exchanged, and nothing else went wrong."""
    failure, notes = judge_issues(compare_sdp(offer, answer))
    seen = saw("sdp_compare", "offer and answer", failure, **notes)
    return judge(record(step("opus", seen), *more))  # type: ignore[arg-type]


CASES = {
    "opus-not-offered": (NO_OPUS, ANSWER, Severity.CRITICAL),
    "opus-rejected": (CHROMIUM, REJECTED, Severity.CRITICAL),
    "opus-misconfigured": (CHROMIUM, MONO, Severity.CRITICAL),
    "media-direction": (CHROMIUM, ONE_WAY, Severity.CRITICAL),
    "signaling-protocol-violation": (CHROMIUM, CHROMIUM, Severity.CRITICAL),
}


@pytest.mark.parametrize("cause_id", CASES)
def test_each_is_named_from_its_fault(cause_id: str) -> None:
    offer, answer, severity = CASES[cause_id]
    (finding,) = _judged(offer, answer)
    assert (finding.id, finding.severity) == (cause_id, severity)


def test_a_healthy_pair_names_nothing() -> None:
    assert _judged(CHROMIUM, ANSWER) == ()


def test_a_cap_is_a_warning_that_says_which_and_fails_no_step() -> None:
    failure, notes = judge_issues(compare_sdp(CHROMIUM, NARROW))
    assert failure is None
    assert "cause" not in notes
    (finding,) = _judged(CHROMIUM, NARROW)
    assert (finding.id, finding.severity) == ("opus-misconfigured", Severity.WARNING)
    said = [item.text for item in finding.evidence]
    assert said[0].startswith("answer.audio.fmtp.maxplaybackrate: ")
    assert "6000 b/s" in said[1]


def test_what_is_only_odd_is_evidence_and_no_finding() -> None:
    odd = ANSWER.replace("useinbandfec=1", "useinbandfec=0")
    failure, notes = judge_issues(compare_sdp(CHROMIUM, odd))
    assert failure is None
    assert [issue["severity"] for issue in notes["issues"]] == ["info"]
    assert _judged(CHROMIUM, odd) == ()


def test_all_issues_are_kept_and_two_faults_are_two_findings() -> None:
    findings = _judged(CHROMIUM, BOTH)
    assert {f.id for f in findings} == {"opus-misconfigured", "media-direction"}
    assert all(f.severity is Severity.CRITICAL for f in findings)


def test_a_step_that_fails_is_never_unexplained() -> None:
    failure, _ = judge_issues(compare_sdp(CHROMIUM, ANSWER.replace("a=ice-pwd:3", "a=x:")))
    assert failure is Failure.SDP_REJECTED
    (finding,) = _judged(CHROMIUM, ANSWER.replace("a=ice-pwd:3", "a=x:"))
    assert "ice-pwd" in finding.summary


def test_one_direction_explains_the_silence() -> None:
    silent = step("call", saw("rtp_receive", "gateway", Failure.NO_RTP, detail="no packet in 5 s"))
    assert root_causes(_judged(CHROMIUM, ONE_WAY, silent)) == ("media-direction",)


def _pasted(*lines: str) -> dict[str, Severity]:
    pasted = read_paste("\n".join(lines), NOW)
    assert pasted is not None
    return {finding.id: finding.severity for finding in pasted.findings}


def _offer(sdp: str) -> str:
    frame = {"type": "offer", "sessionId": "", "authToken": "a" * 40, "callSid": "x"}
    return json.dumps({**frame, "data": {"type": "offer", "sdp": sdp}})


@pytest.mark.parametrize(
    ("sdp", "named"),
    [
        (CHROMIUM, {}),
        (ANSWER, {}),
        (NO_OPUS, {"opus-not-offered": Severity.CRITICAL}),
        (REJECTED, {"opus-rejected": Severity.CRITICAL}),
        (MONO, {"opus-misconfigured": Severity.CRITICAL}),
        (NARROW, {"opus-misconfigured": Severity.WARNING}),
        (ONE_WAY, {"media-direction": Severity.WARNING}),  # what the other side says is not told
    ],
)
def test_named_from_a_pasted_sdp(sdp: str, named: dict[str, Severity]) -> None:
    assert _pasted(sdp) == named
    kind = "offer" if "actpass" in sdp else "answer"
    lacking = {"opus-rejected" if "not-offered" in n and kind == "answer" else n for n in named}
    assert set(_pasted(json.dumps({"type": kind, "sdp": sdp}))) == lacking


def test_named_from_a_pasted_frame() -> None:
    assert _pasted(_offer(NO_OPUS)) == {"opus-not-offered": Severity.CRITICAL}
    assert _pasted(answer_frame("s-1", MONO)) == {"opus-misconfigured": Severity.CRITICAL}
    assert _pasted(answer_frame("s-1", REJECTED)) == {"opus-rejected": Severity.CRITICAL}


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (ANSWER, {}),
        (REJECTED, {"opus-rejected": Severity.CRITICAL}),
        (ONE_WAY, {"media-direction": Severity.CRITICAL}),
        (NARROW, {"opus-misconfigured": Severity.WARNING}),
        (CHROMIUM, {"signaling-protocol-violation": Severity.CRITICAL}),
    ],
)
def test_named_from_a_log_of_both(answer: str, named: dict[str, Severity]) -> None:
    assert _pasted(_offer(CHROMIUM), answer_frame("s-1", answer)) == named


@pytest.mark.parametrize(
    "cut", ["v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns…", "v=0\r\n...", "<sdp>", "***"]
)
def test_a_description_that_is_hidden_or_cut_off_names_nothing(cut: str) -> None:
    assert _pasted(_offer(cut)) == {}
    assert not set(_pasted(_offer(CHROMIUM), answer_frame("s-1", cut))) & set(CASES) - {
        "signaling-protocol-violation"
    }


def test_the_place_in_the_log_is_told() -> None:
    pasted = read_paste(f"{_offer(CHROMIUM)}\n{answer_frame('s-1', NARROW)}", NOW)
    assert pasted is not None
    assert pasted.record is not None
    assert pasted.record.step("opus").status is Status.PASSED
    assert "(line 2)" in pasted.findings[0].summary
    kept = [i for i in pasted.issues if i.cause == "opus-misconfigured"]
    assert {i.severity for i in kept} == {Severity.WARNING}, "an answer does not make it harmless"
