"""`polyai-diag run` killed by SIGTERM at any moment: exit 143, a whole report, nothing left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from polyai_diag.model import Status
from polyai_diag.sandbox import Sandbox
from tests.aio import in_loop_for, until
from tests.stress.whole import read_whole

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from polyai_diag import Report
    from tests.stress.moments import Moment

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

TERMINATED = 143
ENDS_WITHIN_S = 15.0  # the report is drawn and written as well
FREED_WITHIN_S = 2.0


class Running:
    """`polyai-diag run` against a sandbox of ours, in a folder of its own."""

    def __init__(self, process: Process, folder: Path) -> None:
        self.process = process
        self._folder = folder

    async def line_with(self, word: str) -> None:
        """Read standard output until a line holds this word."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if word in line.decode():
                return
        raise AssertionError(f"no line with {word!r}")

    async def end(self) -> tuple[int, str]:
        """Send SIGTERM and wait; return exit code and standard error."""
        began_s = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        _, stderr = await self.process.communicate()
        assert time.monotonic() - began_s < ENDS_WITHIN_S
        assert self.process.returncode is not None
        return self.process.returncode, stderr.decode()

    def report(self) -> Report:
        """The report that was written, in all its forms."""
        for name in ("r.html", "r.md"):
            assert (self._folder / name).stat().st_size > 1000
        return read_whole((self._folder / "r.json").read_bytes())

    def leaves_nothing_else(self) -> bool:
        """Whether the folder holds the outputs, and nothing temporary."""
        assert list((self._folder / "temporary").iterdir()) == []
        outputs = {"r.json", "r.html", "r.md", "sound", "token", "temporary"}
        return {path.name for path in self._folder.iterdir()} <= outputs


@contextlib.asynccontextmanager
async def running(sandbox: Sandbox, folder: Path, *options: str) -> AsyncIterator[Running]:
    """Start it; it is ended by its own process id."""
    told = sandbox.describe()
    (folder / "temporary").mkdir()
    (folder / "token").write_text(told["token"])
    outputs = (
        "--json",
        "r.json",
        "--html",
        "r.html",
        "--markdown",
        "r.md",
        "--save-audio",
        "sound",
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "polyai_diag", "run", "--url", told["signaling_url"],
        "--token-file", "token", "--ca-file", told["ca_file"], "--no-third-party",
        *outputs, *options, cwd=folder,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder / "temporary"), "NO_PROXY": "",
             "HTTPS_PROXY": told.get("proxy", ""), "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    try:
        yield Running(process, folder)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def nothing_is_left(sandbox: Sandbox) -> None:
    """Ask the sandbox: no call, no relayed address. Nobody else would tell it, over UDP."""
    async with asyncio.timeout(FREED_WITHIN_S):
        await until(lambda: sandbox.active_calls == 0 and sandbox.allocations == 0)


def options_of(moment: Moment) -> list[str]:
    target = moment.kind.target
    flags = [f"--{name.replace('_', '-')}" for name, value in target.items() if value is True]
    return [*flags, *(["--hold", str(target["hold_s"])] if "hold_s" in target else [])]


@pytest.mark.timeout(90)
def test_a_run_that_is_terminated(terminated: Moment, tmp_path: Path) -> None:
    @in_loop_for(80)
    async def run() -> None:
        kind = terminated.kind
        async with Sandbox(kind.faults, **kind.sandbox) as sandbox:
            async with running(sandbox, tmp_path, *options_of(terminated)) as one:
                await one.line_with("At most one call")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(terminated.at_s):
                        await one.process.wait()
                was_over = one.process.returncode is not None
                code, stderr = await one.end()
            await nothing_is_left(sandbox)
        assert stderr == ""
        assert code == TERMINATED or was_over
        report, token = one.report(), sandbox.token
        assert one.leaves_nothing_else()
        assert token not in (tmp_path / "r.json").read_text()
        assert Status.ERROR not in {step.status for step in report.steps}
        cut = [step for step in report.steps if step.status is Status.CANCELLED]
        assert {step.reason for step in cut} <= {"interrupted"}

    run()


@pytest.mark.timeout(90)
def test_before_it_has_begun(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """While Python still reads its modules nothing is open yet, and there is nothing to write."""
    draw = random.Random(request.config.getoption("--seed"))  # noqa: S311 - a sample

    @in_loop_for(80)
    async def run() -> None:
        async with Sandbox() as sandbox:
            for number in range(4):
                folder = tmp_path / str(number)
                folder.mkdir()
                async with running(sandbox, folder) as one:
                    await asyncio.sleep(draw.uniform(0, 1.5))
                    code, stderr = await one.end()
                await nothing_is_left(sandbox)
                # A shell shows 143 for the first as well: the interpreter had no handler yet.
                assert code in (-signal.SIGTERM, TERMINATED), stderr
                assert one.leaves_nothing_else()
                if (folder / "r.json").exists():
                    assert one.report()

    run()


@pytest.mark.timeout(60)
@in_loop_for(50)
async def test_while_the_report_is_written(tmp_path: Path) -> None:
    async with Sandbox(["wrong-endpoint"]) as sandbox, running(sandbox, tmp_path) as one:
        await one.line_with("Sound there and back")  # the last step; HTML takes a second to draw
        code, stderr = await one.end()
        assert (code, stderr) == (TERMINATED, "")
        assert one.report().root_causes == ("wrong-endpoint",)
        assert one.leaves_nothing_else()
