"""A report goes out as JSON and comes back; what is none is refused in one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.failures import Failure
from polyai_diag.model import SCHEMA_VERSION, STEP_NAMES, Status, StepResult
from polyai_diag.report import Report, ReportError
from tests.unit.records import record, saw, step

if TYPE_CHECKING:
    from pathlib import Path

FAILED = record(
    step("token", saw("token_read", "token", Failure.TOKEN_EXPIRED, detail="expired 5 min ago")),
    step("signaling", saw("offer_answer", "wss://h/x", Failure.GATEWAY_ERROR,
                          code="UNAUTHORIZED", message="Token ✗ „abgelaufen“")),
    step("call", status=Status.SKIPPED, reason="needs signaling, which failed"),
)  # fmt: skip


def _document(**changes: Any) -> dict[str, Any]:
    return {**json.loads(Report(FAILED).to_json()), **changes}


def test_a_report_comes_back_as_it_went() -> None:
    report = Report(FAILED)
    again = Report.from_json(report.to_json())
    assert again.record == FAILED
    assert again.findings == report.findings
    assert again.to_json() == report.to_json()
    assert Report.from_json(report.to_json().encode()).record == FAILED
    assert report.root_causes == again.root_causes == ("token-expired",)
    assert (report.verdict, report.step("token").status) == ("failed", "failed")
    assert repr(report) == "<Report failed: token-expired>"


def test_the_keys_stand_in_their_order_with_the_verdict_first_to_read() -> None:
    document = json.loads(Report(FAILED).to_json())
    assert list(document)[:7] == [
        "schema_version", "tool", "started", "duration_ms", "verdict", "root_causes", "findings",
    ]  # fmt: skip
    assert document["findings"][0]["evidence"][0] == {
        "step": "token",
        "observation": 0,
        "text": "The token: expired 5 min ago",
        "control": False,
    }
    assert "„abgelaufen“" in Report(FAILED).to_json()


def test_a_saved_verdict_is_not_believed_but_judged_anew() -> None:
    lying = _document(verdict="healthy", root_causes=[], findings=[])
    assert Report.from_json(json.dumps(lying)).verdict == "failed"
    bare = {k: v for k, v in lying.items() if k not in ("verdict", "root_causes", "findings")}
    assert Report.from_json(json.dumps(bare)).root_causes == ("token-expired",)


def test_unknown_keys_are_passed_over() -> None:
    document = _document(new={"a": 1})
    document["steps"][0]["new"] = document["steps"][0]["observations"][0]["new"] = [1]
    assert Report.from_json(json.dumps(document)).record == FAILED


def test_a_browser_step_may_be_the_tenth() -> None:
    browser = StepResult(name="browser", status=Status.PASSED)
    with_browser = msgspec.structs.replace(FAILED, steps=(*FAILED.steps, browser))
    again = Report.from_json(Report(with_browser).to_json())
    assert again.step("browser") == browser
    assert again.root_causes == ("token-expired",)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "{", "null", "[]", "{}", "hello", "\ud800", b"\xff\xfe", "[" * 100_000,
        '{"schema_version": 1}', json.dumps("x" * 10),
    ],
)  # fmt: skip
def test_junk_is_no_report(text: str | bytes) -> None:
    with pytest.raises(ReportError) as refused:
        Report.from_json(text)
    assert "\n" not in str(refused.value)
    assert "no report of polyai-diag" in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"started": "yesterday"}, "$.started: not a date"),
        ({"started": "2026-03-01T12:00:00"}, "$.started: no time zone"),
        ({"started": 5}, "$.started"),
        ({"steps": []}, "$.steps: not the nine steps"),
        ({"steps": _document()["steps"][:8]}, "$.steps: not the nine steps"),
        ({"steps": _document()["steps"][::-1]}, "$.steps: not the nine steps"),
        ({"steps": [{"name": n, "status": "fine"} for n in STEP_NAMES]}, "$.steps[0].status"),
        ({"target": None}, "$.target"),
        ({"call": {}}, "call_sid"),
        ({"duration_ms": "long"}, "$.duration_ms"),
        ({"schema_version": "1"}, "$.schema_version"),
    ],
)
def test_a_damaged_report_is_refused_where_it_breaks(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ReportError) as refused:
        Report.from_json(json.dumps(_document(**changes)))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_newer_schema_asks_for_a_newer_tool() -> None:
    with pytest.raises(ReportError, match="install a newer polyai-diag"):
        Report.from_json(json.dumps(_document(schema_version=SCHEMA_VERSION + 1)))


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_no_input_breaks_the_reading(text: bytes | str) -> None:
    with pytest.raises(ReportError):
        Report.from_json(text)


def test_a_frame_has_a_row_for_each_observation() -> None:
    frame = Report(FAILED).to_frame()
    assert list(frame.columns) == [
        "step", "operation", "endpoint", "started_ms", "duration_ms", "failure", "notes",
    ]  # fmt: skip
    assert list(frame["step"]) == ["token", "signaling"]
    assert list(frame["failure"]) == ["token_expired", "gateway_error"]
    assert frame["notes"][1]["code"] == "UNAUTHORIZED"
    empty = Report(record()).to_frame()
    assert (len(empty), list(empty.columns)) == (0, list(frame.columns))


def test_a_report_is_saved_and_read_back(tmp_path: Path) -> None:
    path = Report(FAILED).save(tmp_path / "report.json")
    assert Report.from_json(path.read_bytes()).record == FAILED
    assert Report(FAILED).save(str(path)) == path


@pytest.mark.parametrize("name", ["report.txt", "report", "report.json.gz", ".json"])
def test_another_ending_is_refused_and_nothing_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReportError, match=r"one of \.json, \.html, \.md"):
        Report(FAILED).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        Report(FAILED).save(tmp_path / "nowhere" / "report.json")


DOCTORED = {
    "a list that is none": [
        step("call", saw("ice_connect", "gateway", Failure.ICE_FAILED, pairs="not a list")),
    ],
    "a time that no calendar has": [
        step("token", saw("token_read", "token")),
        step("gateway", saw("clock_read", "h", verified=True, offset_s=1e15, uncertainty_s=1)),
    ],
}


@pytest.mark.parametrize("name", DOCTORED)
def test_a_doctored_note_is_one_line_and_no_traceback(name: str) -> None:
    document = msgspec.to_builtins(record(*DOCTORED[name]))
    with pytest.raises(ReportError) as refused:
        Report.from_json(json.dumps(document))
    assert "\n" not in str(refused.value)
