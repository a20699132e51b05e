"""The probes behind real address translation, and behind a real firewall."""

from pathlib import Path

import pytest

from polyai_diag.analysis.nat import INDEPENDENT, PORT_DEPENDENT
from tests.aio import in_loop_for
from tests.real.networks import MASQUERADE, PORT, SERVERS, UDP_BLOCKED, network

pytestmark = [pytest.mark.coturn, pytest.mark.root]

STUN = [f"stun:{SERVERS[0]}:{PORT}"]
TURN = [f"turn:{host}:{PORT}?transport={over}" for host in SERVERS for over in ("udp", "tcp")]


@pytest.mark.parametrize(("how", "mapping"), [("", INDEPENDENT), ("fully-random", PORT_DEPENDENT)])
@in_loop_for(30)
async def test_masquerading(tmp_path: Path, how: str, mapping: str) -> None:
    with network(tmp_path, MASQUERADE.format(how=how)) as here:
        report = await here.diagnose("nat", urls=STUN)
    data = report.step("nat").data
    assert (data["mapping"], data["filtering"]) == (mapping, PORT_DEPENDENT)
    assert all(a.startswith("20.42.0.254:") for a in data["mapped_addresses"])
    assert len(data["mapped_addresses"]) == (1 if mapping == INDEPENDENT else 3)


@pytest.mark.parametrize(
    ("how", "said", "within_ms"),
    [
        ("drop", "12 requests over UDP, no answer", (3200, 3900)),
        # The kernel sends a burst of ICMP errors, and then one a second.
        ("reject with icmp type admin-prohibited", "rejected (host_unreachable)", (45, 3900)),
    ],
)
@in_loop_for(30)
async def test_udp_blocked_and_tcp_open(
    tmp_path: Path, how: str, said: str, within_ms: tuple[int, int]
) -> None:
    rules = MASQUERADE.format(how="") + UDP_BLOCKED.format(how=how)
    with network(tmp_path, rules) as here:
        report = await here.diagnose("stun", "turn", urls=TURN)
    stun, turn = report.step("stun"), report.step("turn")
    assert stun.data["udp"] == "blocked"
    assert within_ms[0] < stun.duration_ms < within_ms[1]
    assert turn.duration_ms < 3900
    rows = {row["url"]: row for row in turn.data["urls"] if row["configured"]}
    for url, row in rows.items():
        assert row["ok"] is url.endswith("tcp")
        assert row["stage"] == ("relayed_echo" if row["ok"] else "challenge")
    assert report.root_causes == ("udp-blocked",)
    assert said in report.findings[0].summary
