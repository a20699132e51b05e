"""A way that is narrow in its middle, with routers that say so, and with a firewall that hushes."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from polyai_diag.sandbox.faults import NETWORK_ONLY
from tests.aio import in_loop_for
from tests.real.elsewhere import diagnosed
from tests.real.foreign import TOKEN, Certified
from tests.real.namespaces import ip, join, namespace, run, serving
from tests.real.needs import need

pytestmark = [pytest.mark.root]

SERVER = "203.0.113.1"
TLS_PORT = 443
STUN_PORT = 3478
NARROW_BYTES = 1280
MANY_NAMES = [f"gateway-{number}.example.org" for number in range(150)]
HUSHED = """
table ip filter {
  chain output { type filter hook output priority 0; icmp type destination-unreachable drop; }
}
"""


@contextmanager
def narrow_way(
    folder: Path, *names: str, hushed: bool, mtu: int = NARROW_BYTES
) -> Iterator[tuple[str, str]]:
    """Lay client, two routers and a server in a row; yield the client, and whom to trust.

    The routers' own cable takes packets of `mtu` bytes; no end of the way can know.
    """
    need("nft", install="apt-get install nftables")
    with ExitStack() as stack:
        client, near, far, server = (stack.enter_context(namespace(name)) for name in "cnfs")
        join(client, "uplink", "10.77.0.2/24", near, "private", "10.77.0.1/24")
        join(near, "middle", "10.88.0.1/24", far, "middle", "10.88.0.2/24")
        join(server, "uplink", f"{SERVER}/24", far, "public", "203.0.113.254/24")
        for router in (near, far):
            ip("-n", router, "link", "set", "middle", "mtu", str(mtu))
            run("ip", "netns", "exec", router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
            if hushed:
                run("ip", "netns", "exec", router, "nft", "-f", "-", text=HUSHED)
        ip("-n", client, "route", "add", "default", "via", "10.77.0.1")
        ip("-n", server, "route", "add", "default", "via", "203.0.113.254")
        ip("-n", near, "route", "add", "203.0.113.0/24", "via", "10.88.0.2")
        ip("-n", far, "route", "add", "10.77.0.0/24", "via", "10.88.0.1")
        certified = Certified(folder, SERVER, *names)
        files = {"certificate": certified.certificate_file, "key": certified.key_file}
        gateway = {"port": TLS_PORT, **files}
        stack.enter_context(serving("tests.real.refusing_gateway", server, gateway))
        stun = {"host": SERVER, "port": STUN_PORT}
        stack.enter_context(serving("tests.real.plain_stun", server, stun))
        yield client, certified.ca_file


async def probed(client: str, ca_file: str) -> dict[str, dict[str, Any]]:
    """Probe both legs in the client's network; return what was observed, by leg."""
    process = await asyncio.create_subprocess_exec(
        "ip", "netns", "exec", client, sys.executable, "-m", "tests.real.run_mtu",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    asked = {"host": SERVER, "udp_port": STUN_PORT, "tls_port": TLS_PORT, "ca_file": ca_file}
    printed, _ = await process.communicate(json.dumps(asked).encode())
    assert process.returncode == 0
    return {seen["notes"]["leg"]: seen for seen in json.loads(printed)}


@in_loop_for(20)
async def test_what_is_too_large_vanishes(tmp_path: Path) -> None:
    with narrow_way(tmp_path, *MANY_NAMES, hushed=True) as (client, ca_file):
        seen = await probed(client, ca_file)
    udp, tcp = seen["udp"], seen["signaling"]
    assert (udp["notes"]["largest_bytes"], udp["notes"]["failing_bytes"]) == (1200, 1400)
    assert (tcp["notes"]["usual"], tcp["notes"]["small"]) == ("TLS", "passed")
    assert tcp["notes"]["largest_bytes"] <= 576 < NARROW_BYTES < tcp["notes"]["failing_bytes"]
    assert all(one["duration_ms"] < 2200 for one in seen.values())


@in_loop_for(20)
async def test_a_narrow_way_that_says_so_is_healthy(tmp_path: Path) -> None:
    with narrow_way(tmp_path, *MANY_NAMES, hushed=False) as (client, ca_file):
        seen = await probed(client, ca_file)
    assert [one["failure"] for one in seen.values()] == [None, None]
    assert seen["udp"]["notes"]["largest_bytes"] == 1200
    assert seen["udp"]["notes"]["too_big_bytes"] == 1400
    assert seen["signaling"]["notes"]["usual"] == "passed"


@in_loop_for(20)
async def test_a_way_too_narrow_for_the_call(tmp_path: Path) -> None:
    with narrow_way(tmp_path, hushed=True, mtu=1000) as (client, ca_file):
        seen = await probed(client, ca_file)
    assert (seen["udp"]["notes"]["largest_bytes"], seen["udp"]["notes"]["failing_bytes"]) == (
        100,
        1200,
    )


@pytest.mark.parametrize(("hushed", "cause"), [(True, "mtu-blackhole"), (False, "agent-failure")])
@in_loop_for(40)
async def test_an_offer_that_is_lost_for_its_size(tmp_path: Path, hushed: bool, cause: str) -> None:
    """The handshake's messages are small enough; the offer is not."""
    with narrow_way(tmp_path, hushed=hushed) as (client, ca_file):
        url = f"wss://{SERVER}:{TLS_PORT}/api/v1/webrtc/signal"
        target = {"url": url, "token": TOKEN, "ca_file": ca_file}
        report = await diagnosed(target, ("signaling",), namespace=client)
    assert report.root_causes == (cause,)
    beneath = {finding.id for finding in report.findings if finding.explained_by}
    assert beneath == ({"signaling-timeout"} if hushed else set())


def test_no_sandbox_plays_it() -> None:
    assert "mtu-blackhole" in NETWORK_ONLY
