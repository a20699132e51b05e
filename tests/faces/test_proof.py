"""Every face tells what comes and goes, how often, and what the proof was compared with."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from polyai_diag.cli.console import new_console, print_report
from polyai_diag.failures import Failure
from polyai_diag.model import Status
from polyai_diag.notebook.view import result, tabs
from polyai_diag.report import Report
from polyai_diag.report.proof import least_proof
from polyai_diag.report.story import Story
from tests.unit.records import GATEWAY, record, saw, step

if TYPE_CHECKING:
    from collections.abc import Callable

OFTEN = "comes and goes, 1 of 4 failed"
CONTROL = "Control: the same worked at 3 of 4 attempts"
WEAKER = "Nothing was there to compare with: it may be the server"


def flaky() -> Report:
    """A gateway that resets one connection of four."""
    failures = [Failure.CONNECTION_RESET, None, None, None]
    shaken = [
        saw("tls_handshake", f"{GATEWAY}:443", failure, **({"attempt": n} if n > 1 else {}))
        for n, failure in enumerate(failures, 1)
    ]
    return Report(record(step("gateway", *shaken, status=Status.PASSED)))


def alone() -> Report:
    """A gateway that refuses TCP, and nothing else that was asked."""
    refused = saw("tcp_connect", "192.0.2.7:443", Failure.CONNECTION_REFUSED, host=GATEWAY)
    return Report(record(step("gateway", refused)))


def in_the_console(report: Report) -> str:
    stream = io.StringIO()
    print_report(new_console(stream), report)
    return stream.getvalue()


def in_the_panel(report: Report) -> str:
    return "".join(map(str, [result(report), *tabs(report).values()]))


FACES: dict[str, Callable[[Report], str]] = {
    "text": in_the_console,
    "markdown": Report.to_markdown,
    "html": Report.to_html,
    "panel": in_the_panel,
    "ticket": lambda report: Story(report).ticket,
    "letter": lambda report: Story(report).letters[0].text,
}
of_each_face = pytest.mark.parametrize("face", FACES)


@of_each_face
def test_how_often_is_a_word(face: str) -> None:
    assert OFTEN in FACES[face](flaky())
    assert "comes and goes" not in FACES[face](alone())


@of_each_face
def test_the_control_is_told_or_that_there_was_none(face: str) -> None:
    assert CONTROL in FACES[face](flaky())
    assert WEAKER in FACES[face](alone())


@pytest.mark.parametrize(
    ("face", "mark"),
    [
        ("text", f"= {CONTROL}"),
        ("markdown", f"*gateway: {CONTROL}*"),
        ("html", '<li class="pd-control">'),
        ("panel", '<li class="pd-control">'),
    ],
)
def test_the_control_is_marked_in_the_proof(face: str, mark: str) -> None:
    assert FACES[face](flaky()).count(mark) == 1
    assert mark not in FACES[face](alone())


def test_the_least_proof_has_its_control() -> None:
    (finding,) = flaky().findings
    assert least_proof(finding, 1) == [finding.evidence[0].text, CONTROL]
    (finding,) = alone().findings
    assert least_proof(finding, 1) == [finding.evidence[0].text, WEAKER]
    assert least_proof(finding, 9) == [finding.evidence[0].text, WEAKER]
