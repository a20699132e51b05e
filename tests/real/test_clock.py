"""A machine whose clock is wrong, by faketime: the command line as a user of it would run it."""

import asyncio
import json
import os
import sys
from typing import Any

import pytest

from polyai_diag.sandbox import Sandbox
from tests.aio import in_loop_for
from tests.real.needs import need

INSTALL = "apt-get install faketime"
RUN_S = 30
# What measures durations must not jump with the time of day.
ENVIRONMENT = {**os.environ, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


async def run_at(offset: str, sandbox: Sandbox) -> dict[str, Any]:
    """Run `polyai-diag` with its clock set off by this much, and return its report."""
    faketime = need("faketime", install=INSTALL)
    known = sandbox.describe()
    process = await asyncio.create_subprocess_exec(
        faketime, "-f", offset, sys.executable, "-m", "polyai_diag", "run",
        "--url", known["signaling_url"], "--ca-file", known["ca_file"], "--token-env", "TOKEN",
        "--symptom", "unauthorized", "--no-third-party", "--json", "-",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**ENVIRONMENT, "TOKEN": known["token"]},
    )  # fmt: skip
    async with asyncio.timeout(RUN_S):
        printed, _ = await process.communicate()
    report: dict[str, Any] = json.loads(printed)
    return report


@pytest.mark.parametrize(("offset", "ahead_s"), [("+400d", 400 * 86_400), ("-400d", -400 * 86_400)])
@in_loop_for(40)
async def test_a_wrong_clock_turns_the_certificate(offset: str, ahead_s: float) -> None:
    async with Sandbox() as sandbox:
        report = await run_at(offset, sandbox)
        token = sandbox.describe()["token"]
    assert report["root_causes"] == ["clock-skew"]
    assert "400 days" in report["findings"][0]["summary"]
    beneath = {f["id"] for f in report["findings"] if f["explained_by"] == ["clock-skew"]}
    assert beneath == {"tls-certificate-invalid"}
    gateway = next(step for step in report["steps"] if step["name"] == "gateway")
    clock = next(o["notes"] for o in gateway["observations"] if o["operation"] == "clock_read")
    assert clock["offset_s"] == pytest.approx(-ahead_s, abs=2)
    assert clock["verified"] is False
    assert token not in json.dumps(report)


@pytest.mark.parametrize("offset", ["+5s", "-5s"])
@in_loop_for(40)
async def test_a_clock_five_seconds_off_is_well(offset: str) -> None:
    async with Sandbox() as sandbox:
        report = await run_at(offset, sandbox)
    assert report["findings"] == []
    assert report["verdict"] == "healthy"
