"""What the NAT probe finds: on loopback, and behind real address translation."""

from pathlib import Path

import pytest

from polyai_diag import IceServer, Target
from polyai_diag.analysis.nat import INDEPENDENT, UNKNOWN
from polyai_diag.model import StepResult
from polyai_diag.probes.nat import ask_nat
from polyai_diag.probes.trace import Trace
from polyai_diag.steps.nat import check_nat
from tests.aio import in_loop
from tests.real.coturn import HOST, OTHER_HOST, Coturn, running_coturn

pytestmark = pytest.mark.coturn


async def checked(*urls: str) -> StepResult:
    servers = [IceServer(urls)]
    return await check_nat(Target("ws://127.0.0.1:1/", ice_servers=servers, third_party=False))


@in_loop
async def test_loopback_translates_nothing(coturn: Coturn) -> None:
    result = await checked(f"stun:{HOST}:{coturn.udp_port}")
    assert result.status == "passed"
    assert (result.data["mapping"], result.data["filtering"]) == (INDEPENDENT, INDEPENDENT)
    assert len(result.data["mapped_addresses"]) == 1
    assert result.data["translated"] is False
    asked = [o.endpoint for o in result.observations if o.operation == "nat_mapping"]
    port = coturn.udp_port
    assert sorted(asked) == [f"{HOST}:{port}", f"{OTHER_HOST}:{port}", f"{OTHER_HOST}:{port + 1}"]


@in_loop
async def test_without_a_second_address(tmp_path: Path) -> None:
    with running_coturn(tmp_path, "no-rfc5780") as coturn:
        one = f"stun:{HOST}:{coturn.udp_port}"
        alone = await checked(one)
        beside = await checked(one, f"stun:{OTHER_HOST}:{coturn.udp_port}")
    assert (alone.data["mapping"], alone.data["filtering"]) == (UNKNOWN, UNKNOWN)
    assert (beside.data["mapping"], beside.data["filtering"]) == (INDEPENDENT, UNKNOWN)


@in_loop
async def test_a_server_that_cannot_be_reached_spoils_nothing(coturn: Coturn) -> None:
    """One socket asks them all: errors of one must not end the others' answers."""
    trace = Trace("nat")
    nowhere = ("255.255.255.255", 9)  # the kernel refuses to send there
    found = await ask_nat([nowhere, (HOST, coturn.udp_port)], trace)
    assert (found.mapping, found.filtering) == (INDEPENDENT, INDEPENDENT)
