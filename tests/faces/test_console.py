"""The terminal shows what the network said, and obeys none of it."""

from __future__ import annotations

import io

from polyai_diag.cli.console import new_console, print_report
from polyai_diag.failures import Failure
from polyai_diag.model import Status
from polyai_diag.report import Report
from tests.unit.records import record, saw, step

HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202e[bold]no[/bold]\nsecond line"


def _printed(message: str) -> str:
    refused = saw("offer_answer", "wss://h/x", Failure.GATEWAY_ERROR, code="FOO", message=message)
    said = io.StringIO()
    steps = step("signaling", refused, status=Status.FAILED, reason=message)
    print_report(new_console(said), Report(record(steps)))
    return said.getvalue()


def test_escape_sequences_and_markup_are_shown_not_obeyed() -> None:
    printed = _printed(HOSTILE)
    assert not {"\x1b", "\x07", "\u202e"} & set(printed)
    assert "[bold]no[/bold]" in printed
    assert "gateway-error" in printed


def test_a_report_begins_with_the_verdict_and_what_can_be_searched_for() -> None:
    lines = [line for line in _printed("no").splitlines() if line]
    assert lines[0].startswith("failed: ")
    assert "call-1" in lines[1] or "polyai-diag-" in lines[1]
    assert any(line.startswith("Measured from ") for line in lines)
    assert any(line.startswith("Not measured: ") for line in lines)
