"""The README's script does what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

from polyai_diag.sandbox import Sandbox
from tests.aio import in_loop_for

README = Path(__file__).parents[2] / "README.md"


def script() -> str:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return next(str(block) for block in blocks if "check_token" in block)


def test_it_has_ten_lines() -> None:
    assert len([line for line in script().splitlines() if line.strip()]) <= 10


@in_loop_for(30)
async def test_it_walks_the_first_section_of_the_guide() -> None:
    async with Sandbox(["token-rejected"]) as sandbox:
        described = sandbox.describe()
        printed = await _run(described)
    assert [line.split(" | ")[:2] for line in printed.splitlines()] == [
        ["token", "passed"],
        ["gateway", "passed"],
        ["signaling", "failed"],
    ]
    assert "offer_answer: gateway_error" in printed
    assert described["token"] not in printed


async def _run(described: dict[str, str]) -> str:
    import asyncio

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script(),
        stdout=subprocess.PIPE,
        env={
            **os.environ,
            "POLYAI_URL": described["signaling_url"],
            "POLYAI_TOKEN": described["token"],
            "SSL_CERT_FILE": described["ca_file"],
        },
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()
