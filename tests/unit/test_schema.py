"""The JSON Schema that ships with the package is the one of the types, and reports keep it."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from polyai_diag.failures import Failure
from polyai_diag.model import STEP_NAMES, Record, Status, Verdict
from polyai_diag.report import Report
from polyai_diag.report.schema import json_schema
from tests.unit.records import record, saw, step

SHIPPED = resources.files("polyai_diag.report").joinpath("schema.json")
TOP = {
    "schema_version", "tool", "started", "duration_ms", "verdict", "root_causes", "findings",
    "handover", "steps", "call", "target", "environment",
}  # fmt: skip
FINDING = {
    "id", "severity", "title", "summary", "evidence", "remedy", "reference", "guide",
    "explained_by", "flaky",
}  # fmt: skip
EVIDENCE = {"step", "observation", "text", "control"}
FLAKY = {"failed", "asked"}
STEP = {"name", "status", "reason", "started_ms", "duration_ms", "data", "observations"}
OBSERVATION = {"operation", "endpoint", "started_ms", "duration_ms", "failure", "notes"}
HANDOVER = {"customer", "network", "gateway"}
CALL = {"call_sid", "session_id", "region"}

BLOCKED = record(
    step("gateway", saw("tcp_connect", "h:443"), saw("tls_handshake", "h:443", version="TLSv1.3")),
    step("stun", saw("stun_binding", "stun:a:3478", Failure.GENERIC_TIMEOUT, sent=6),
         saw("stun_binding", "stun:b:3478", Failure.GENERIC_TIMEOUT, sent=6), udp="silent"),
    step("call", saw("ice_connect", "gateway", Failure.ICE_FAILED, pairs=[]), reason="no pair"),
    ice_urls=["stun:a:3478", "stun:b:3478"],
)  # fmt: skip
RECORDS = {
    "nothing asked": record(),
    "healthy": record(*(step(name) for name in STEP_NAMES)),
    "blocked": BLOCKED,
    "unexplained": record(step("nat", status=Status.FAILED, reason="who knows")),
    "a fault of ours": record(step("opus", status=Status.ERROR, reason="a fault of this tool")),
    "odd numbers": record(step("audio", gain_db=float("nan"), level_dbfs=float("-inf"))),
}


def _shipped() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return schema


def test_the_shipped_schema_is_the_one_of_the_types() -> None:
    assert _shipped() == json.loads(json.dumps(json_schema())), (
        "write it anew: python -m polyai_diag.report.schema > polyai_diag/report/schema.json"
    )


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(_shipped())


def test_the_schema_requires_every_public_key() -> None:
    kinds = _shipped()["$defs"]
    wanted = {"Document": TOP, "Finding": FINDING, "Evidence": EVIDENCE, "StepResult": STEP,
              "Observation": OBSERVATION, "CallIds": CALL,
              "Handover": HANDOVER, "Flaky": FLAKY}  # fmt: skip
    for kind, keys in wanted.items():
        assert set(kinds[kind]["properties"]) == keys
        assert set(kinds[kind]["required"]) == keys
    assert set(kinds["Severity"]["enum"]) == {"critical", "warning", "info"}
    assert set(kinds["Verdict"]["enum"]) == {"healthy", "degraded", "failed", "incomplete"}
    assert set(kinds["Guide"]["enum"]) == {"unauthorized", "no-audio", "ice"}
    assert set(kinds["Status"]["enum"]) == {"passed", "failed", "skipped", "error", "cancelled"}


@pytest.mark.parametrize("made", RECORDS.values(), ids=RECORDS)
def test_reports_keep_the_schema_and_say_everything(made: Record) -> None:
    document = json.loads(Report(made).to_json(), parse_constant=pytest.fail)
    Draft202012Validator(_shipped()).validate(document)
    assert set(document) == TOP
    assert [s["name"] for s in document["steps"]] == list(STEP_NAMES)
    assert all(set(s) == STEP for s in document["steps"])
    assert all(set(o) == OBSERVATION for s in document["steps"] for o in s["observations"])
    assert all(set(f) == FINDING for f in document["findings"])
    assert all(set(e) == EVIDENCE for f in document["findings"] for e in f["evidence"])
    assert set(document["call"]) == CALL
    assert all(document["handover"][name] for name in HANDOVER)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", document["started"])


def test_the_records_here_cover_the_verdicts() -> None:
    verdicts = {Report(made).verdict for made in RECORDS.values()}
    assert verdicts >= {Verdict.HEALTHY, Verdict.FAILED, Verdict.INCOMPLETE}
    assert Report(BLOCKED).root_causes == ("udp-blocked",)
    assert any(f.explained_by for f in Report(BLOCKED).findings)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("verdict"),
        lambda d: d.pop("schema_version"),
        lambda d: d.update(verdict="fine"),
        lambda d: d["steps"][3].pop("observations"),
        lambda d: d["steps"][3].update(status="broken"),
        lambda d: d["findings"][0].update(severity="bad"),
    ],
)
def test_what_breaks_the_contract_is_refused(spoil: Any) -> None:
    document = json.loads(Report(BLOCKED).to_json())
    spoil(document)
    with pytest.raises(ValidationError):
        Draft202012Validator(_shipped()).validate(document)


def test_keys_may_be_added() -> None:
    document = json.loads(Report(BLOCKED).to_json())
    document["new"] = document["steps"][0]["new"] = 1
    Draft202012Validator(_shipped()).validate(document)
