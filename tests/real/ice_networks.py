"""Networks that a whole call is placed from: rules that break one, a row of the table, the call."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme

from polyai_diag import Report
from polyai_diag.model import Verdict
from polyai_diag.plan import COMPLAINTS
from tests.real.elsewhere import diagnosed
from tests.real.foreign import TOKEN, Certified
from tests.real.mitm import opening_tls
from tests.real.namespaces import run, serving
from tests.real.networks import (
    FAR_IPV6,
    GATEWAY,
    MASQUERADE,
    PORT,
    ROUTER,
    SERVERS,
    Network,
    dual_stack,
    far_away,
    network,
)

HOST = SERVERS[0]
STUN = f"stun:{HOST}:{PORT}"
OVER_UDP = f"turn:{HOST}:{PORT}?transport=udp"
OVER_TCP = f"turn:{HOST}:{PORT}?transport=tcp"
OVER_TLS = f"turns:{HOST}:443?transport=tcp"
EVERY = (STUN, OVER_UDP, OVER_TCP, OVER_TLS)
OTHER_STUN = f"stun:{SERVERS[1]}:{PORT}"

GATEWAY_NAME, STUN_NAME = "gateway.example.com", "stun.example.org"
TURN_NAMES = ("turn.example.net", "turn.example.org")
NAMES = {
    GATEWAY_NAME: [GATEWAY, f"{FAR_IPV6}3"],
    STUN_NAME: [HOST, f"{FAR_IPV6}1"],
    **{name: [address] for name, address in zip(TURN_NAMES, SERVERS, strict=True)},
}
TURN_OF_TWO = tuple(f"turns:{name}:443?transport=tcp" for name in TURN_NAMES)


def forwarding(rule: str) -> str:
    """Let the router apply this rule to what it forwards (nft(8))."""
    return filtering("forward", rule)


def filtering(hook: str, rule: str) -> str:
    """Let a machine apply this rule at a hook: forward, input, output."""
    chain = f"type filter hook {hook} priority 0; {rule};"
    return f"table ip filter {{\n  chain {hook} {{ {chain} }}\n}}\n"


NOTHING = forwarding("accept")
NAT = MASQUERADE.format(how="")
SYMMETRIC_NAT = MASQUERADE.format(how="fully-random")
UDP_DROPPED = forwarding("meta l4proto udp drop")
UDP_REJECTED = forwarding("meta l4proto udp reject")
ONLY_443 = forwarding(
    'iifname "private" meta l4proto udp drop; iifname "private" tcp dport != 443 drop'
)
MEDIA_DROPPED = forwarding(f'iifname "private" udp dport != {PORT}-{PORT + 1} drop')
ONE_STUN_DROPPED = forwarding(f"ip daddr {SERVERS[1]} udp dport {PORT} drop")
LOSES = "meta l4proto udp numgen random mod 100 < {percent} drop"
ICMP_HUSHED = filtering("output", "icmp type destination-unreachable drop")
DTLS_DROPPED = forwarding("meta l4proto udp @th,64,8 20-63 drop")  # RFC 7983 §7
HANDSHAKE_LATE = forwarding(  # RFC 7983 §7; the first flights alone, and every fourth check
    "meta l4proto udp @th,64,8 20-63 quota until 600 bytes drop; "
    "meta l4proto udp @th,64,8 0-3 numgen inc mod 4 == 0 drop"
)
PATH_CUT = forwarding(
    f"ip daddr {GATEWAY} meta l4proto udp quota over 40 kbytes drop; "
    f"ip saddr {GATEWAY} meta l4proto udp quota over 40 kbytes drop"
)
ANSWERS_ONLY = filtering(  # as a NAT of its own would have it
    "input",
    f"iifname lo accept; ct state established,related accept; ip daddr {GATEWAY} "
    "meta l4proto udp drop",
)
GATEWAY_DEAF = filtering("input", f"ip daddr {GATEWAY} meta l4proto udp drop")

FAR = {"one_way_ms": {"*": 75}}
FAR_AND_UNEVEN = {"one_way_ms": {"*": 75}, "fault": {"jitter_ms": 15}}
IN_BURSTS = {"one_way_ms": {"*": 10}, "fault": {"loss_percent": 2, "burst_packets": 4}}
MORE_IN_BURSTS = {"one_way_ms": {"*": 10}, "fault": {"loss_percent": 8, "burst_packets": 2}}
UNEVEN = {"one_way_ms": {"*": 60}, "fault": {"jitter_ms": 40}}
TOO_FAR = {"one_way_ms": {"*": 125}}
THIN = {"one_way_ms": {"*": 10}, "fault": {"rate_kbps": 512}}


@dataclass(frozen=True)
class Row:
    """A network, the URLs that the customer has configured, and what is to be named."""

    name: str
    urls: tuple[str, ...] = EVERY
    rules: str = NOTHING  # the router's
    gateway_rules: str | None = None
    cable: Mapping[str, Any] | None = None  # in the router's place
    narrow_bytes: int | None = None
    names: Mapping[str, list[str]] | None = None  # hosts are called by these names
    ipv6_to: str | None = None  # where the router sends it; names have both families then
    opens_tls_to: tuple[str, ...] = ()  # these hosts' port, on the router
    opens_port: int = 443
    inspector: tuple[str, ...] = ()  # more options of who opens it
    inspector_name: str = ""  # of its authority, where it is not to be mitmproxy's own
    coturn: tuple[str, ...] = ()  # more lines of its configuration
    other_names: int = 0  # in the certificate: as large as chains are on the internet
    relay_only: bool = False
    gateway: tuple[str, ...] = ()  # what is special about it: "translated", "echoes"
    complaint: str = "ice"
    named: tuple[str, ...] = ()
    beneath: frozenset[str] = frozenset()
    verdict: Verdict | None = Verdict.HEALTHY  # None: how grave it is lies within the interval


@contextmanager
def standing(row: Row, folder: Path, certified: Certified) -> Iterator[Network]:
    """Make a row's network, with coturn and the gateway in it."""
    with ExitStack() as stack:
        if row.cable is not None:
            here = stack.enter_context(far_away(folder, row.cable, tls=certified))
        elif row.names is not None:
            here = stack.enter_context(
                dual_stack(folder, row.names, row.ipv6_to, tls=certified, coturn=row.coturn)
            )
        else:
            here = stack.enter_context(
                network(
                    folder,
                    row.rules,
                    tls=certified,
                    narrow_bytes=row.narrow_bytes,
                    coturn=row.coturn,
                )
            )
        if row.opens_tls_to:
            stack.enter_context(_inspecting(row, folder, here))
        if row.gateway_rules is not None:
            run("ip", "netns", "exec", here.server, "nft", "-f", "-", text=row.gateway_rules)
        files = {"certificate": certified.certificate_file, "key": certified.key_file}
        gateway = {"host": GATEWAY, "port": 443, "special": row.gateway, **files}
        stack.enter_context(serving("tests.real.calling_gateway", here.server, gateway))
        yield here


@contextmanager
def _inspecting(row: Row, folder: Path, here: Network) -> Iterator[None]:
    """Open TLS on the router, as the row has it."""
    if row.inspector_name:
        (folder / "aside").mkdir()
        authority = trustme.CA(organization_name=row.inspector_name)
        both = authority.private_key_pem.bytes() + authority.cert_pem.bytes()
        (folder / "aside" / "mitmproxy-ca.pem").write_bytes(both)
    hosts, port = row.opens_tls_to, row.opens_port
    with opening_tls(folder, here.router, ROUTER, hosts, port=port, options=row.inspector):
        yield


async def called(row: Row, folder: Path) -> Report:
    """Diagnose a call out of a row's network, as the complaint about ICE does."""
    many = [f"gateway-{number}.example.org" for number in range(row.other_names)]
    certified = Certified(folder, HOST, GATEWAY, GATEWAY_NAME, *TURN_NAMES, *many)
    host = GATEWAY if row.names is None else GATEWAY_NAME
    with standing(row, folder, certified) as here:
        login = {"username": here.username, "credential": here.password}
        target = {
            "url": f"wss://{host}/api/v1/webrtc/signal",
            "token": TOKEN,
            "ca_file": certified.ca_file,
            "ice_servers": [{"urls": list(row.urls), **login}],
            "relay_only": row.relay_only,
        }
        return await diagnosed(target, COMPLAINTS[row.complaint], namespace=here.client)


def missed(row: Row, report: Report) -> str:
    """Say what is not as the row has it; empty where all is."""
    told = [(f.id, f.severity.value, f.explained_by, f.summary) for f in report.findings]
    beneath = {f.id for f in report.findings if f.explained_by}
    as_wanted = (
        report.root_causes == row.named
        and row.beneath <= beneath
        and row.verdict in (None, report.verdict)
    )
    return "" if as_wanted else f"{report.verdict}: {report.root_causes}; {told}"
