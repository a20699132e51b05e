"""What blames the customer's network is compared with something that works, or is put weaker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from polyai_diag.analysis.quality import loss_interval_percent
from polyai_diag.causes import CAUSES, judge
from polyai_diag.failures import Failure
from polyai_diag.model import Actor
from tests.unit.records import GATEWAY, record, saw, step

if TYPE_CHECKING:
    from polyai_diag.model import Finding, Observation, StepResult

HERE, THERE = f"{GATEWAY}:443", "webrtc-gateway.uk-1.platform.polyai.app:443"
URL = f"wss://{GATEWAY}/api/v1/webrtc/signal"
STUN, OTHER_STUN = "stun:a.example.net:3478", "stun:b.example.org:3478"
TURN, TURN_TCP = "turn:t.example.net:3478", "turn:t.example.net:3478?transport=tcp"
TURNS = "turns:t.example.net:5349?transport=tcp"
SILENT, REFUSED, UNTRUSTED = (
    Failure.GENERIC_TIMEOUT,
    Failure.CONNECTION_REFUSED,
    Failure.TLS_UNTRUSTED,
)
CHECKS: dict[str, Any] = {
    "checks": {"rtt_ms": 450.0, "rtt_interval_ms": [440.0, 460.0], "spread_ms": 40.0}
}
BINDING = saw("stun_binding", STUN, server="192.0.2.1:3478", mapped_address="198.51.100.2:7")


class Row(NamedTuple):
    """What names a cause, and what its control adds; none where one always has it."""

    alone: tuple[StepResult, ...] | None
    compared: tuple[StepResult, ...]


def gateway(*seen: Observation, **data: Any) -> StepResult:
    return step("gateway", *seen, **data)


def chain(endpoint: str, signer: str, vouched_by: str | None, **notes: Any) -> Observation:
    return saw("tls_chain", endpoint, signer=signer, vouched_by=vouched_by, **notes)


def lossy(lost: int, due: int) -> dict[str, Any]:
    return {
        "packets_sent": due,
        "packets_received": due - lost,
        "packets_due": due,
        "packets_lost": lost,
        "lost_bursts": lost,
        "loss_interval_percent": list(loss_interval_percent(lost, due, lost)),
    }


def pairs(*kinds: str) -> list[dict[str, Any]]:
    remote = {"remote_type": "host", "remote_address": "198.51.100.7:9", "state": "failed"}
    return [{"local_type": kind, "obstacle": None, **remote} for kind in kinds]


NO_NAME = saw("dns_lookup", GATEWAY, Failure.DNS_SERVER_FAILED)
FALSE = saw("dns_lookup", GATEWAY, addresses=["10.0.0.1"], kinds=["private"], public_name=True)
NO_TCP = saw("tcp_connect", "192.0.2.7:443", REFUSED, host=GATEWAY)
TLS_THERE = chain(THERE, "CN=Public", "the shipped set", control=True)
BAD_TLS = saw("tls_handshake", HERE, Failure.TLS_EXPIRED)
BAD_TURNS = saw("tls_handshake", "t.example.net:5349", UNTRUSTED, url=TURNS)
NO_CONNECT = saw("proxy_connect", "http://proxy:3128", Failure.PROXY_FAILED, through=HERE)
DEAD_STUN = saw("stun_binding", OTHER_STUN, SILENT, server="192.0.2.2:3478", sent=12)
DEAD_TURN = saw("tcp_connect", "192.0.2.9:3478", REFUSED, url=TURN_TCP, far_end=False)
NO_PAIR = saw("ice_connect", "gateway", Failure.ICE_FAILED, pairs=pairs("host"), obstacles=[None])
NO_RTP = saw("rtp_receive", "gateway", Failure.NO_RTP, detail="0 packets in 1 s")
SLOW: dict[str, Any] = {"first_audio_ms": 6_000.0}
ANSWER = step("signaling", saw("offer_answer", URL))
SERVERS: dict[str, Any] = {
    "servers": [{"url": STUN, "sent": 20, "lost": 0, "rtt_ms": 4.0, "jitter_ms": 0.3}]
}
UNEVEN: dict[str, Any] = {
    "jitter_ms": 60.0,
    "jitter_interval_ms": [50.0, 70.0],
    "packets_sent": 50,
    **CHECKS,
}
UNHEARD: dict[str, Any] = {"packets_sent": 300, "gateway_packets_sent": 0, "packets_received": 0}

TABLE = {
    "dns-failure": Row((gateway(NO_NAME),), (gateway(NO_NAME, TLS_THERE),)),
    "dns-answer-wrong": Row((gateway(FALSE, NO_TCP),), (gateway(FALSE, NO_TCP, TLS_THERE),)),
    "gateway-unreachable": Row((gateway(NO_TCP),), (gateway(NO_TCP), step("stun", BINDING))),
    "tls-intercepted": Row(
        None, (gateway(chain(HERE, "CN=Inspector", None), chain(THERE, "CN=Inspector", None)),)
    ),
    "tls-certificate-invalid": Row((gateway(BAD_TLS),), (gateway(BAD_TLS, TLS_THERE),)),
    "proxy-blocks-websocket": Row((gateway(NO_CONNECT),), (gateway(NO_CONNECT, TLS_THERE),)),
    "signaling-lost": Row(
        (step("audio", saw("call_hold", URL, Failure.WEBSOCKET_CLOSED)),),
        (step("audio", saw("call_hold", URL, Failure.WEBSOCKET_CLOSED, media_lives_on=True)),),
    ),
    "setup-slow": Row(
        (ANSWER, step("audio", **SLOW)),
        (gateway(saw("tcp_connect", HERE)), ANSWER, step("audio", **SLOW)),
    ),
    "udp-blocked": Row(
        None,
        (
            gateway(saw("tcp_connect", HERE)),
            step("stun", DEAD_STUN, saw("stun_binding", STUN, SILENT, sent=12)),
        ),
    ),
    "stun-unreachable": Row((step("stun", DEAD_STUN),), (step("stun", DEAD_STUN, BINDING),)),
    "ipv6-broken": Row(
        None,
        (step("stun", saw("stun_binding", STUN, SILENT, server="[2001:db8::1]:1"), BINDING),),
    ),
    "turn-unreachable": Row(
        (step("turn", DEAD_TURN),),
        (step("turn", DEAD_TURN, saw("turn_allocate", TURN, url=TURN, relayed_address="r:1")),),
    ),
    "turn-tls-intercepted": Row(
        None,
        (
            gateway(chain(HERE, "CN=Inspector", None)),
            step("turn", BAD_TURNS, chain("t.example.net:5349", "CN=Inspector", None, url=TURNS)),
        ),
    ),
    "media-ports-blocked": Row(None, (step("stun", BINDING), step("call", NO_PAIR))),
    "ice-no-candidates": Row(
        (step("call", saw("ice_gather", "here", Failure.ICE_NO_CANDIDATES)),), ()
    ),
    "ice-failed": Row((step("call", NO_PAIR),), (step("stun", BINDING), step("call", NO_PAIR))),
    "ice-disconnected": Row(
        (step("audio", saw("call_hold", "gateway", Failure.CONSENT_LOST)),),
        (step("audio", saw("call_hold", "gateway", Failure.CONSENT_LOST, websocket_answers=True)),),
    ),
    "mtu-blackhole": Row(
        None,
        (
            gateway(
                saw("mtu_probe", HERE, SILENT, leg="tcp", largest_bytes=900, failing_bytes=1400)
            ),
        ),
    ),
    "dtls-failed": Row(
        (step("call", saw("dtls_handshake", "gateway", SILENT)),),
        (step("call", saw("dtls_handshake", "gateway", SILENT, relay_transport="tls")),),
    ),
    "no-audio-received": Row(
        (step("call", NO_RTP),), (step("call", NO_RTP, gateway_packets_sent=50),)
    ),
    "no-audio-delivered": Row(
        (step("call", **UNHEARD),), (step("call", **{**UNHEARD, "packets_received": 40}),)
    ),
    "packet-loss": Row(
        (step("call", **lossy(60, 500)),), (step("call", **lossy(60, 500)), step("stun", **SERVERS))
    ),
    "high-latency": Row(
        (step("call", **CHECKS),), (step("call", **CHECKS), step("stun", **SERVERS))
    ),
    "high-jitter": Row(
        (step("call", **UNEVEN),), (step("call", **UNEVEN), step("stun", **SERVERS))
    ),
}


def found(cause_id: str, steps: tuple[StepResult, ...]) -> Finding:
    made = record(*steps, ice_urls=[STUN, TURN])
    return {finding.id: finding for finding in judge(made)}[cause_id]


def test_every_cause_that_blames_the_network_is_here() -> None:
    assert set(TABLE) == {row.id for row in CAUSES.values() if row.acts is Actor.NETWORK}


@pytest.mark.parametrize("cause_id", [i for i, row in TABLE.items() if row.alone is not None])
def test_without_a_control_the_words_are_weaker(cause_id: str) -> None:
    finding = found(cause_id, TABLE[cause_id].alone or ())
    said = f"othing was there to compare with: {CAUSES[cause_id].alone}"
    assert not any(evidence.control for evidence in finding.evidence)
    assert finding.summary.endswith(f"; n{said}")
    assert finding.evidence[-1].text == f"N{said}"


@pytest.mark.parametrize("cause_id", [i for i, row in TABLE.items() if row.compared])
def test_a_control_is_shown_and_marked(cause_id: str) -> None:
    finding = found(cause_id, TABLE[cause_id].compared)
    controls = [evidence.text for evidence in finding.evidence if evidence.control]
    assert controls
    assert all(text.startswith("Control: ") for text in controls)
    assert "othing was there" not in finding.summary + finding.evidence[-1].text


@pytest.mark.parametrize(
    "seen",
    [
        saw("tcp_connect", HERE, host=GATEWAY),
        saw("tls_control", "192.0.2.1:443", host=GATEWAY),
        chain(THERE, "CN=Inspector", None, control=True),
        saw("tcp_connect", "192.0.2.1:3478", url=TURN_TCP, through="proxy:3128"),
        saw("portal_check", "http://10.0.0.1/", known_page=False),
    ],
)
def test_what_is_no_control(seen: Observation) -> None:
    """The host itself one layer below, an inspector's answer, a proxy's, a portal's."""
    broken = saw("tls_handshake", HERE, Failure.CONNECTION_RESET)
    finding = found("gateway-unreachable", (gateway(broken, seen),))
    assert not any(evidence.control for evidence in finding.evidence)


def test_controls_outlast_much_evidence() -> None:
    many = [saw("stun_binding", f"stun:{i}.test:1", SILENT, sent=9) for i in range(40)]
    finding = found("udp-blocked", (gateway(saw("tcp_connect", HERE)), step("stun", *many)))
    assert len(finding.evidence) == 13
    assert finding.evidence[-1].control
