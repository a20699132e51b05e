"""The terminal shows what the network said, and obeys none of it."""

from __future__ import annotations

import io

import msgspec
from rich.console import Console

from polyai_diag.cli.console import new_console, print_report
from polyai_diag.cli.tables import print_network, result_words, results_table
from polyai_diag.failures import Failure
from polyai_diag.model import Status
from polyai_diag.report import Report
from polyai_diag.report.firewall import request_of
from polyai_diag.report.request import Measured
from polyai_diag.verify import unfinished
from tests.faces import records
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


def test_the_network_is_told_side_by_side_and_then_what_to_ask_for() -> None:
    said = io.StringIO()
    print_network(new_console(said), records.compared())
    told = said.getvalue()
    assert told.index("UDP is the fastest") < told.index("What to ask the network team for")
    assert "verify request.json" in told
    print_network(new_console(said), records.hostile())
    assert not {"\x1b", "\x07", "\u202e"} & set(said.getvalue())


def test_old_reports_are_told_without_what_they_lack() -> None:
    said = io.StringIO()
    print_network(new_console(said), records.unauthorized())
    assert "throughput" not in said.getvalue()
    assert "UDP 3478" in said.getvalue()


def test_each_line_turns_green_as_it_works() -> None:
    line, other, *_ = request_of(records.udp_blocked()).lines
    done = msgspec.structs.replace(
        unfinished(line), now=Measured.WORKS, now_detail="answers in 9 ms"
    )
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=120, color_system="standard")
    terminal.print(results_table([line, other], {0: done}))
    first, second = [row for row in screen.getvalue().splitlines() if "turn.example.net" in row]
    assert first.startswith("\x1b[32m✓")
    assert second.startswith("\x1b[34m…")
    assert str(result_words(done)).startswith("  ✓ UDP 3478 turn.example.net [203.0.113.20]: works")
