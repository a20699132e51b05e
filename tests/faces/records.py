"""Records made by hand: what a run could have seen, without a run."""

from __future__ import annotations

import math
from typing import Any

from polyai_diag.failures import Failure
from polyai_diag.model import (
    NOT_ASKED,
    STEP_NAMES,
    CallIds,
    Evidence,
    Finding,
    Guide,
    Observation,
    Record,
    Severity,
    Status,
    StepResult,
)
from polyai_diag.report import Report

HOSTILE = (
    "<script>alert(1)</script>|`x`|[a](http://evil.example)"
    "<img src=http://evil.example/x>\n# \u202e"
)
LONG = "n" * 10_000


def spectrum() -> dict[str, list[float]]:
    frequencies = [50 * 1.05**i for i in range(127)]
    sent = [-24 - 12 * max(0, math.log10(f / 600)) for f in frequencies]
    received = [
        s + math.sin(i) - max(0, f - 16800) / 90
        for i, (s, f) in enumerate(zip(sent, frequencies, strict=True))
    ]
    return {"frequency_hz": frequencies, "sent_dbfs": sent, "received_dbfs": received}


def _relay(url: str, transport: str, setup_ms: float, rtt_ms: float) -> dict[str, Any]:
    return {
        "url": url,
        "transport": transport,
        "stage": "relayed_echo",
        "ok": True,
        "failure": None,
        "setup_ms": setup_ms,
        "rtt_p50_ms": rtt_ms,
        "rtt_p95_ms": rtt_ms + 15,
        "sent": 40,
        "lost": 0,
    }


def candidate(kind: str, address: str, port: int, scope: str, explained: str) -> dict[str, Any]:
    return {
        "type": kind,
        "transport": "udp",
        "address": address,
        "port": port,
        "scope": scope,
        "explained": explained,
    }


def pair(local: str, remote: str, state: str) -> dict[str, Any]:
    ours, theirs = local.split(), remote.split()
    return {
        "local_type": ours[0],
        "local_address": ours[1],
        "remote_type": theirs[0],
        "remote_address": theirs[1],
        "state": state,
        "nominated": state == "succeeded",
    }


HOST = "webrtc-gateway.us-1.platform.polyai.app"


def certificate(subject: str, issuer: str, days_left: float = 61) -> dict[str, Any]:
    return {
        "subject": subject,
        "issuer": issuer,
        "not_before": "2026-10-25T00:00:00Z",
        "not_after": "2027-01-23T00:00:00Z",
        "days_left": days_left,
    }


def tls(*chain: dict[str, Any], vouched_by: str | None = "the shipped set") -> dict[str, Any]:
    return {
        "version": "TLSv1.3",
        "alpn": "http/1.1",
        "vouched_by": vouched_by,
        "days_left": chain[0]["days_left"],
        "chain": list(chain),
    }


DATA: dict[str, dict[str, Any]] = {
    "token": {"kind": "connector token", "length": 24, "sha256": "1234abcd"},
    "gateway": {
        "stages": [
            {"name": n, "ms": ms, "ok": True}
            for n, ms in (("DNS", 9.0), ("TCP", 41.2), ("TLS", 83.0), ("WebSocket", 44.0))
        ],
        "addresses": [
            {"address": "[2001:db8::9]:443", "family": "IPv6", "ms": 38.2, "ok": True},
            {"address": "203.0.113.9:443", "family": "IPv4", "ms": 41.2, "ok": True},
            {"address": "203.0.113.10:443", "family": "IPv4", "ms": 42.9, "ok": True},
        ],
        "resolvers": [
            {"server": "10.20.0.1", "type": "A", "answer": "203.0.113.9, 203.0.113.10", "ms": 9.0},
            {"server": "10.20.0.1", "type": "AAAA", "answer": "2001:db8::9", "ms": 8.1},
        ],
        "tls": tls(
            certificate("CN=*.us-1.platform.polyai.app", "CN=Example CA 3, O=Example Trust"),
            certificate("CN=Example CA 3, O=Example Trust", "CN=Example Root", 1900),
        ),
        "clock": {"offset_s": 0.2, "uncertainty_s": 0.6, "verified": True},
        "ice_urls": ["stun:stun.example.net:3478", "turn:turn.example.net:3478"],
    },
    "stun": {
        "udp": "open",
        "servers": [
            {
                "url": "stun:stun.example.net:3478",
                "mapped_address": "198.51.100.7:41022",
                "rtt_ms": 21.0,
                "sent": 3,
                "answered": 3,
            }
        ],
    },
    "turn": {
        "urls": [
            _relay("turn:turn.example.net:3478?transport=udp", "udp", 92.0, 41.0),
            _relay("turn:turn.example.net:3478?transport=tcp", "tcp", 131.0, 44.0),
            _relay("turns:turn.example.net:443?transport=tcp", "tls", 268.0, 59.0),
        ]
    },
    "nat": {
        "mapping": "endpoint-independent",
        "filtering": "address-dependent",
        "mapped_addresses": ["198.51.100.7:41022"],
    },
    "opus": {
        "offered": "48000/2",
        "answered": "48000/2",
        "payload_type": 111,
        "fmtp": {"minptime": "10", "useinbandfec": "1"},
    },
    "call": {
        "local_candidates": [
            candidate("host", "10.20.0.14", 41022, "private", "an address of this machine"),
            candidate("srflx", "198.51.100.7", 41022, "public", "this network's outside address"),
        ],
        "remote_candidates": [
            candidate("host", "203.0.113.41", 51314, "public", "the gateway's own address"),
        ],
        "pairs": [
            pair("host 10.20.0.14:41022", "host 203.0.113.41:51314", "failed"),
            pair("srflx 10.20.0.14:41022", "host 203.0.113.41:51314", "succeeded"),
        ],
        "ice_ms": 212.0,
        "dtls_ms": 131.0,
        "packets_sent": 400,
        "packets_received": 399,
        "loss_percent": 0.3,
        "jitter_ms": 4.1,
        "rtt_ms": 59.0,
        "nominated": {
            "local_type": "srflx",
            "remote_type": "host",
            "local_address": "10.20.0.14:41022",
            "remote_address": "203.0.113.41:51314",
            "relay_transport": None,
        },
    },
    "audio": {
        "mode": "echo",
        "delay_ms": 214.0,
        "gain_db": -0.1,
        "level_dbfs": -23.1,
        "sent_level_dbfs": -23.0,
        "bandwidth_hz": 16800.0,
        "spectrum": spectrum(),
    },
}

TIMES = {
    "token": (0, 12),
    "gateway": (14, 177),
    "signaling": (195, 120),
    "stun": (15, 3300),
    "turn": (20, 4250),
    "nat": (3420, 90),
    "opus": (320, 4),
    "call": (390, 910),
    "audio": (1400, 9600),
}


def observation(
    operation: str, endpoint: str, failure: Failure | None = None, **notes: Any
) -> Observation:
    return Observation(
        operation=operation,
        endpoint=endpoint,
        started_ms=20.0,
        duration_ms=41.0,
        failure=failure,
        notes=notes,
    )


def step(name: str, status: Status = Status.PASSED, **given: Any) -> StepResult:
    started, duration = TIMES[name]
    values: dict[str, Any] = {
        "started_ms": started,
        "duration_ms": duration,
        "data": DATA.get(name, {}),
    }
    return StepResult(name=name, status=status, **(values | given))


def skipped(name: str, reason: str = NOT_ASKED) -> StepResult:
    return StepResult(name=name, status=Status.SKIPPED, reason=reason)


def record(*changed: StepResult, **given: Any) -> Record:
    others = {result.name: result for result in changed}
    values: dict[str, Any] = {
        "tool": "polyai-diag 0.1.0",
        "started": "2026-11-23T14:02:11Z",
        "duration_ms": 11_800.0,
        "steps": tuple(others.get(name) or step(name) for name in STEP_NAMES),
        "call": CallIds(
            call_sid="polyai-diag-6f1c0000-0000-4000-8000-0000000000e2",
            session_id="550e8400-e29b-41d4-a716-446655440000",
            region="us-1",
        ),
        "target": {
            "url": "wss://webrtc-gateway.us-1.platform.polyai.app/api/v1/webrtc/signal",
            "region": "us-1",
            "mode": None,
            "relay_only": False,
            "ice_urls": ["turn:turn.example.net:3478"],
            "token": "connector token, 24 characters, sha256 1234abcd",
        },
        "environment": {
            "hostname": "support-lab-3",
            "addresses": ["10.20.0.14"],
            "python": "3.12.3",
            "platform": "Linux 6.8",
            "packages": {"aiortc": "1.16.0"},
            "proxies": {},
            "ca_file": None,
            "not_measured": ["the customer's browser, microphone and speaker"],
        },
    }
    return Record(**(values | given))


class Judged(Report):
    """A report whose findings are given: what a face shows does not depend on today's rules."""

    def __init__(self, seen: Record, *findings: Finding) -> None:
        super().__init__(seen)
        self.findings = findings


def finding(finding_id: str, title: str, *evidence: tuple[str, str], **given: Any) -> Finding:
    values: dict[str, Any] = {"severity": Severity.CRITICAL, "remedy": "Do this.", "summary": title}
    items = tuple(Evidence(step=where, text=text) for where, text in evidence)
    return Finding(id=finding_id, title=title, evidence=items, **(values | given))


def healthy() -> Report:
    return Judged(record())


def udp_blocked() -> Report:
    unmeasured = dict.fromkeys(("setup_ms", "rtt_p50_ms", "rtt_p95_ms", "sent", "lost"))
    refused = {"ok": False, "failure": "generic_timeout"} | unmeasured
    urls = [dict(url) for url in DATA["turn"]["urls"]]
    urls[0] |= {"stage": "challenge"} | refused
    urls[1] |= {"stage": "connect"} | refused
    silent = [
        observation(
            "stun_binding",
            "stun:stun.example.net:3478",
            Failure.GENERIC_TIMEOUT,
            sent=12,
            answered=0,
        )
    ]
    looked_up = observation("dns_lookup", "turn.example.net", addresses=["203.0.113.20"])
    relayed = {
        "pairs": [
            pair("host 10.20.0.14:41022", "host 203.0.113.41:51314", "failed"),
            pair("relay 203.0.113.20:50001", "host 203.0.113.41:51314", "succeeded"),
        ],
        "nominated": {
            **pair("relay 203.0.113.20:50001", "host 203.0.113.41:51314", "succeeded"),
            "relay_transport": "tls",
        },
    }
    seen = record(
        step(
            "stun",
            Status.FAILED,
            reason="no UDP server answered",
            data={"udp": "blocked"},
            observations=tuple(silent),
        ),
        step("turn", Status.FAILED, data={"urls": urls}, observations=(looked_up,)),
        step("call", data=DATA["call"] | relayed),
        skipped("nat", "UDP is blocked: there is nothing to measure"),
    )
    blocked = finding(
        "udp-blocked",
        "UDP is blocked between this network and the internet",
        ("stun", "12 STUN requests to 2 servers on 3 ports in 2.8 s: no answer to any"),
        ("turn", "TCP to turn.example.net:443, at the same time: open in 41 ms"),
        severity=Severity.WARNING,
        guide=Guide.ICE,
        reference="RFC 8445 §2.2",
        remedy="Keep turns:turn.example.net:443?transport=tcp in the client: it carried the call. "
        "Better: have outbound UDP to port 3478 opened.",
    )
    server = finding(
        "stun-unreachable",
        "A STUN server does not answer",
        ("stun", "stun:stun.example.net:3478: generic_timeout"),
        severity=Severity.WARNING,
        explained_by=("udp-blocked",),
    )
    ports = finding(
        "media-ports-blocked",
        "The gateway's media ports are blocked",
        ("call", "203.0.113.41:51314: no answer to 6 checks"),
        severity=Severity.WARNING,
        explained_by=("stun-unreachable", "udp-blocked"),
    )
    return Judged(seen, blocked, server, ports)


def compared() -> Report:
    """Every transport relays, each at its price; TLS was only tried, and goes by the proxy too."""
    urls = [
        row
        | {
            "configured": row["transport"] != "tls",
            "jitter_ms": 2.1 + number,
            "loss_percent": 2.5 * (2 - number),
            "loss_interval_percent": [0.1, 6.4],
            "stalls": number,
            "longest_stall_ms": 180.0 * number,
            "throughput_kbps": 128.0,
            "proof": ("echo", "binding", "none")[number],
            "server_address": "203.0.113.20:3478",
        }
        for number, row in enumerate(DATA["turn"]["urls"])
    ]
    urls.append(urls[2] | {"through": "http://proxy.example.net:3128", "rtt_p50_ms": 71.0})
    urls.append(
        {
            "url": "turns:turn.example.net?transport=udp",
            "transport": "dtls",
            "stage": "resolve",
            "ok": False,
            "failure": None,
            "detail": "TURN over DTLS is not probed",
        }
    )
    sentence = "UDP is the fastest: TLS on 443 costs 18 ms more, TCP on 3478 3 ms more."
    comparison = {"best": urls[0]["url"], "sentence": sentence}
    looked_up = observation(
        "dns_lookup", "turn.example.net", addresses=["203.0.113.20", "2001:db8::20"]
    )
    turn = {"urls": urls, "comparison": comparison}
    return Judged(record(step("turn", data=turn, observations=(looked_up,))))


def unauthorized() -> Report:
    unreached = [
        skipped(name, "the gateway refused the offer") for name in ("opus", "call", "audio")
    ]
    refused = finding(
        "token-expired",
        "The token expired 3 days ago",
        ("token", "exp is 2026-11-20T10:00:00Z"),
        ("signaling", "the gateway answered UNAUTHORIZED after 88 ms"),
        guide=Guide.UNAUTHORIZED,
        reference="RFC 7519 §4.1.4",
        remedy="Fetch a new connector token and put it into authToken of the offer.",
    )
    skew = finding(
        "clock-skew",
        "This machine's clock is 95 s behind",
        ("gateway", "Date differs by 95 s"),
        severity=Severity.WARNING,
        remedy="Turn on NTP.",
    )
    return Judged(
        record(
            step("token", Status.FAILED),
            step("signaling", Status.FAILED, reason="UNAUTHORIZED"),
            *unreached,
        ),
        refused,
        skew,
    )


def token_rejected() -> Report:
    refused = observation(
        "offer_answer",
        f"wss://{HOST}/api/v1/webrtc/signal",
        Failure.GATEWAY_ERROR,
        code="UNAUTHORIZED",
        message="Invalid auth token",
    )
    fetch = observation(
        "ice_servers_fetch", f"https://{HOST}/api/v1/ice-servers", Failure.HTTP_STATUS, status=401
    )
    token = {
        **DATA["token"],
        "dates": ["issued 3 days ago", "expires in 4 h 2 min"],
        "mended_by": ["a line end after it"],
    }
    reached = {**DATA["gateway"], "clock": {"offset_s": 2.3, "uncertainty_s": 0.6}}
    cause = finding(
        "token-rejected",
        "The gateway rejects the token",
        ("signaling", "Offer answered UNAUTHORIZED: Invalid auth token"),
        ("gateway", f"https://{HOST}/api/v1/ice-servers answered 401"),
        guide=Guide.UNAUTHORIZED,
        remedy="Check that the token belongs to this agent and this region.",
    )
    return Judged(
        record(
            step("token", data=token),
            step("gateway", data=reached, observations=(fetch,)),
            step("signaling", Status.FAILED, reason="UNAUTHORIZED", observations=(refused,)),
            *(skipped(n, "the gateway refused the offer") for n in ("opus", "call", "audio")),
        ),
        cause,
    )


def gateway_silent() -> Report:
    """PolyAI has to act: the WebSocket was closed before the answer."""
    closed = observation(
        "offer_answer",
        f"wss://{HOST}/api/v1/webrtc/signal",
        Failure.WEBSOCKET_CLOSED,
        close_code=1011,
        close_reason="internal error",
    )
    fetch = observation(
        "ice_servers_fetch", f"https://{HOST}/api/v1/ice-servers", Failure.HTTP_STATUS, status=503
    )
    cause = finding(
        "signaling-closed",
        "The gateway hangs up before it answers",
        ("signaling", "Closed with code 1011 (internal error)"),
        remedy="Send PolyAI this report: the close code is in it.",
    )
    return Judged(
        record(
            step("gateway", observations=(fetch,)),
            step("signaling", Status.FAILED, reason="closed", observations=(closed,)),
            *(skipped(n, "the gateway did not answer") for n in ("opus", "call", "audio")),
        ),
        cause,
    )


def dns_wrong() -> Report:
    """The resolver names a private address, behind which nobody answers."""
    reached = {
        "stages": [{"name": "DNS", "ms": 9.0, "ok": True}, {"name": "TCP", "ms": 4e3, "ok": False}],
        "addresses": [
            {
                "address": "10.0.0.1:443",
                "family": "IPv4",
                "ms": 4000.0,
                "ok": False,
                "failure": "generic_timeout",
            },
            {
                "address": "[fd00::1]:443",
                "family": "IPv6",
                "ms": 2.0,
                "ok": False,
                "failure": "network_unreachable",
            },
        ],
        "resolvers": [
            {"server": "10.20.0.1", "type": "A", "answer": "10.0.0.1", "ms": 9.0},
            {"server": "10.20.0.2", "type": "A", "answer": "no answer", "ms": 2000.0},
        ],
    }
    cause = finding(
        "dns-failure",
        "The gateway's name leads to a private address",
        ("gateway", f"{HOST}: 10.0.0.1, a private address for a public name"),
        remedy="Have the network's DNS server looked at: it must give the public addresses.",
    )
    unreached = (n for n in ("signaling", "stun", "turn", "nat", "opus", "call", "audio"))
    return Judged(
        record(
            step("gateway", Status.FAILED, reason="no address accepts", data=reached),
            *(skipped(n, "the gateway cannot be reached") for n in unreached),
        ),
        cause,
    )


def intercepted() -> Report:
    """A proxy signs for the gateway itself, and its certificate ends soon."""
    forged = tls(
        certificate(f"CN={HOST}", "CN=Corp Inspection CA, O=Example Corp", 9),
        certificate(
            "CN=Corp Inspection CA, O=Example Corp", "CN=Corp Inspection CA, O=Example Corp", 700
        ),
        vouched_by=None,
    )
    asked = observation(
        "proxy_connect",
        "http://proxy.example.net:3128",
        Failure.PROXY_FAILED,
        status=407,
        offers=["Negotiate", "NTLM"],
    )
    reached = {
        **DATA["gateway"],
        "stages": [
            {"name": "Proxy", "ms": 21.0, "ok": True},
            {"name": "TLS", "ms": 64.0, "ok": False},
        ],
        "tls": forged,
        "proxy": "http://proxy.example.net:3128",
        "clock": {"offset_s": -9000.0, "uncertainty_s": 0.6, "verified": False},
    }
    cause = finding(
        "tls-certificate-invalid",
        "TLS to the gateway is opened on the way",
        ("gateway", "Corp Inspection CA signs for the gateway and for another region's"),
        remedy="Have TLS to the gateway's host passed through without inspection.",
    )
    unreached = (n for n in ("signaling", "opus", "call", "audio"))
    return Judged(
        record(
            step("gateway", Status.FAILED, data=reached, observations=(asked,)),
            *(skipped(n, "the gateway cannot be reached") for n in unreached),
        ),
        cause,
    )


def regions() -> Report:
    """All regions asked: one takes the token, one refuses it, one is not reached."""
    rows = [
        ("us-1", True, "", 177.0, "refused", "401: invalid auth token"),
        ("uk-1", True, "", 96.0, "taken", ""),
        ("euw-1", False, "TCP", None, "unknown", "no answer in 4 s"),
    ]
    names = ("region", "reached", "stage", "ms", "token", "detail")
    asked = [
        {**dict(zip(names, row, strict=True)), "host": HOST.replace("us-1", row[0])} for row in rows
    ]
    cause = finding(
        "gateway-unreachable",
        "The gateway cannot be reached",
        ("gateway", "euw-1: no answer in 4 s"),
        severity=Severity.WARNING,
        remedy="Have outbound TCP to port 443 allowed.",
    )
    unasked = (n for n in STEP_NAMES if n not in ("token", "gateway"))
    return Judged(
        record(step("gateway", data={"regions": asked}), *(skipped(n) for n in unasked)), cause
    )


def cancelled() -> Report:
    unreached = [
        skipped(name, "the run was cancelled") for name in ("nat", "opus", "call", "audio")
    ]
    return Judged(
        record(
            step("stun", Status.CANCELLED, data={}),
            step("turn", Status.CANCELLED, data={}),
            *unreached,
            duration_ms=3200.0,
        )
    )


def hostile() -> Report:
    """Every text that a network or a user can choose is an attack, or far too long."""
    nasty: dict[str, dict[str, Any]] = {
        "gateway": {
            "stages": [
                {"name": HOSTILE, "ms": HOSTILE},
                "x",
                {"name": "DNS", "ms": math.nan, "ok": False},
            ],
            "addresses": [
                {"address": HOSTILE, "family": HOSTILE, "ok": False, "failure": HOSTILE},
                {"address": LONG, "family": LONG, "ok": HOSTILE, "ms": -math.inf},
            ]
            * 300,
            "resolvers": [{"server": HOSTILE, "type": LONG, "answer": [HOSTILE]}] * 300,
            "tls": {
                "version": HOSTILE,
                "alpn": [LONG],
                "vouched_by": HOSTILE,
                "days_left": HOSTILE,
                "chain": [{"subject": HOSTILE, "issuer": LONG, "days_left": math.nan}, "x"] * 50,
            },
            "clock": {"offset_s": -1e14, "uncertainty_s": HOSTILE, "verified": HOSTILE},
            "proxy": HOSTILE,
            "ice_urls": HOSTILE,
            "regions": [{"region": HOSTILE, "host": LONG, "ms": "x", "token": [LONG]}] * 50,
        },
        "token": {
            "kind": HOSTILE,
            "length": HOSTILE,
            "sha256": LONG,
            "dates": [HOSTILE] * 99,
            "mended_by": HOSTILE,
        },
        "turn": {
            "urls": [
                {"url": HOSTILE, "transport": LONG, "stage": HOSTILE, "failure": HOSTILE},
                {"url": LONG},
                {
                    "url": f"turn:{'h' * 200}.example:443?transport=tcp",
                    "transport": HOSTILE,
                    "ok": True,
                    "configured": HOSTILE,
                    "through": HOSTILE,
                    "proof": [HOSTILE],
                    "rtt_p50_ms": 1e14,
                    "rtt_p95_ms": -1,
                    "loss_percent": HOSTILE,
                    "stalls": LONG,
                    "server_address": [HOSTILE],
                },
                {"url": "turn:=cmd|x:1", "ok": True, "rtt_p50_ms": 2.0, "detail": HOSTILE},
                {"url": "turn:$x$_{y}:1", "ok": True, "rtt_p50_ms": 3.0, "rtt_p95_ms": math.inf},
            ]
            * 200,
            "comparison": {"best": HOSTILE, "sentence": LONG + HOSTILE},
        },
        "call": {
            "local_candidates": [{"type": HOSTILE, "address": LONG, "explained": HOSTILE}] * 300,
            "remote_candidates": [
                {"address": "203.0.113.1", "port": 10**400},
                {"address": HOSTILE, "port": HOSTILE},
            ]
            * 300,
            "pairs": [{"local_address": HOSTILE, "remote_address": LONG, "state": HOSTILE}] * 300,
            "ice_ms": HOSTILE,
            "nominated": {"local_type": HOSTILE, "relay_transport": HOSTILE},
        },
        "audio": {
            "mode": HOSTILE,
            "spectrum": {
                "frequency_hz": [HOSTILE, 100, 200],
                "sent_dbfs": [1, math.inf, 2],
                "received_dbfs": "x",
            },
        },
        "opus": {"fmtp": HOSTILE},
        "nat": {"mapping": HOSTILE, "filtering": ["x"]},
        "stun": {"udp": [HOSTILE], "servers": HOSTILE},
    }
    seen = tuple(
        StepResult(
            name=name,
            status=Status.FAILED,
            reason=HOSTILE,
            data=nasty.get(name, {}),
            observations=(
                observation(HOSTILE, LONG, Failure.UNKNOWN_FAILURE, **{HOSTILE: HOSTILE}),
            ),
        )
        for name in STEP_NAMES
    )
    bad = [
        finding(HOSTILE, text, ("call", HOSTILE), ("call", LONG), remedy=HOSTILE, reference=HOSTILE)
        for text in (HOSTILE, LONG)
    ]
    names = {
        HOSTILE: HOSTILE,
        "addresses": [HOSTILE, LONG],
        "hostname": HOSTILE,
        "not_measured": [HOSTILE],
        "packages": {HOSTILE: LONG},
    }
    ids = CallIds(call_sid=HOSTILE, session_id=LONG, region=HOSTILE)
    return Judged(
        record(
            steps=seen,
            call=ids,
            started=HOSTILE,
            target={"url": HOSTILE, "ice_urls": [HOSTILE]},
            environment=names,
        ),
        *bad,
    )


ALL = (
    healthy,
    udp_blocked,
    compared,
    unauthorized,
    token_rejected,
    gateway_silent,
    dns_wrong,
    intercepted,
    regions,
    cancelled,
    hostile,
)
