"""A network of the test's own: a client, a router with its nftables rules, and coturn behind it."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyai_diag import Report
from tests.real.coturn import INSTALL
from tests.real.elsewhere import diagnosed
from tests.real.foreign import Certified
from tests.real.namespaces import ask_dns_at, await_listening, ip, join, namespace, run, serving
from tests.real.needs import need
from tests.real.programs import end

SERVERS = ("20.42.0.1", "20.42.0.2")  # public, or nobody could be blamed; nothing leaves
GATEWAY = "20.42.0.3"
ROUTER = "10.77.0.1"
FAR_IPV6 = "2603:1000::"
PORT = 3478
MASQUERADE = """
table ip nat {{
  chain out {{ type nat hook postrouting priority 100; oifname "public" masquerade {how}; }}
  chain in {{ type filter hook forward priority 0; iifname "public" ct state new drop; }}
}}
"""
UDP_BLOCKED = """
table ip filter {{
  chain forward {{ type filter hook forward priority 0; udp dport 3478-3479 {how}; }}
}}
"""


@dataclass(frozen=True)
class Network:
    """Where the client stands, what it stands behind, and how TURN is asked."""

    client: str
    router: str
    server: str
    username: str = "alice"
    password: str = "s3cret"

    async def diagnose(self, *steps: str, urls: list[str]) -> Report:
        """Run the steps from the client's network, in a process of their own."""
        server = {"urls": urls, "username": self.username, "credential": self.password}
        target = {"url": "ws://127.0.0.1:1/", "ice_servers": [server]}
        return await diagnosed(target, steps, namespace=self.client)


@contextmanager
def network(
    folder: Path,
    rules: str,
    *,
    tls: Certified | None = None,
    narrow_bytes: int | None = None,
    coturn: Sequence[str] = (),
) -> Iterator[Network]:
    """Make the three namespaces, start coturn in the last, and take it all down again.

    With `tls` coturn serves TLS on port 443 too; the router takes packets of `narrow_bytes`.
    `coturn` are more lines of its configuration.
    """
    need("nft", install="apt-get install nftables")
    with ExitStack() as stack:
        client, router, server = (stack.enter_context(namespace(name)) for name in "crs")
        join(client, "uplink", "10.77.0.2/24", router, "private", f"{ROUTER}/24")
        join(server, "uplink", f"{SERVERS[0]}/24", router, "public", "20.42.0.254/24")
        for address in (*SERVERS[1:], GATEWAY):
            ip("-n", server, "address", "add", f"{address}/24", "dev", "uplink")
        ip("-n", client, "route", "add", "default", "via", ROUTER)
        ip("-n", server, "route", "add", "10.77.0.0/24", "via", "20.42.0.254")
        if narrow_bytes is not None:
            for where, device in (("10.77.0.0/24", "private"), ("20.42.0.0/24", "public")):
                mtu = ("mtu", "lock", str(narrow_bytes))
                ip("-n", router, "route", "change", where, "dev", device, *mtu)
        run("ip", "netns", "exec", router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        run("ip", "netns", "exec", router, "nft", "-f", "-", text=rules)
        stack.enter_context(_coturn(server, folder, tls, coturn))
        yield Network(client, router, server)


@contextmanager
def dual_stack(
    folder: Path,
    names: Mapping[str, Sequence[str]],
    hole: str | None,
    *,
    tls: Certified | None = None,
    coturn: Sequence[str] = (),
) -> Iterator[Network]:
    """Let names have both families; `hole` is where the router sends IPv6, None: there is none."""
    with network(folder, MASQUERADE.format(how=""), tls=tls, coturn=coturn) as here:
        if hole is not None:
            for where, device, address in (
                (here.client, "uplink", "2001:db8:77::2/64"),
                (here.router, "private", "2001:db8:77::1/64"),
            ):
                ip("-n", where, "address", "add", address, "dev", device, "nodad")
            ip("-n", here.client, "route", "add", "default", "via", "2001:db8:77::1")
            forwards = "net.ipv6.conf.all.forwarding=1"
            run("ip", "netns", "exec", here.router, "sysctl", "-qw", forwards)
            ip("-n", here.router, "route", "add", hole, f"{FAR_IPV6}/64")
        ask_dns_at(ROUTER, here.client)
        with serving("tests.real.dns", here.router, names):
            yield here


@contextmanager
def far_away(
    folder: Path, cable: Mapping[str, Any], *, tls: Certified | None = None
) -> Iterator[Network]:
    """Lay a long cable from the client to coturn's network: no router, no translation.

    `cable` is what `tests.bench.tun` is asked for: delay, fault, log.
    """
    with ExitStack() as stack:
        client, server = (stack.enter_context(namespace(name)) for name in "cs")
        ends = {"near": client, "far": server, "device": "cable", **cable}
        stack.enter_context(serving("tests.bench.tun", None, ends))
        for inside, addresses in ((client, ["20.42.0.9"]), (server, (*SERVERS, GATEWAY))):
            for address in addresses:
                ip("-n", inside, "address", "add", f"{address}/24", "dev", "cable")
            ip("-n", inside, "link", "set", "cable", "up")
        stack.enter_context(_coturn(server, folder, tls))
        yield Network(client, client, server)


@contextmanager
def _coturn(
    inside: str, folder: Path, tls: Certified | None, more: Sequence[str] = ()
) -> Iterator[None]:
    program = need("turnserver", install=INSTALL)
    config = folder / "turnserver.conf"
    lines = [
        *(f"listening-ip={address}" for address in SERVERS),
        f"relay-ip={SERVERS[0]}",
        f"listening-port={PORT}",
        f"alt-listening-port={PORT + 1}",
        "realm=coturn.test",
        "user=alice:s3cret",
        "lt-cred-mech",
        *(_tls(tls) if tls else ["no-tls"]),
        "no-dtls",
        "no-cli",
        "log-file=stdout",
        f"userdb={folder / 'turndb'}",
        f"pidfile={folder / 'turnserver.pid'}",
        *more,
    ]
    config.write_text("\n".join([*lines, ""]))
    with (folder / "turnserver.log").open("wb") as log:
        process = subprocess.Popen(
            ["ip", "netns", "exec", inside, program, "-c", config],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        await_listening(process, PORT, "udp", "tcp", addresses=len(SERVERS))
        yield
    finally:
        end(process)


def _tls(certified: Certified) -> list[str]:
    files = {"cert": certified.certificate_file, "pkey": certified.key_file}
    return ["tls-listening-port=443", *(f"{name}={file}" for name, file in files.items())]
