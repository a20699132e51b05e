"""Each fault, played on the wire, is named; a healthy call is left in peace."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag import (
    IceServer,
    Report,
    check_call,
    check_gateway,
    check_nat,
    check_opus,
    check_signaling,
    check_stun,
    check_token,
    check_turn,
    diagnose,
)
from polyai_diag.causes import CAUSES
from polyai_diag.cli import main
from polyai_diag.cli.exits import exit_code
from polyai_diag.model import NOT_ASKED, STEP_NAMES, Actor, Severity, Status, StepResult, Verdict
from polyai_diag.plan import COMPLAINTS, TITLES
from polyai_diag.report.compare import compare_reports
from polyai_diag.report.comparison import Change
from polyai_diag.report.story import Story
from polyai_diag.sandbox import FAULTS, Sandbox
from polyai_diag.sandbox.faults import Fault
from polyai_diag.sandbox.settings import ProxyMode
from tests.aio import in_loop_for, until
from tests.live.busy import busy_cores
from tests.live.table import SINGLES
from tests.matrix.outcome import PROPERTY, outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from polyai_diag.model import Finding
    from tests.live.cases import Case


async def _diagnosed(case: Case) -> Report:
    async with Sandbox(case.faults, **case.sandbox) as sandbox:
        target = await case.aimed(sandbox)
        steps = COMPLAINTS[case.complaint] if case.complaint else None
        with busy_cores(case.busy):
            report = await diagnose(target, steps=steps)
        await until(lambda: sandbox.active_calls == 0)
        secrets = [sandbox.token, *_secrets(sandbox.describe())]
    text = report.to_json()
    assert not [secret for secret in secrets if secret in text]
    return report


def _secrets(described: dict[str, Any]) -> list[str]:
    credentials = [server.get("credential") for server in described["ice_servers"]]
    return [secret for secret in [described["token"].strip(), *credentials] if secret]


@pytest.mark.timeout(90)
def test_the_faults_are_named(
    kind: str,
    case: Case,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    if case.lacks:
        pytest.skip(case.lacks)
    saved: list[Report] = []

    @in_loop_for(80)
    async def run() -> None:
        report = await _diagnosed(case)
        record_property(PROPERTY, outcome(kind, case.name, case.named, report))
        _named_as_expected(case, report)
        explained = {finding.id for finding in report.findings if finding.explained_by}
        assert case.beneath <= explained, _told(report)
        assert [step.name for step in report.steps] == list(STEP_NAMES)
        assert Status.ERROR not in {step.status for step in report.steps}, _told(report)
        again = Report.from_json(report.to_json())
        assert (again.verdict, again.findings) == (report.verdict, report.findings)
        assert frozenset(f.id for f in report.findings if f.flaky) == case.flaky, _told(report)
        _no_finding_without_proof(report)
        _what_is_hidden_is_said(report)
        saved.append(report)

    run()
    _is_told_the_same_by_the_file(saved[0], tmp_path, capsys)


def _named_as_expected(case: Case, report: Report) -> None:
    if case.may_warn:
        graves = {finding.id for finding in report.findings if finding.severity == "critical"}
        assert graves == set(), _told(report)
        assert report.verdict in (Verdict.HEALTHY, Verdict.DEGRADED), _told(report)
        return
    assert frozenset(report.root_causes) == case.named, _told(report)
    if not case.named:
        assert report.findings == (), _told(report)
    expected = case.verdict or (None if case.named else Verdict.HEALTHY)
    assert expected in (None, report.verdict), _told(report)


def _is_told_the_same_by_the_file(
    report: Report, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = report.save(folder / "report.json")
    assert main(["analyze", "--json", str(file)]) == exit_code(report)
    assert capsys.readouterr().out == report.to_json() + "\n"
    itself = compare_reports(report, Report.from_json(file.read_bytes()))
    changes = {cause.change for cause in itself.causes}
    changes |= {row.change for row in (*itself.steps, *itself.measured)}
    assert changes <= {Change.SAME, Change.UNKNOWN}
    assert not itself.worse


def _no_finding_without_proof(report: Report) -> None:
    for finding in report.findings:
        assert finding.evidence
        assert finding.severity in Severity
        for evidence in finding.evidence:
            step = report.step(evidence.step)
            assert evidence.observation is None or step.observations[evidence.observation]
        _no_blame_without_control(finding)


def _no_blame_without_control(finding: Finding) -> None:
    row = CAUSES.get(finding.id)
    if row is not None and row.acts is Actor.NETWORK:
        compared = any(evidence.control for evidence in finding.evidence)
        assert compared is not finding.summary.endswith(
            f"nothing was there to compare with: {row.alone}"
        )
    assert finding.flaky is None or finding.severity is not Severity.CRITICAL


def _what_is_hidden_is_said(report: Report) -> None:
    story = Story(report)
    skipped = [s.name for s in report.steps if s.status is Status.SKIPPED and s.reason != NOT_ASKED]
    assert [name for name in skipped if TITLES[name] not in story.not_measured] == []


def _told(report: Report) -> str:
    lines = [f"{f.id} {f.severity} {[e.text for e in f.evidence]}" for f in report.findings]
    lines += [f"{s.name}: {s.status} {s.reason}" for s in report.steps]
    return "\n".join(lines)


def test_every_fault_of_the_sandbox_is_in_the_table() -> None:
    assert {case.name for case in SINGLES} == set(FAULTS)


@pytest.mark.timeout(90)
@in_loop_for(60)
async def test_two_runs_at_once_do_not_meet() -> None:
    async with Sandbox() as healthy, Sandbox(["silent-audio"]) as silent:
        one, other = await asyncio.gather(diagnose(healthy.target()), diagnose(silent.target()))
        again = await asyncio.gather(
            *(diagnose(healthy.target(), steps=["call"]) for _ in range(3))
        )
    assert (one.verdict, one.root_causes) == ("healthy", ())
    assert (other.verdict, other.root_causes) == ("failed", ("silent-audio",))
    assert [report.verdict for report in again] == ["healthy"] * 3
    assert len({report.record.call.session_id for report in again}) == 3


@pytest.mark.parametrize("mode", [ProxyMode.LET_THROUGH, ProxyMode.INTERCEPT])
@in_loop_for(20)
async def test_a_proxy_that_is_set_is_the_way_to_the_gateway(mode: ProxyMode) -> None:
    """So that the healthy cases with a proxy are healthy because of it, and not beside it."""
    async with Sandbox([Fault("A proxy between.", proxy=mode)]) as sandbox:
        target = sandbox.target(ca_file=sandbox.ca_file_with_proxy)
        seen = (await check_gateway(target)).observations
    assert any(o.operation == "proxy_connect" and o.failure is None for o in seen)
    issuers = {o.notes["issuer"] for o in seen if o.operation == "tls_handshake"}
    assert all(("inspecting" in issuer) is (mode is ProxyMode.INTERCEPT) for issuer in issuers)
    assert issuers


@in_loop_for(20)
async def test_no_call_places_none() -> None:
    async with Sandbox() as sandbox:
        report = await diagnose(sandbox.target(), place_call=False)
    assert report.verdict == "healthy"
    skipped = {step.name for step in report.steps if step.reason == NOT_ASKED}
    assert skipped == {"signaling", "opus", "call", "audio"}
    assert report.record.call.session_id is None


@in_loop_for(30)
async def test_each_check_works_by_itself() -> None:
    async with Sandbox() as sandbox:
        checks = (check_token, check_gateway, check_signaling, check_stun, check_turn, check_nat,
                  check_opus, check_call)  # fmt: skip
        results = await asyncio.gather(*(check(sandbox.target()) for check in checks))
        assert sandbox.active_calls == 0
    assert [(r.name, r.status, r.reason) for r in results] == [
        (name, Status.PASSED, "") for name in STEP_NAMES[:-1]
    ]
    turn = results[STEP_NAMES.index("turn")]
    assert _configured(turn) == [("relayed_echo", "echo")] * 3


def _configured(turn: StepResult) -> list[tuple[str, str]]:
    """How far each configured URL came, and what proves its relay."""
    return [(row["stage"], row["proof"]) for row in turn.data["urls"] if row["configured"]]


@in_loop_for(30)
async def test_a_step_that_is_chosen_finds_its_servers_at_the_gateway() -> None:
    async with Sandbox() as sandbox:
        report = await diagnose(sandbox.target(), steps=["turn", "stun", "nat"])
    ran = {step.name: step.status for step in report.steps if step.status is not Status.SKIPPED}
    assert ran == dict.fromkeys(("stun", "turn", "nat"), Status.PASSED)


@in_loop_for(20)
async def test_servers_may_be_named_instead_of_numbered() -> None:
    """Where `localhost` is ::1 too, this also asks what listens on 127.0.0.1 alone."""
    async with Sandbox() as sandbox:
        servers = [
            IceServer(
                [url.replace("127.0.0.1", "localhost") for url in server["urls"]],
                server.get("username"),
                server.get("credential"),
            )
            for server in sandbox.describe()["ice_servers"]
        ]
        report = await diagnose(sandbox.target(ice_servers=servers), steps=["stun", "turn"])
    assert report.findings == ()
    assert _configured(report.step("turn")) == [("relayed_echo", "echo")] * 3
