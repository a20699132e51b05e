"""Packets lost, late, uneven or none: what is named, by which proof, and what is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag.analysis.quality import loss_interval_percent
from polyai_diag.analysis.streams import reported_loss_percent
from polyai_diag.causes import judge, root_causes
from polyai_diag.failures import Failure
from polyai_diag.model import Finding, Severity, Status
from tests.unit.records import record, saw, step

if TYPE_CHECKING:
    from polyai_diag.model import StepResult

GATEWAY_STUN, OTHER_STUN = "stun:a.example.net:3478", "stun:b.example.org:3478"


def received(lost: int, due: int, bursts: int, **more: Any) -> dict[str, Any]:
    interval = loss_interval_percent(lost, due, bursts)
    return {
        "packets_sent": due,
        "packets_received": due - lost,
        "packets_due": due,
        "packets_lost": lost,
        "lost_bursts": bursts,
        "loss_interval_percent": list(interval),
        "gateway_packets_sent": due,
        "gateway_reports": {"packets_lost": 0, "packets_counted": due, "rtt_ms": None},
        **more,
    }


def reported(lost: int, sent: int) -> dict[str, Any]:
    counts = {"packets_lost": lost, "packets_counted": sent, "rtt_ms": 20.0}
    interval = list(reported_loss_percent(lost, sent)[1:])
    return received(0, sent, 0, gateway_reports=counts, sent_loss_interval_percent=interval)


def call(data: dict[str, Any], **more: Any) -> StepResult:
    return step("call", saw("dtls_handshake", "gateway"), **{**data, **more})


def server(url: str, lost: int, sent: int, transport: str | None = None) -> dict[str, Any]:
    interval = list(loss_interval_percent(lost, sent, lost))
    row = {"url": url, "sent": sent, "lost": lost, "lost_bursts": lost}
    row["loss_interval_percent"] = interval
    return row if transport is None else {**row, "transport": transport}


def found(*steps: StepResult, **target: Any) -> dict[str, Finding]:
    return {finding.id: finding for finding in judge(record(*steps, **target))}


def texts(finding: Finding) -> str:
    return "\n".join(evidence.text for evidence in finding.evidence)


# --- packet-loss ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lost", "due", "severity"),
    [
        (0, 400, None),
        (8, 400, None),  # 2 % of 400: chance makes that of 1 % as well
        (16, 400, Severity.WARNING),  # 4 %, and perhaps no more than 2.4 %
        (40, 400, Severity.CRITICAL),
        (20, 60, None),  # too few to go by, alone
    ],
)
def test_what_was_received_counts_by_its_lower_end(
    lost: int, due: int, severity: Severity | None
) -> None:
    finding = found(call(received(lost, due, lost))).get("packet-loss")
    assert (finding.severity if finding else None) is severity


def test_the_direction_and_the_kind_are_named() -> None:
    arrived = texts(found(call(received(60, 400, 15, loss_kind="bursts")))["packet-loss"])
    assert "Received of the call: 60 of 400 lost, in bursts (15.0 %; 95 %:" in arrived
    left = texts(found(call(reported(60, 400)))["packet-loss"])
    assert "Sent, as the gateway reports: 60 of 400 lost (15.0 %" in left
    assert "Received" not in left


def test_the_longest_look_at_the_packets_is_taken() -> None:
    bad, good = received(30, 120, 30), received(0, 500, 0)
    assert found(call(bad), step("audio", saw("audio_loopback", "gateway"), **good)) == {}


def test_round_trips_of_servers_count_together() -> None:
    stun = step("stun", servers=[server(GATEWAY_STUN, 5, 25), server(OTHER_STUN, 4, 25)])
    turn = step("turn", urls=[server("turn:a.example.net", 8, 50, "udp")])
    finding = found(stun, turn)["packet-loss"]
    assert finding.severity is Severity.CRITICAL
    assert [e.step for e in finding.evidence] == ["turn", "stun", "stun", "stun"]
    assert "Control: packets to 2 servers elsewhere are lost as well" in texts(finding)
    assert "Out and back, STUN to stun:a.example.net:3478: 5 of 25 lost" in texts(finding)
    assert "packet-loss" not in found(step("stun", servers=[server(GATEWAY_STUN, 5, 25)]))


def test_two_percent_each_way_is_no_fault_of_a_round_trip() -> None:
    rows = [server(GATEWAY_STUN, 2, 50), server(OTHER_STUN, 2, 50)]
    assert found(step("stun", servers=rows)) == {}


def test_what_one_server_loses_is_its_own_matter() -> None:
    rows = [server(GATEWAY_STUN, 25, 60), server(OTHER_STUN, 0, 60)]
    assert found(step("stun", servers=rows)) == {}


def test_what_the_calls_own_path_loses_counts_though_servers_lose_nothing() -> None:
    stun = step("stun", servers=[server(GATEWAY_STUN, 2, 60)])
    named = found(stun, call(received(0, 60, 0), checks={"sent": 20, "lost": 14}))
    assert "checks of the call's path: 14 of 20 lost" in texts(named["packet-loss"])


def test_a_few_checks_do_not_overrule_hundreds_of_packets_each_way() -> None:
    """As on a machine too busy to read the answers in time."""
    stun = step("stun", servers=[server(GATEWAY_STUN, 0, 24)])
    unanswered = {"sent": 19, "lost": 15}
    assert found(stun, call(reported(2, 800), checks=unanswered)) == {}
    assert "packet-loss" in found(stun, call(reported(2, 60), checks=unanswered))


def test_what_tcp_sends_again_is_no_loss_of_udp() -> None:
    rows = [server("turn:a.example.net", 20, 50, kind) for kind in ("tcp", "tls")]
    assert found(step("turn", urls=rows)) == {}


LOSSY = received(80, 400, 70)


def test_a_handshake_that_fails_is_explained_where_much_is_lost() -> None:
    late = saw("dtls_handshake", "gateway", Failure.GENERIC_TIMEOUT, detail="not finished in 15 s")
    stun = step("stun", servers=[server(GATEWAY_STUN, 12, 40), server(OTHER_STUN, 11, 40)])
    findings = judge(record(stun, step("call", late)))
    assert root_causes(findings) == ("packet-loss",)
    assert {f.id: f.severity for f in findings}["packet-loss"] is Severity.CRITICAL


def test_a_little_loss_explains_no_handshake_that_fails() -> None:
    late = saw("dtls_handshake", "gateway", Failure.GENERIC_TIMEOUT, detail="not finished in 15 s")
    named = found(step("call", late, **received(70, 2500, 70)))  # 2.8 %
    assert named["packet-loss"].severity is Severity.WARNING
    assert named["dtls-failed"].explained_by == ()


def test_checks_of_the_path_tell_of_loss_where_no_servers_were_asked() -> None:
    data: dict[str, Any] = {"checks": {"sent": 34, "lost": 13, "rtt_ms": 20.0}}
    late = saw("dtls_handshake", "gateway", Failure.GENERIC_TIMEOUT, detail="not finished in 15 s")
    findings = judge(record(step("call", late, **data)))
    assert root_causes(findings) == ("packet-loss",)


def test_sound_that_a_gateway_makes_up_is_explained() -> None:
    cuts = [{"at_s": n, "ms": 60, "kind": "abrupt"} for n in range(4)]
    audio = step("audio", saw("audio_loopback", "gateway"), dropouts=cuts, **LOSSY)
    named = found(audio)
    assert named["audio-dropouts"].explained_by == ("packet-loss",)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"loss_interval_percent": ["a", None], "packets_due": "x"},
        {"loss_interval_percent": 7, "packets_due": 9},
        {"checks": [1, 2], "gateway_reports": "none", "jitter_interval_ms": [1]},
        {"checks": {"sent": -4, "lost": 9, "rtt_interval_ms": "long"}, "packets_lost": True},
        {"checks": {"sent": 3, "lost": 9}, "gateway_packets_sent": {}},
    ],
)
def test_a_report_from_elsewhere_may_hold_anything(nonsense: dict[str, Any]) -> None:
    stun = step("stun", servers=[3, {"url": 7, "sent": "many"}, {"loss_interval_percent": [0, 1]}])
    turn = step("turn", urls="none")
    named = found(stun, turn, call({**received(0, 400, 0), **nonsense}))
    assert set(named) <= {"no-audio-delivered"}


# --- high-latency, high-jitter ----------------------------------------------------------------


def checked(low_ms: float, high_ms: float, **more: Any) -> dict[str, Any]:
    checks = {"sent": 9, "lost": 0, "rtt_ms": (low_ms + high_ms) / 2, **more}
    return received(0, 60, 0, checks={**checks, "rtt_interval_ms": [low_ms, high_ms]})


@pytest.mark.parametrize(
    ("interval_ms", "named"),
    [((149, 152), False), ((180, 260), False), ((240, 260), True), ((600, 700), True)],
)
def test_a_long_way_is_a_warning_and_never_critical(
    interval_ms: tuple[float, float], named: bool
) -> None:
    finding = found(call(checked(*interval_ms))).get("high-latency")
    assert (finding is not None) is named
    assert finding is None or finding.severity is Severity.WARNING


def test_a_way_that_gets_long() -> None:
    late = {"rtt_late_ms": 402.0, "rtt_late_interval_ms": [400.0, 410.0]}
    finding = found(call(checked(1, 402, **late)))["high-latency"]
    assert "In the last third of the call 402 ms" in finding.evidence[0].text
    assert "high-latency" not in found(call(checked(1, 402, rtt_late_interval_ms=[150, 402])))


@pytest.mark.parametrize(("own_ms", "named"), [(None, True), (1.0, True), (9.0, False)])
def test_what_this_machine_makes_uneven_is_no_jitter(own_ms: float | None, named: bool) -> None:
    uneven = {"jitter_ms": 36.0, "jitter_interval_ms": [35.0, 38.0], "own_jitter_ms": own_ms}
    assert ("high-jitter" in found(call({**checked(1, 2, spread_ms=30.0), **uneven}))) is named


@pytest.mark.parametrize(
    ("low_ms", "spread_ms", "severity"),
    [
        (12.0, 40.0, None),
        (25.0, 25.0, Severity.WARNING),
        (35.0, 25.0, Severity.CRITICAL),
        (35.0, 1.0, None),  # an agent that sends in bursts
        (35.0, None, None),
    ],
)
def test_jitter_counts_where_the_checks_are_uneven_too(
    low_ms: float, spread_ms: float | None, severity: Severity | None
) -> None:
    data = checked(20, 30, spread_ms=spread_ms)
    data |= {"jitter_ms": low_ms + 3, "jitter_interval_ms": [low_ms, low_ms + 6]}
    finding = found(call(data)).get("high-jitter")
    assert (finding.severity if finding else None) is severity


# --- none received, sent, delivered -----------------------------------------------------------


def nothing_came(**data: Any) -> StepResult:
    silent = saw("rtp_receive", "gateway", Failure.NO_RTP, detail="no packet in 3 s")
    return step("call", silent, **{"packets_sent": 160, "packets_received": 0, **data})


def test_what_the_gateway_has_sent_is_lost_on_the_way() -> None:
    counts = {"packets_lost": 0, "packets_counted": 150, "rtt_ms": 20.0}
    named = found(nothing_came(gateway_packets_sent=140, gateway_reports=counts))
    assert list(named) == ["no-audio-received"]
    assert "Control: the gateway has sent 140 packets" in texts(named["no-audio-received"])


def test_an_echo_of_nothing_is_explained_by_what_does_not_arrive() -> None:
    findings = judge(record(nothing_came(gateway_packets_sent=0, gateway_reports=None)))
    assert root_causes(findings) == ("no-audio-delivered",)


def test_both_ways_may_be_dead() -> None:
    findings = judge(record(nothing_came(gateway_packets_sent=140, gateway_reports=None)))
    assert set(root_causes(findings)) == {"no-audio-delivered", "no-audio-received"}


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({}, True),
        ({"gateway_packets_sent": None}, False),  # no RTCP at all comes from it
        ({"packets_sent": 200}, False),  # its first report may be on its way
        ({"answer_ms": 900}, False),
        ({"chirps_found": 12}, False),
        ({"gateway_reports": {"packets_lost": 3, "packets_counted": 400}}, False),
    ],
)
def test_no_report_on_ours_is_none_delivered(more: dict[str, Any], named: bool) -> None:
    data = {**received(0, 400, 0), "gateway_reports": None, **more}
    assert ("no-audio-delivered" in found(call(data))) is named


def test_nothing_sent() -> None:
    named = found(call(received(0, 400, 0), packets_sent=0))
    assert list(named) == ["no-audio-sent"]
    assert "no-audio-sent" not in found(step("call", status=Status.FAILED, checks=None))
