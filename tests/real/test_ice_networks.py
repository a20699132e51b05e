"""Whole calls out of networks of the test's own, each with one thing wrong, and the cause named."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from polyai_diag import Report
from polyai_diag.model import Verdict
from polyai_diag.plan import COMPLAINTS
from tests.aio import in_loop_for
from tests.real.elsewhere import diagnosed
from tests.real.foreign import Certified
from tests.real.namespaces import serving
from tests.real.networks import MASQUERADE, PORT, SERVERS, Network, far_away, network

pytestmark = [pytest.mark.coturn, pytest.mark.root]

HOST = SERVERS[0]
SIGNALING_PORT = 8080
STUN = f"stun:{HOST}:{PORT}"
OVER_UDP = f"turn:{HOST}:{PORT}?transport=udp"
OVER_TCP = f"turn:{HOST}:{PORT}?transport=tcp"
OVER_TLS = f"turns:{HOST}:443?transport=tcp"
EVERY = (STUN, OVER_UDP, OVER_TCP, OVER_TLS)
ONLY_UDP = (STUN, OVER_UDP)


def forwarding(rule: str) -> str:
    """Let the router apply this rule to what it forwards (nft(8))."""
    chain = f"type filter hook forward priority 0; {rule};"
    return f"table ip filter {{\n  chain forward {{ {chain} }}\n}}\n"


NOTHING = forwarding("accept")
NAT = MASQUERADE.format(how="")
SYMMETRIC_NAT = MASQUERADE.format(how="fully-random")
UDP_DROPPED = forwarding("meta l4proto udp drop")
UDP_REJECTED = forwarding("meta l4proto udp reject")
ONLY_443 = forwarding(
    f'iifname "private" meta l4proto udp drop; '
    f'iifname "private" tcp dport != {{ 443, {SIGNALING_PORT} }} drop'
)
MEDIA_DROPPED = forwarding(f'iifname "private" udp dport != {PORT}-{PORT + 1} drop')
TWO_PERCENT_LOST = forwarding("meta l4proto udp numgen random mod 100 < 2 drop")


@dataclass(frozen=True)
class Row:
    """A network, the URLs that the customer has configured, and what is to be named."""

    name: str
    rules: str
    urls: tuple[str, ...]
    named: tuple[str, ...] = ()
    beneath: frozenset[str] = frozenset()
    verdict: Verdict = Verdict.HEALTHY


TABLE = [
    Row("no NAT", NOTHING, EVERY),
    Row("NAT", NAT, EVERY),
    Row("symmetric NAT with TURN", SYMMETRIC_NAT, EVERY),
    Row("2 % loss", TWO_PERCENT_LOST, EVERY),
    Row("UDP dropped", UDP_DROPPED, EVERY, ("udp-blocked",), verdict=Verdict.DEGRADED),
    Row("UDP rejected", UDP_REJECTED, EVERY, ("udp-blocked",), verdict=Verdict.DEGRADED),
    Row("only 443 open", ONLY_443, (STUN, OVER_TLS), ("udp-blocked",), verdict=Verdict.DEGRADED),
    Row(
        "UDP dropped, TURN over UDP alone",
        UDP_DROPPED,
        ONLY_UDP,
        ("turn-tcp-not-configured",),
        frozenset({"udp-blocked", "ice-failed"}),
        Verdict.FAILED,
    ),
    Row(
        "UDP dropped, no TURN",
        UDP_DROPPED,
        (STUN,),
        ("udp-blocked",),
        frozenset({"turn-not-configured", "ice-failed"}),
        Verdict.FAILED,
    ),
    Row(
        "media ports dropped",
        MEDIA_DROPPED,
        EVERY,
        ("media-ports-blocked",),
        verdict=Verdict.DEGRADED,
    ),
    Row(
        "media ports dropped, no TURN",
        MEDIA_DROPPED,
        (STUN,),
        ("turn-not-configured",),
        frozenset({"ice-failed"}),
        Verdict.FAILED,
    ),
]


async def called(here: Network, certified: Certified, urls: tuple[str, ...]) -> Report:
    """Diagnose a call to a gateway that stands beside coturn."""
    server: dict[str, Any] = {"username": here.username, "credential": here.password}
    target = {
        "url": f"ws://{HOST}:{SIGNALING_PORT}/api/v1/webrtc/signal",
        "token": "0123456789abcdef-connector",
        "ca_file": certified.ca_file,
        "ice_servers": [{"urls": list(urls), **server}],
    }
    with serving("tests.real.calling_gateway", here.server, SIGNALING_PORT):
        return await diagnosed(target, COMPLAINTS["ice"], namespace=here.client)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
@in_loop_for(45)
async def test_the_cause_is_named_alone(row: Row, tmp_path: Path) -> None:
    certified = Certified(tmp_path, HOST)
    with network(tmp_path, row.rules, tls=certified) as here:
        report = await called(here, certified, row.urls)
    told = [(f.id, f.severity.value, f.explained_by, f.summary) for f in report.findings]
    assert report.root_causes == row.named, told
    assert row.beneath <= {f.id for f in report.findings if f.explained_by}, told
    assert report.verdict is row.verdict, told


@in_loop_for(45)
async def test_a_gateway_that_is_150_ms_away_is_healthy(tmp_path: Path) -> None:
    certified = Certified(tmp_path, HOST)
    with far_away(tmp_path, 75, tls=certified) as here:
        report = await called(here, certified, EVERY)
    assert (report.verdict, report.root_causes) == (Verdict.HEALTHY, ()), report.findings
    round_trips_ms = [row["rtt_p50_ms"] for row in report.step("turn").data["urls"] if row["ok"]]
    assert len(round_trips_ms) == 3
    assert all(150 <= ms <= 155 for ms in round_trips_ms), round_trips_ms
