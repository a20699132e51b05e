"""How long the check of address translation takes, beside coturn's own program."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.figure import Figure
from tests.real.ice_networks import NAT, STUN
from tests.real.nat_peers import discovered
from tests.real.networks import far_away, network

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.real.networks import Network

FAR = {"one_way_ms": {"*": 50}}


def figures() -> list[Figure]:
    """Measure them all; needs root and coturn."""
    with tempfile.TemporaryDirectory(prefix="polyai-diag-") as folder:
        return [
            asyncio.run(_beside("at 100 ms", far_away(Path(folder), FAR))),
            asyncio.run(_beside("behind NAT", network(Path(folder), NAT))),
        ]


async def _beside(where: str, made: AbstractContextManager[Network]) -> Figure:
    with made as network_here:
        step = (await network_here.diagnose("nat", urls=[STUN])).step("nat")
        started_s = time.monotonic()
        answer = await discovered(network_here)
        theirs_ms = (time.monotonic() - started_s) * 1000
    if answer != (step.data["mapping"], step.data["filtering"]):
        raise RuntimeError(f"{where}: turnutils_natdiscovery says {answer}, we say {step.data}")
    return Figure(
        f"NAT check {where}, over turnutils_natdiscovery",
        step.duration_ms / theirs_ms,
        1,
        "×",
        f"{step.duration_ms:.0f} ms; turnutils_natdiscovery {theirs_ms:.0f} ms",
    )
