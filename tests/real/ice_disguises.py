"""What only a network can make, in other disguises; and disguises that need a real network."""

from polyai_diag.model import Verdict
from tests.real.ice_networks import (
    ANSWERS_ONLY,
    EVERY,
    GATEWAY_NAME,
    HOST,
    ICMP_HUSHED,
    MEDIA_DROPPED,
    NAMES,
    ONLY_443,
    OVER_TCP,
    OVER_TLS,
    OVER_UDP,
    STUN,
    STUN_NAME,
    SYMMETRIC_NAT,
    TURN_NAMES,
    TURN_OF_TWO,
    UDP_REJECTED,
    Row,
    filtering,
    forwarding,
)
from tests.real.networks import GATEWAY, MASQUERADE, PORT, SERVERS

IN_DROPPED = forwarding('iifname "public" meta l4proto udp drop')
MEDIA_REJECTED = forwarding(f'iifname "private" udp dport != {PORT}-{PORT + 1} reject')
FEW_PORTS = MASQUERADE.format(how="to :20000-20255 fully-random").replace(
    " masquerade", " meta l4proto { tcp, udp } masquerade"
)
RELAY_PORTS_DROPPED = filtering("input", f"ip saddr {HOST} udp sport 49152-65535 drop")
MANY = 150  # names: some 4 KB
IPV4_ALONE = {name: addresses[:1] for name, addresses in NAMES.items()}
GATEWAY_HAS_BOTH = {**IPV4_ALONE, GATEWAY_NAME: NAMES[GATEWAY_NAME]}
STUN_HAS_BOTH = {**IPV4_ALONE, STUN_NAME: NAMES[STUN_NAME]}
STUN_BY_NAME = f"stun:{STUN_NAME}:{PORT}"
ON_5349 = tuple(f"turns:{name}:5349?transport=tcp" for name in TURN_NAMES)

UDP = [
    Row(
        "answers over UDP dropped",
        rules=IN_DROPPED,
        named=("udp-blocked",),
        verdict=Verdict.DEGRADED,
    ),
    Row(
        "media ports rejected",
        rules=MEDIA_REJECTED,
        named=("media-ports-blocked",),
        verdict=Verdict.DEGRADED,
    ),
    *(
        Row(
            f"{what}, TURN over UDP alone",
            (STUN, OVER_UDP),
            rules=rules,
            named=("turn-tcp-not-configured",),
            beneath=frozenset({"udp-blocked", "ice-failed"}),
            verdict=Verdict.FAILED,
        )
        for what, rules in (("UDP rejected", UDP_REJECTED), ("only 443 open", ONLY_443))
    ),
]

RELAY = [
    Row(
        "media ports dropped, coturn denies the gateway as a peer",
        rules=MEDIA_DROPPED,
        coturn=(f"denied-peer-ip={GATEWAY}",),
        named=("turn-peer-refused",),
        beneath=frozenset({"ice-failed"}),
        verdict=Verdict.FAILED,
    ),
    Row(
        "media ports dropped, coturn's relay ports too",
        rules=MEDIA_DROPPED,
        gateway_rules=RELAY_PORTS_DROPPED,
        named=("turn-relay-blackhole",),
        beneath=frozenset({"ice-failed"}),
        verdict=Verdict.FAILED,
    ),
]

SYMMETRIC = [
    *(
        Row(
            f"symmetric NAT, {what}, no TURN",
            (STUN,),
            rules=rules,
            gateway=gateway,
            gateway_rules=ANSWERS_ONLY,
            named=("symmetric-nat",),
            beneath=frozenset({"turn-not-configured", "ice-failed"}),
            verdict=Verdict.FAILED,
        )
        for what, rules, gateway in (
            ("of a few ports, a gateway behind NAT", FEW_PORTS, ("translated",)),
            ("a gateway behind NAT, its address there", SYMMETRIC_NAT, ("translated", "at home")),
        )
    ),
    *(
        Row(
            f"symmetric NAT, a gateway behind NAT, TURN over {what}",
            (STUN, url),
            rules=SYMMETRIC_NAT,
            gateway=("translated",),
            gateway_rules=ANSWERS_ONLY,
            named=("symmetric-nat",),
            verdict=Verdict.DEGRADED,
        )
        for what, url in (("UDP", OVER_UDP), ("TCP", OVER_TCP), ("TLS", OVER_TLS))
    ),
]

IPV6 = [
    *(
        Row(
            f"IPv6 {what}",
            (STUN_BY_NAME, *EVERY[1:]),
            names=names,
            ipv6_to=hole,
            named=("ipv6-broken",),
            verdict=Verdict.DEGRADED,
        )
        for what, names, hole in (
            ("is prohibited", NAMES, "prohibit"),
            ("has no route beyond the router", NAMES, "unreachable"),
            ("to the gateway alone, into a hole", GATEWAY_HAS_BOTH, "blackhole"),
            ("to a STUN server alone, into a hole", STUN_HAS_BOTH, "blackhole"),
        )
    ),
]

OPENED = [
    *(
        Row(
            f"TLS to two TURN servers is opened, {what}",
            (STUN, *urls),
            names=NAMES,
            opens_tls_to=SERVERS,
            named=("turn-tls-intercepted",),
            verdict=Verdict.DEGRADED,
            **rest,
        )
        for what, urls, rest in (
            ("and no other way is configured", TURN_OF_TWO, {}),
            (
                "and only TLS 1.2 spoken",
                TURN_OF_TWO,
                {"inspector": ("tls_version_client_max=TLS1_2",)},
            ),
            (
                "by a company's own authority",
                (OVER_TCP, *TURN_OF_TWO),
                {"inspector_name": "Example Web Gateway"},
            ),
            (
                "on port 5349",
                (OVER_UDP, *ON_5349),
                {"opens_port": 5349, "coturn": ("alt-tls-listening-port=5349",)},
            ),
        )
    ),
    Row(
        "TLS to two TURN servers is opened, relay only",
        (STUN, *TURN_OF_TWO),
        names=NAMES,
        opens_tls_to=SERVERS,
        relay_only=True,
        named=("turn-tls-intercepted",),
        verdict=Verdict.FAILED,
    ),
]

LARGE = [
    Row(
        "MTU 1,000, ICMP dropped",
        rules=ICMP_HUSHED,
        narrow_bytes=1000,
        named=("mtu-blackhole",),
        verdict=Verdict.FAILED,
    ),
    *(
        Row(
            f"packets over {what}",
            rules=forwarding(rule),
            other_names=names,
            named=("mtu-blackhole",),
            beneath=frozenset({beneath}),
            verdict=Verdict.FAILED,
        )
        for what, rule, names, beneath in (
            ("1,400 bytes dropped", "meta length > 1400 drop", 0, "signaling-timeout"),
            (
                "1,300 bytes dropped on their way out",
                'iifname "private" meta length > 1300 drop',
                0,
                "signaling-timeout",
            ),
            (
                "1,300 bytes dropped on their way in",
                'iifname "public" meta length > 1300 drop',
                MANY,
                "gateway-unreachable",
            ),
            (
                "500 bytes dropped over UDP",
                "meta l4proto udp meta length > 500 drop",
                0,
                "dtls-failed",
            ),
        )
    ),
]

DISGUISES = [*UDP, *RELAY, *SYMMETRIC, *IPV6, *OPENED, *LARGE]
