"""Address translation as we see it, as coturn's own program does, and as a naive one does."""

import asyncio
from pathlib import Path

import pytest

from polyai_diag.analysis.nat import INDEPENDENT, PORT_DEPENDENT
from tests.aio import in_loop_for
from tests.real.ice_networks import NAT, NOTHING, STUN, SYMMETRIC_NAT
from tests.real.nat_peers import discovered, guessed
from tests.real.networks import network

pytestmark = [pytest.mark.coturn, pytest.mark.root]


@pytest.mark.parametrize(
    ("rules", "translated", "mapping", "filtering", "naive"),
    [
        (NOTHING, False, INDEPENDENT, INDEPENDENT, "Full Cone"),
        # What its own test of the filtering leaves in the router takes the port from its mapping.
        (NAT, True, INDEPENDENT, PORT_DEPENDENT, "Symmetric NAT"),
        (SYMMETRIC_NAT, True, PORT_DEPENDENT, PORT_DEPENDENT, "Symmetric NAT"),
    ],
    ids=["no NAT", "NAT", "symmetric NAT"],
)
@in_loop_for(30)
async def test_coturn_agrees_and_the_naive_one_does_not(
    tmp_path: Path, rules: str, translated: bool, mapping: str, filtering: str, naive: str
) -> None:
    with network(tmp_path, rules) as here:
        report, peer, guess = await asyncio.gather(
            here.diagnose("nat", urls=[STUN]), discovered(here), guessed(here)
        )
    data = report.step("nat").data
    assert (data["mapping"], data["filtering"]) == peer == (mapping, filtering)
    assert data["translated"] is translated
    assert guess == naive
