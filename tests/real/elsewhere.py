"""A diagnosis in a process of its own: in another network, or with another environment."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from polyai_diag import Report

RUN_S = 60


class Measured(NamedTuple):
    """A report, and by how much its process has grown meanwhile."""

    report: Report
    grown_mb: float


async def diagnosed(
    target: Mapping[str, Any],
    steps: Sequence[str],
    *,
    namespace: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Report:
    """Run the steps against `Target(**target)`; ICE servers are given as dictionaries.

    `environment` is laid over the test's own.
    """
    return (await measured(target, steps, namespace=namespace, environment=environment)).report


async def measured(
    target: Mapping[str, Any],
    steps: Sequence[str],
    *,
    namespace: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Measured:
    """Do what `diagnosed` does, and weigh the process."""
    inside = ["ip", "netns", "exec", namespace] if namespace else []
    process = await asyncio.create_subprocess_exec(
        *inside, sys.executable, "-m", "tests.real.run_steps",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip
    try:
        async with asyncio.timeout(RUN_S):
            asked = json.dumps({"target": {"third_party": False, **target}, "steps": steps})
            printed, _ = await process.communicate(asked.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    said = json.loads(printed)
    report = Report.from_json(said["report"])
    assert [(step.name, step.reason) for step in report.steps if step.status == "error"] == []
    return Measured(report, said["grown_mb"])
