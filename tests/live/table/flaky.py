"""Faults that come and go: named as warnings, with how often, and the call goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyai_diag.model import Verdict
from polyai_diag.sandbox.settings import Page
from tests.live.cases import Case, gateway, given_ice_servers, turn

if TYPE_CHECKING:
    from polyai_diag.sandbox.faults import Fault


def flaky(name: str, fault: Fault, cause: str, *beneath: str, **more: Any) -> Case:
    """A fault that comes and goes is named by its cause, and the call works."""
    return Case(
        name,
        (fault,),
        frozenset({cause}),
        frozenset(beneath),
        verdict=Verdict.DEGRADED,
        flaky=frozenset({cause, *beneath}),
        **more,
    )


FLAKY = [
    flaky(
        "websocket-refused, every second upgrade",
        gateway(upgrade=Page(503), upgrade_rhythm="x."),
        "websocket-refused",
    ),
    flaky(
        "websocket-refused, one upgrade of four",
        gateway(upgrade=Page(502), upgrade_rhythm="x..."),
        "websocket-refused",
    ),
    flaky(
        "ice-servers-unavailable, now and then",
        gateway(ice_servers=Page(500), ice_servers_rhythm="x.."),
        "ice-servers-unavailable",
    ),
    flaky(
        "gateway-unreachable, connections reset now and then",
        gateway(reset_rhythm="x.."),
        "gateway-unreachable",
    ),
    flaky(
        "turn-refused, every second allocation",
        turn(allocate_error=403, allocate_rhythm="x."),
        "turn-refused",
    ),
    flaky(
        "turn-refused, two allocations of three, ICE servers given",
        turn(allocate_error=500, allocate_rhythm="xx."),
        "turn-refused",
        target=given_ice_servers,
    ),
    flaky(
        "turn-unreachable, one allocation of three ignored",
        turn(ignore_rhythm="x.."),
        "turn-unreachable",
    ),
    flaky(
        "turn-unreachable, TLS reset two times of three",
        turn(tls_reset_rhythm="xx."),
        "turn-unreachable",
    ),
]
