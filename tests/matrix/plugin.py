"""Gathers the outcomes of the tests that play faults, wherever they ran; writes the matrix.

`--matrix FILE` writes it as Markdown. The run's exit code then follows the figures: a variation
in a hundred and a pair in twenty may be wrong.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from polyai_diag import __version__
from polyai_diag.causes import CAUSES
from tests.matrix.outcome import PROPERTY, Outcome
from tests.matrix.tables import confusions, markdown, scores

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say where the matrix goes."""
    parser.addoption("--matrix", metavar="FILE", help="write expected against named to FILE")


def pytest_configure(config: pytest.Config) -> None:
    """Gather in the process that hears of every test."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Gathered(config), "matrix-gathered")


class Gathered:
    """The outcomes so far, and which other tests failed."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._outcomes: list[Outcome] = []
        self._others_failed = 0
        self._started = datetime.now(UTC)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a test recorded, and whether it passed."""
        told = dict(report.user_properties).get(PROPERTY)
        if report.when == "call" and isinstance(told, dict):
            self._outcomes.append(Outcome(**told)._replace(right=report.passed))
        elif report.failed:
            self._others_failed += 1

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the matrix, and let its figures decide."""
        file = self._config.getoption("--matrix")
        if not file:
            return
        Path(file).write_text(self._page())
        met = all(score.met for score in scores(self._outcomes)) and not self._others_failed
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            session.exitstatus = pytest.ExitCode.OK if met else pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Say the figures, and what is off the diagonal."""
        if not self._outcomes:
            return
        terminalreporter.section("expected against named")
        for score in scores(self._outcomes):
            terminalreporter.line(str(score))
        for found in confusions(self._outcomes):
            terminalreporter.line(f"{found.expected} -> {found.named}: {'; '.join(found.cases)}")

    def _page(self) -> str:
        took_min = (datetime.now(UTC) - self._started).total_seconds() / 60
        ran = (
            f"polyai-diag {__version__}, {self._started:%Y-%m-%d}, seed "
            f"{self._config.getoption('--seed')}: {len(self._outcomes)} runs in {took_min:.0f} min."
        )
        return markdown(self._outcomes, CAUSES, ran)
