"""All regions at once, each played by the sandbox behind a proxy that stands for them."""

import io

from rich.console import Console

from polyai_diag import Report, Target, diagnose
from polyai_diag.cli.console import print_report
from polyai_diag.model import NOT_ASKED, Severity, Verdict
from polyai_diag.sandbox import Sandbox
from polyai_diag.sandbox.faults import Fault
from polyai_diag.sandbox.settings import ProxyMode
from tests.aio import in_loop_for

BEHIND_A_PROXY = Fault("Regions.", target={"region": "us-1"}, proxy=ProxyMode.INTERCEPT)


async def asked(token: str | None = None) -> Report:
    """Ask every region, with the sandbox's token where none is given."""
    async with Sandbox([BEHIND_A_PROXY]) as sandbox:
        target = sandbox.target()
        every = Target(
            "all", token or target.token, proxy=target.proxy, ca_file=sandbox.ca_file_with_proxy
        )
        return await diagnose(every)


def told(report: Report) -> str:
    shown = io.StringIO()
    print_report(Console(file=shown, width=160), report)
    return shown.getvalue()


@in_loop_for(20)
async def test_a_token_that_every_region_takes() -> None:
    report = await asked()
    regions = report.step("gateway").data["regions"]
    assert [(r["region"], r["reached"], r["token"]) for r in regions] == [
        (region, True, "taken") for region in ("us-1", "uk-1", "euw-1")
    ]
    assert (report.verdict, report.findings) == (Verdict.HEALTHY, ())
    assert "The call works" not in told(report)
    assert [s.name for s in report.steps if s.reason != NOT_ASKED] == ["token", "gateway"]


@in_loop_for(20)
async def test_a_token_that_no_region_takes_lets_no_call_be_made() -> None:
    report = await asked("another-token-1234567")
    assert report.verdict is Verdict.FAILED
    assert report.root_causes == ("token-rejected",)
    assert report.findings[0].severity is Severity.CRITICAL
    assert len(report.findings[0].evidence) == 3
    assert "another-token" not in report.to_json()
