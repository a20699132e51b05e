"""The table of networks that a whole call is placed from, and what is to be named in each."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    by_name: bool = False  # hosts are called by their names
    ipv6_to: str | None = None  # where the router sends it; names have both families then
    opens_tls_to: tuple[str, ...] = ()  # these hosts' port 443, on the router
    gateway: tuple[str, ...] = ()  # what is special about it: "translated", "echoes"
    complaint: str = "ice"
    named: tuple[str, ...] = ()
    beneath: frozenset[str] = frozenset()
    verdict: Verdict | None = Verdict.HEALTHY  # None: how grave it is lies within the interval


TABLE = [
    # What is healthy: nothing critical is named.
    Row("no NAT"),
    Row("NAT", rules=NAT),
    Row("symmetric NAT with TURN", rules=SYMMETRIC_NAT),
    Row("2 % loss", rules=forwarding(LOSES.format(percent=2))),
    Row("2 % loss in bursts", cable=IN_BURSTS),
    Row("150 ms", cable=FAR),
    Row("150 ms and 15 ms of jitter", cable=FAR_AND_UNEVEN),
    Row("512 kb/s", cable=THIN),
    # Packets are lost, late, uneven.
    Row(
        "20 % loss",
        rules=forwarding(LOSES.format(percent=20)),
        named=("packet-loss",),
        verdict=Verdict.FAILED,
    ),
    Row(
        "8 % loss in bursts",
        cable=MORE_IN_BURSTS,
        gateway=("echoes",),
        complaint="no-audio",
        named=("packet-loss",),
        verdict=None,
    ),
    Row(
        "checks lost, and the first flights of the handshake",
        rules=HANDSHAKE_LATE,
        named=("packet-loss",),  # and mostly, not always, setup-slow beneath it
        verdict=Verdict.FAILED,
    ),
    Row(
        "40 ms of jitter",
        cable=UNEVEN,
        gateway=("echoes",),
        complaint="no-audio",
        named=("high-jitter",),
        verdict=Verdict.DEGRADED,
    ),
    Row("250 ms", cable=TOO_FAR, named=("high-latency",), verdict=Verdict.DEGRADED),
    # UDP is blocked.
    Row("UDP dropped", rules=UDP_DROPPED, named=("udp-blocked",), verdict=Verdict.DEGRADED),
    Row("UDP rejected", rules=UDP_REJECTED, named=("udp-blocked",), verdict=Verdict.DEGRADED),
    Row(
        "only 443 open",
        (STUN, OVER_TLS),
        rules=ONLY_443,
        named=("udp-blocked",),
        verdict=Verdict.DEGRADED,
    ),
    Row(
        "UDP dropped, TURN over UDP alone",
        (STUN, OVER_UDP),
        rules=UDP_DROPPED,
        named=("turn-tcp-not-configured",),
        beneath=frozenset({"udp-blocked", "ice-failed"}),
        verdict=Verdict.FAILED,
    ),
    Row(
        "UDP dropped, no TURN",
        (STUN,),
        rules=UDP_DROPPED,
        named=("udp-blocked",),
        beneath=frozenset({"turn-not-configured", "ice-failed"}),
        verdict=Verdict.FAILED,
    ),
    # UDP is open, and the call's own is not.
    Row(
        "media ports dropped",
        rules=MEDIA_DROPPED,
        named=("media-ports-blocked",),
        verdict=Verdict.DEGRADED,
    ),
    Row(
        "media ports dropped, no TURN",
        (STUN,),
        rules=MEDIA_DROPPED,
        named=("turn-not-configured",),
        beneath=frozenset({"ice-failed"}),
        verdict=Verdict.FAILED,
    ),
    Row(
        "symmetric NAT, a gateway that admits answers only, no TURN",
        (STUN,),
        rules=SYMMETRIC_NAT,
        gateway_rules=ANSWERS_ONLY,
        named=("turn-not-configured",),
        beneath=frozenset({"ice-failed"}),
        verdict=Verdict.FAILED,
    ),
    Row(
        "symmetric NAT, a gateway behind NAT, no TURN",
        (STUN,),
        rules=SYMMETRIC_NAT,
        gateway=("translated",),
        gateway_rules=ANSWERS_ONLY,
        named=("symmetric-nat",),
        beneath=frozenset({"turn-not-configured", "ice-failed"}),
        verdict=Verdict.FAILED,
    ),
    Row(
        "the gateway's media is deaf",
        gateway_rules=GATEWAY_DEAF,
        named=("ice-failed",),
        verdict=Verdict.FAILED,
    ),
    Row("DTLS dropped", rules=DTLS_DROPPED, named=("dtls-failed",), verdict=Verdict.FAILED),
    Row(
        "the path is cut in mid-call",
        rules=PATH_CUT,
        gateway=("echoes",),
        complaint="no-audio",
        named=("ice-disconnected",),
        verdict=Verdict.FAILED,
    ),
    # One server, one family, one size.
    Row(
        "one STUN server dropped",
        (*EVERY, OTHER_STUN),
        rules=ONE_STUN_DROPPED,
        named=("stun-unreachable",),
        verdict=Verdict.DEGRADED,
    ),
    Row(
        "IPv6 into a hole",
        (f"stun:{STUN_NAME}:{PORT}", *EVERY[1:]),
        by_name=True,
        ipv6_to="blackhole",
        named=("ipv6-broken",),
        verdict=Verdict.DEGRADED,
    ),
    Row(
        "TLS to two TURN servers is opened",
        (STUN, OVER_UDP, *TURN_OF_TWO),
        by_name=True,
        opens_tls_to=SERVERS,
        named=("turn-tls-intercepted",),
        verdict=Verdict.DEGRADED,
    ),
    Row(
        "MTU 1,280, ICMP dropped",
        rules=ICMP_HUSHED,
        narrow_bytes=1280,
        named=("mtu-blackhole",),
        beneath=frozenset({"signaling-timeout"}),
        verdict=Verdict.FAILED,
    ),
    Row("MTU 1,280, ICMP let through", narrow_bytes=1280),
]


@contextmanager
def standing(row: Row, folder: Path, certified: Certified) -> Iterator[Network]:
    """Make a row's network, with coturn and the gateway in it."""
    with ExitStack() as stack:
        if row.cable is not None:
            here = stack.enter_context(far_away(folder, row.cable, tls=certified))
        elif row.by_name:
            here = stack.enter_context(dual_stack(folder, NAMES, row.ipv6_to, tls=certified))
        else:
            here = stack.enter_context(
                network(folder, row.rules, tls=certified, narrow_bytes=row.narrow_bytes)
            )
        if row.opens_tls_to:
            stack.enter_context(opening_tls(folder, here.router, ROUTER, row.opens_tls_to))
        if row.gateway_rules is not None:
            run("ip", "netns", "exec", here.server, "nft", "-f", "-", text=row.gateway_rules)
        files = {"certificate": certified.certificate_file, "key": certified.key_file}
        gateway = {"host": GATEWAY, "port": 443, "special": row.gateway, **files}
        stack.enter_context(serving("tests.real.calling_gateway", here.server, gateway))
        yield here


async def called(row: Row, folder: Path) -> Report:
    """Diagnose a call out of a row's network, as the complaint about ICE does."""
    certified = Certified(folder, HOST, GATEWAY, GATEWAY_NAME, *TURN_NAMES)
    host = GATEWAY_NAME if row.by_name else GATEWAY
    with standing(row, folder, certified) as here:
        login = {"username": here.username, "credential": here.password}
        target = {
            "url": f"wss://{host}/api/v1/webrtc/signal",
            "token": TOKEN,
            "ca_file": certified.ca_file,
            "ice_servers": [{"urls": list(row.urls), **login}],
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
