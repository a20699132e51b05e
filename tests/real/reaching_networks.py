"""The table of networks that stand before the gateway, and what is to be named in each.

Each is one namespace with addresses of the internet on its loopback: names, a portal, a firewall.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyai_diag import Report
from polyai_diag.model import Verdict
from tests.real.dns import SILENCE, Answer
from tests.real.elsewhere import diagnosed
from tests.real.foreign import TOKEN, Certified
from tests.real.ice_networks import Row, filtering
from tests.real.namespaces import ip, namespace, run, serving
from tests.real.needs import need

HERE = "127.0.0.1"
NAME = "webrtc-gateway.us-1.platform.polyai.app"
OTHER_REGIONS_NAME = "webrtc-gateway.uk-1.platform.polyai.app"
GATEWAY, GATEWAY_V6, OTHER_REGION, PORTAL = "20.42.0.1", "2001:db9::1", "20.42.0.2", "20.42.0.80"
PRIVATE = "10.9.0.1"
STEPS = ("token", "gateway", "signaling")
RIGHT: Mapping[str, Answer] = {NAME: [GATEWAY], OTHER_REGIONS_NAME: [OTHER_REGION]}
BOTH: Mapping[str, Answer] = {**RIGHT, NAME: [GATEWAY, GATEWAY_V6]}


def to_gateway(rule: str) -> str:
    """Let this become of what is sent to the gateway (nft(8))."""
    return filtering("input", f"ip daddr {GATEWAY} tcp dport 443 {rule}")


ASIDE = f"""
table ip aside {{
  chain turn {{
    type nat hook output priority -100;
    ip daddr != 127.0.0.0/8 tcp dport 80 dnat to {PORTAL};
  }}
}}
"""
"""A portal that leaves names alone, and takes plain HTTP to whatever address."""


@dataclass(frozen=True)
class Way(Row):
    """What a name server answers, what a portal shows, what a firewall does."""

    dns: Mapping[str, Answer] | None = field(default_factory=lambda: RIGHT)  # None: no server
    portal: Mapping[str, Any] | None = None  # what it answers, as `tests.real.portal` is asked
    gateway_for: tuple[str, ...] = ()  # it stands there, with a certificate for these names
    trusted: bool = True  # whether the certificate's authority is given
    no_route: bool = False
    third_party: bool = False
    verdict: Verdict | None = Verdict.FAILED


def names(how: str, answer: Answer) -> Way:
    """A name server that answers so for the gateway."""
    return Way(f"dns-failure, {how}", dns={NAME: answer}, named=("dns-failure",))


def false(how: str, *addresses: str, beneath: str = "gateway-unreachable", **rest: Any) -> Way:
    """A name server that gives out these addresses for the gateway."""
    return Way(
        f"dns-answer-wrong, {how}",
        dns={NAME: list(addresses)},
        named=("dns-answer-wrong",),
        beneath=frozenset({beneath}),
        **rest,
    )


def barred(how: str, **rest: Any) -> Way:
    """A way to the gateway that ends before TLS."""
    return Way(f"gateway-unreachable, {how}", named=("gateway-unreachable",), **rest)


def portal(how: str, beneath: str, **rest: Any) -> Way:
    """A network that wants a login first."""
    rest.setdefault("dns", {"*": [PORTAL]})
    return Way(
        f"captive-portal, {how}",
        named=("captive-portal",),
        beneath=frozenset({beneath}),
        **rest,
    )


WAYS = [
    names("no such name", "NXDOMAIN"),
    names("the server fails", "SERVFAIL"),
    names("the server refuses", "REFUSED"),
    names("the server is silent", SILENCE),
    names("a name without addresses", []),
    Way("dns-failure, no server there", dns=None, named=("dns-failure",)),
    false("private", "10.1.2.3"),
    false("this very machine", HERE),
    false("a sinkhole", "0.0.0.0"),  # noqa: S104 - a filter's answer
    false("private, IPv6", "fd00::7"),
    false("link-local, dropped", PRIVATE, rules=filtering("input", f"ip daddr {PRIVATE} drop")),
    false(
        "a filter's own server",
        PRIVATE,
        beneath="tls-certificate-invalid",
        portal={"answer": "403 Forbidden", "tls": True},
    ),
    barred("dropped", rules=to_gateway("drop")),
    barred("reset", rules=to_gateway("reject with tcp reset")),
    barred("forbidden by a firewall", rules=to_gateway("reject with icmp type admin-prohibited")),
    barred("no route", no_route=True),
    barred("dropped, and IPv6 leads nowhere", dns=BOTH, rules=to_gateway("drop"), no_route=True),
    barred(
        "cut when TLS begins",
        gateway_for=(NAME,),
        rules=to_gateway("@ih,0,16 0x1603 reject with tcp reset"),
    ),
    barred(
        "silent when TLS begins",
        gateway_for=(NAME,),
        rules=to_gateway("@ih,0,16 0x1603 drop"),
    ),
    portal("every name is its own", "gateway-unreachable", portal={}),
    portal(
        "every name is private",
        "dns-answer-wrong",
        dns={"*": [PRIVATE]},
        portal={},
    ),
    portal("it answers for TLS too", "tls-certificate-invalid", portal={"tls": True}),
    portal(
        "status 511",
        "gateway-unreachable",
        portal={"answer": "511 Network Authentication Required"},
    ),
    portal(
        "a page in place of the known one",
        "gateway-unreachable",
        portal={"answer": "200 OK"},
        third_party=True,
    ),
    portal(
        "names are left alone, plain HTTP is not, the rest is dropped",
        "gateway-unreachable",
        dns=RIGHT,
        rules=ASIDE + to_gateway("drop"),
        portal={"answer": "307 Temporary Redirect"},
    ),
    Way(
        "tls-intercepted, on the way",
        gateway_for=(NAME, OTHER_REGIONS_NAME),
        trusted=False,
        named=("tls-intercepted",),
        beneath=frozenset({"tls-certificate-invalid"}),
    ),
]


@contextmanager
def standing(way: Way, folder: Path) -> Iterator[tuple[str, str | None]]:
    """Make a network; yield its namespace, and the authority that is given."""
    need("nft", install="apt-get install nftables")
    certified = Certified(folder, *(way.gateway_for or ("login.portal.example",)))
    files = {"certificate": certified.certificate_file, "key": certified.key_file}
    with ExitStack() as stack:
        inside = stack.enter_context(namespace("way", nameserver=HERE))
        if not way.no_route:
            for address in (GATEWAY, OTHER_REGION, PORTAL, PRIVATE):
                ip("-n", inside, "address", "add", f"{address}/32", "dev", "lo")
        run("ip", "netns", "exec", inside, "nft", "-f", "-", text=way.rules)
        if way.dns is not None:
            stack.enter_context(serving("tests.real.dns", inside, way.dns))
        if way.portal is not None:
            tls = files if way.portal.get("tls") else {}
            stack.enter_context(serving("tests.real.portal", inside, {**way.portal, **tls}))
        if way.gateway_for:
            stack.enter_context(serving("tests.bench.far_gateway", inside, files))
        yield inside, certified.ca_file if way.trusted else None


async def reached(way: Way, folder: Path) -> Report:
    """Diagnose the way to a region's gateway out of a network."""
    with standing(way, folder) as (inside, ca_file):
        target = {
            "url": "us-1",
            "token": TOKEN,
            "ca_file": ca_file,
            "third_party": way.third_party,
        }
        return await diagnosed(target, STEPS, namespace=inside)
