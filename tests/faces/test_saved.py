"""A saved report read back by `analyze`: today's causes judge it as they judged the run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from polyai_diag.cli import main
from polyai_diag.cli.exits import exit_code
from polyai_diag.failures import Failure
from polyai_diag.model import Status
from polyai_diag.report import Report
from tests.faces import records
from tests.unit.records import record, saw, step

if TYPE_CHECKING:
    from pathlib import Path

    from polyai_diag.model import Record

SERVER = "stun:stun.example.net:3478"
RECORDS: dict[str, Record] = {
    **{make.__name__: make().record for make in records.ALL if make is not records.hostile},
    "token-expired": record(
        step("token", saw("token_read", "token", Failure.TOKEN_EXPIRED, detail="5 min ago")),
        step("signaling", saw("offer_answer", "h", Failure.GATEWAY_ERROR, code="UNAUTHORIZED")),
    ),
    "gateway-unreachable": record(
        step("gateway", saw("tcp_connect", "h:443", Failure.CONNECTION_REFUSED)),
    ),
    "agent-failure": record(
        step("signaling", saw("offer_answer", "h", Failure.GATEWAY_ERROR, code="AGENT_FAILURE")),
    ),
    "ice-failed": record(
        step("stun", saw("stun_binding", SERVER, Failure.GENERIC_TIMEOUT, sent=12, answered=0)),
        step("call", saw("ice_connect", "gateway", Failure.ICE_FAILED)),
    ),
    "unexplained": record(step("opus", status=Status.FAILED, reason="nobody knows why")),
}


def test_the_records_are_of_every_verdict_and_of_several_causes() -> None:
    reports = [Report(found) for found in RECORDS.values()]
    assert {report.verdict for report in reports} >= {"healthy", "failed", "incomplete"}
    assert len({cause for report in reports for cause in report.root_causes}) >= 5


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("claimed", ["healthy", "failed"])
def test_analyze_judges_a_saved_report_as_the_run_was_judged(
    name: str, claimed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report(RECORDS[name])
    document = json.loads(report.to_json())
    saved = document | {"verdict": claimed, "root_causes": [claimed], "findings": []}
    file = tmp_path / "report.json"
    file.write_text(json.dumps(saved))
    assert main(["analyze", "--json", str(file)]) == exit_code(report)
    assert json.loads(capsys.readouterr().out) == document
    assert main(["analyze", str(file)]) == exit_code(report)
    printed = capsys.readouterr().out
    assert printed.strip().startswith(f"{report.verdict.value}: ")
    for finding in report.findings:
        assert finding.id in printed


def test_a_report_of_an_older_version_is_judged_by_the_keys_that_it_has(tmp_path: Path) -> None:
    old = msgspec.to_builtins(RECORDS["token-expired"])
    del old["schema_version"]
    for result in old["steps"]:
        del result["data"], result["reason"], result["started_ms"]
    file = tmp_path / "report.json"
    file.write_text(json.dumps(old))
    assert Report.from_json(file.read_bytes()).root_causes == ("token-expired",)
    assert main(["analyze", str(file)]) == 1
