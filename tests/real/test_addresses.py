"""A gateway with several addresses, some of which lead nowhere."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from polyai_diag import Report
from tests.aio import in_loop_for
from tests.real.elsewhere import diagnosed
from tests.real.foreign import TOKEN, Certified
from tests.real.namespaces import ip, namespace, run, serving
from tests.real.needs import need

pytestmark = pytest.mark.root

NAME = "webrtc-gateway.us-1.platform.polyai.app"
ALIVE, ALSO_ALIVE = "20.42.0.1", "2001:db9::1"
DROPPED, ALSO_DROPPED, REJECTED = "20.42.0.2", "2001:db9::2", "20.42.0.3"
FIREWALL = f"""
table inet filter {{
  chain input {{
    type filter hook input priority 0;
    ip daddr {DROPPED} drop
    ip6 daddr {ALSO_DROPPED} drop
    ip daddr {REJECTED} reject with icmp type admin-prohibited
  }}
}}
"""


@contextmanager
def network(certified: Certified, addresses: list[str]) -> Iterator[str]:
    """A namespace where the gateway's name has these addresses, and each behaves as it is named."""
    need("nft", install="apt-get install nftables")
    files = {"certificate": certified.certificate_file, "key": certified.key_file}
    with ExitStack() as stack:
        inside = stack.enter_context(namespace("ways", nameserver="127.0.0.1"))
        for address in (ALIVE, DROPPED, REJECTED):
            ip("-n", inside, "address", "add", f"{address}/32", "dev", "lo")
        for address in (ALSO_ALIVE, ALSO_DROPPED):
            ip("-n", inside, "address", "add", f"{address}/128", "dev", "lo", "nodad")
        run("ip", "netns", "exec", inside, "nft", "-f", "-", text=FIREWALL)
        stack.enter_context(serving("tests.real.dns", inside, {NAME: addresses}))
        stack.enter_context(serving("tests.bench.far_gateway", inside, files))
        yield inside


async def reached(folder: Path, *addresses: str) -> Report:
    certified = Certified(folder, NAME)
    with network(certified, list(addresses)) as inside:
        target = {"url": "us-1", "token": TOKEN, "ca_file": certified.ca_file}
        return await diagnosed(target, ("gateway", "signaling"), namespace=inside)


def how_they_fared(report: Report) -> dict[str, bool]:
    return {row["address"]: row["ok"] for row in report.step("gateway").data["addresses"]}


@pytest.mark.parametrize(
    "addresses",
    [
        (ALIVE, ALSO_ALIVE),
        (DROPPED, ALIVE),
        (REJECTED, ALIVE),
        (ALSO_DROPPED, ALIVE),
        (DROPPED, ALSO_ALIVE),
        (DROPPED, REJECTED, ALSO_DROPPED, ALIVE),
    ],
    ids=["all", "dropped", "rejected", "ipv6-dropped", "ipv4-dropped", "one-of-four"],
)
@in_loop_for(30)
async def test_one_address_that_answers_is_enough(
    tmp_path: Path, addresses: tuple[str, ...]
) -> None:
    """The gateway's own answer, on whichever way, is what the verdict rests on."""
    report = await reached(tmp_path, *addresses)
    beside = {"ipv6-broken"} if ALSO_DROPPED in addresses else set()
    assert set(report.root_causes) == {"token-rejected", *beside}
    fared = how_they_fared(report)
    for address in addresses:
        at = f"[{address}]:443" if ":" in address else f"{address}:443"
        assert fared[at] is (address in (ALIVE, ALSO_ALIVE))
    refused = report.step("signaling").observations[-1]
    assert refused.started_ms + refused.duration_ms < 1500


@in_loop_for(30)
async def test_every_address_that_fails_is_named(tmp_path: Path) -> None:
    report = await reached(tmp_path, DROPPED, REJECTED, ALSO_DROPPED)
    assert report.root_causes == ("gateway-unreachable",)
    assert list(how_they_fared(report).values()) == [False, False, False]
    said = "\n".join(one.text for one in report.findings[0].evidence)
    for address in (DROPPED, REJECTED, ALSO_DROPPED):
        assert address in said
    assert report.record.duration_ms < 5500
