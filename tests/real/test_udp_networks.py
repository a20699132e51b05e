"""Symmetric NAT, IPv6 that leads nowhere, hairpins and lifetimes, in networks of the test's own."""

from pathlib import Path

import pytest

from polyai_diag.analysis.nat import INDEPENDENT, PORT_DEPENDENT
from polyai_diag.failures import Failure
from tests.aio import in_loop_for
from tests.real.elsewhere import diagnosed
from tests.real.namespaces import run
from tests.real.networks import FAR_IPV6, MASQUERADE, PORT, SERVERS, dual_stack, network

pytestmark = [pytest.mark.coturn, pytest.mark.root]

PUBLIC = "20.42.0.254"
STUN = [f"stun:{SERVERS[0]}:{PORT}"]
PLAIN = [f"stun:{host}:{PORT}" for host in SERVERS]
RELAY = [*STUN, f"turn:{SERVERS[0]}:{PORT}?transport=udp"]
NAME = "stun.example.com"
BY_NAME = [f"stun:{NAME}:{PORT}"]
NAMES = {NAME: [SERVERS[0], f"{FAR_IPV6}1"]}
NO_GATEWAY = "ws://127.0.0.1:1/"


@in_loop_for(30)
async def test_symmetric_nat_is_named(tmp_path: Path) -> None:
    with network(tmp_path, MASQUERADE.format(how="fully-random")) as here:
        report = await here.diagnose("stun", "nat", urls=STUN)
    assert report.step("nat").data["mapping"] == PORT_DEPENDENT
    assert report.root_causes == ("symmetric-nat",)
    assert report.findings[0].severity == "warning"
    assert f"One socket leaves {PUBLIC} by 3 ports" in report.findings[0].summary


@in_loop_for(30)
async def test_symmetric_nat_with_a_relay_is_a_note(tmp_path: Path) -> None:
    with network(tmp_path, MASQUERADE.format(how="fully-random")) as here:
        report = await here.diagnose("turn", "nat", urls=RELAY)
    assert [(f.id, f.severity) for f in report.findings] == [("symmetric-nat", "info")]
    assert report.verdict == "healthy"


@in_loop_for(30)
async def test_a_common_nat_is_no_finding(tmp_path: Path) -> None:
    with network(tmp_path, MASQUERADE.format(how="")) as here:
        report = await here.diagnose("stun", "nat", urls=PLAIN)
    assert report.findings == ()
    data = report.step("nat").data
    assert (data["mapping"], data["translated"], data["exits"]) == (INDEPENDENT, True, [PUBLIC])


@pytest.mark.parametrize(("seconds", "proven"), [(8, "between 6 and 12 s"), (60, "at least 12 s")])
@in_loop_for(80)
async def test_no_more_than_was_proven_of_a_lifetime(
    tmp_path: Path, seconds: int, proven: str
) -> None:
    with network(tmp_path, MASQUERADE.format(how="")) as here:
        for kind in ("", "_stream"):
            setting = f"net.netfilter.nf_conntrack_udp_timeout{kind}={seconds}"
            run("ip", "netns", "exec", here.router, "sysctl", "-qw", setting)
        target = {"url": NO_GATEWAY, "ice_servers": [{"urls": STUN}], "thorough": True}
        report = await diagnosed(target, ("nat",), namespace=here.client)
    data = report.step("nat").data
    assert data["binding_lifetime"] == proven
    assert data["hairpin"] == "no"  # what comes from within is not taken back in
    assert report.findings == ()


# --- IPv6 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hole", "failure", "within_ms"),
    [
        ("blackhole", Failure.GENERIC_TIMEOUT, (3200, 4000)),
        ("prohibit", Failure.PERMISSION_DENIED, (45, 2000)),
    ],
)
@in_loop_for(30)
async def test_ipv6_that_leads_nowhere_is_named(
    tmp_path: Path, hole: str, failure: Failure, within_ms: tuple[int, int]
) -> None:
    with dual_stack(tmp_path, NAMES, hole) as here:
        report = await here.diagnose("stun", "nat", urls=BY_NAME)
    stun = report.step("stun")
    assert report.root_causes == ("ipv6-broken",)
    assert report.verdict == "degraded"
    rows = {row["family"]: row for row in stun.data["servers"]}
    assert (rows["IPv4"]["answered"] > 0, rows["IPv6"]["answered"]) == (True, 0)
    assert stun.data["udp"] == "open"
    assert within_ms[0] < stun.duration_ms < within_ms[1]
    failures = {o.notes["family"]: o.failure for o in stun.observations if "family" in o.notes}
    assert failures == {"IPv4": None, "IPv6": failure}


@in_loop_for(30)
async def test_a_machine_without_ipv6_is_in_order(tmp_path: Path) -> None:
    with dual_stack(tmp_path, NAMES, None) as here:
        report = await here.diagnose("stun", "nat", urls=BY_NAME)
    assert report.findings == ()
    assert [row["family"] for row in report.step("stun").data["servers"]] == ["IPv4"]
