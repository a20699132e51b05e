"""ICE's causes judged from records made by hand: what is named, and what is left in peace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag.causes import judge
from polyai_diag.failures import Failure
from polyai_diag.model import Status
from tests.unit.records import record, saw, step

if TYPE_CHECKING:
    from polyai_diag.model import Finding, Observation

STUN = step("stun", saw("stun_binding", "stun:192.0.2.1:3478"))
NAT = "private: reached from within its own network"
TURN_URL = "turn:192.0.2.1:3478"


def pair(local_type: str = "host", obstacle: str | None = None) -> dict[str, Any]:
    return {
        "local_type": local_type,
        "local_address": "10.1.2.3:5",
        "remote_type": "host",
        "remote_address": "198.51.100.7:9",
        "state": "in_progress",
        "obstacle": obstacle,
    }


def ice(failure: Failure | None, *pairs: dict[str, Any], **notes: Any) -> Observation:
    candidates = {"remote_candidates": ["host 198.51.100.7:9"], "obstacles": [None]}
    return saw("ice_connect", "gateway", failure, pairs=list(pairs), **{**candidates, **notes})


def named(*steps: Any, **target: Any) -> dict[str, Finding]:
    findings = judge(record(*steps, **{"ice_urls": [TURN_URL], **target}))
    return {finding.id: finding for finding in findings}


def text_of(finding: Finding) -> str:
    return " ".join(evidence.text for evidence in finding.evidence)


def test_without_a_relay_that_works_it_is_the_firewall_or_the_gateway() -> None:
    found = named(STUN, step("call", ice(Failure.ICE_FAILED, pair())))
    assert "A firewall here, or the gateway" in found["media-ports-blocked"].summary
    beneath = {f.id for f in found.values() if "media-ports-blocked" in f.explained_by}
    assert beneath == {"ice-failed"}


def test_without_a_relay_configured_that_is_what_is_missing() -> None:
    found = named(STUN, step("call", ice(Failure.ICE_FAILED, pair())), ice_urls=[])
    assert set(found) == {"turn-not-configured", "ice-failed"}
    assert found["ice-failed"].explained_by == ("turn-not-configured",)


def test_a_gateway_that_is_silent_through_the_relay_too_is_not_blocked() -> None:
    found = named(STUN, step("call", ice(Failure.ICE_FAILED, pair(), pair("relay"))))
    assert set(found) == {"ice-failed"}
    assert "silent through the relay" in text_of(found["ice-failed"])


def test_ports_are_blocked_where_the_relay_gets_an_answer() -> None:
    direct = saw(
        "direct_check", "gateway", Failure.GENERIC_TIMEOUT, asked=["198.51.100.7:9"], checks=6
    )
    call = step("call", ice(None, pair("relay")), direct, status=WELL)
    found = named(STUN, call)
    assert set(found) == {"media-ports-blocked"}
    assert found["media-ports-blocked"].severity == "warning"
    assert "Control: the gateway answers the same checks" in text_of(found["media-ports-blocked"])
    assert named(call) == {}, "no UDP answers anywhere: that is another matter"


@pytest.mark.parametrize("failure", [Failure.ICE_FAILED, Failure.ICE_NO_CANDIDATES])
def test_candidates_that_cannot_be_reached_are_told_one_by_one(failure: Failure) -> None:
    notes = {"remote_candidates": ["host 10.9.9.9:5", "host a.local:5"], "obstacles": [NAT, "mdns"]}
    found = named(STUN, step("call", ice(failure, pair(obstacle=NAT), **notes)), ice_urls=[])
    roots = {f.id for f in found.values() if not f.explained_by}
    assert roots == {"ice-no-candidates"}
    assert text_of(found["ice-no-candidates"]).count("The gateway offers") == 2


@pytest.mark.parametrize("notes", [{}, {"remote_candidates": [], "obstacles": []}])
def test_no_pair_at_all_is_never_left_unexplained(notes: dict[str, Any]) -> None:
    found = named(step("call", ice(Failure.ICE_NO_CANDIDATES, **notes)))
    assert set(found) == {"ice-no-candidates"}


def test_one_candidate_in_reach_is_enough_to_blame_the_way() -> None:
    notes = {"remote_candidates": ["host 10.9.9.9:5", "host 8.8.8.8:5"], "obstacles": [NAT, None]}
    assert "ice-no-candidates" not in named(
        STUN, step("call", ice(Failure.ICE_FAILED, pair(), pair("relay"), **notes))
    )


def probed(leg: str, **notes: Any) -> Observation:
    failure = Failure.GENERIC_TIMEOUT if "failing_bytes" in notes else None
    return saw("mtu_probe", "192.0.2.1:3478", failure, leg=leg, detail="why", **notes)


WELL = Status.PASSED
DTLS = saw("dtls_handshake", "gateway", Failure.GENERIC_TIMEOUT, relay_transport=None)
OFFER = saw("offer_answer", "wss://gateway/", Failure.GENERIC_TIMEOUT)


@pytest.mark.parametrize(
    ("steps", "roots"),
    [
        ([step("call", DTLS, probed("udp", largest_bytes=1200, failing_bytes=1400))],
         {"mtu-blackhole"}),
        ([step("call", DTLS, probed("udp", largest_bytes=1472))], {"dtls-failed"}),
        ([step("call", DTLS, probed("udp", control_lost=True))], {"dtls-failed"}),
        ([step("call", probed("udp", largest_bytes=1200, failing_bytes=1400), status=WELL)],
         set()),
        ([step("call", probed("udp", largest_bytes=100, failing_bytes=1200), status=WELL)],
         {"mtu-blackhole"}),
        ([step("signaling", OFFER, probed("signaling", largest_bytes=576, failing_bytes=1500))],
         {"mtu-blackhole"}),
        ([step("signaling", OFFER, probed("signaling", largest_bytes=1500))],
         {"signaling-timeout"}),
    ],
)  # fmt: skip
def test_sizes_that_vanish(steps: list[Any], roots: set[str]) -> None:
    found = named(*steps)
    assert {f.id for f in found.values() if not f.explained_by} == roots


@pytest.mark.parametrize(
    ("operation", "explained"), [("tls_handshake", True), ("tcp_connect", False)]
)
def test_turn_whose_tls_stalls_is_out_of_reach_for_the_size_of_packets(
    operation: str, explained: bool
) -> None:
    url = "turns:192.0.2.1:443?transport=tcp"
    stalled = saw(operation, "192.0.2.1:443", Failure.GENERIC_TIMEOUT, url=url)
    lost = probed("signaling", largest_bytes=576, failing_bytes=1500)
    found = named(step("gateway", lost), step("turn", stalled))
    assert ("mtu-blackhole" in found["turn-unreachable"].explained_by) is explained


def test_a_wrong_fingerprint_is_held_against_the_one_of_its_hash() -> None:
    agreed = ["sha-256 00:11", "sha-384 22:33", "SHA-256 44:55"]
    notes = {"fingerprint_shown": "sha-256 66:77", "fingerprints_agreed": agreed}
    seen = saw("dtls_handshake", "gateway", Failure.DTLS_FINGERPRINT_MISMATCH, **notes)
    said = text_of(named(step("call", seen))["dtls-failed"])
    assert "(sha-256 66:77) is not the one agreed (sha-256 00:11, SHA-256 44:55)" in said


@pytest.mark.parametrize(
    ("relay", "said"),
    [(None, "relay-only over TLS, would tell"), ("udp", "would tell"), ("tls", "Control: hidden")],
)
def test_dtls_says_which_control_it_has(relay: str | None, said: str) -> None:
    seen = saw("dtls_handshake", "gateway", Failure.GENERIC_TIMEOUT, relay_transport=relay)
    assert said in text_of(named(step("call", seen))["dtls-failed"])


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        ({"after_answer_s": 2.1}, "2.1 s after the answer the gateway"),
        ({"after_connecting_s": 7.0}, "7.0 s after the media was connected the gateway"),
        ({}, "In mid-call the gateway"),
    ],
)
def test_when_a_call_ended(notes: dict[str, float], said: str) -> None:
    seen = saw("call_hold", "gateway", Failure.CALL_ENDED, detail="the gateway sent close", **notes)
    found = named(step("audio", seen))
    assert found["call-ended-early"].summary.startswith(said)
    assert found["call-ended-early"].severity == "critical"


@pytest.mark.parametrize(("answers", "said"), [(True, "WebSocket answers"), (False, "not answer")])
def test_a_path_that_died_and_the_websocket(answers: bool, said: str) -> None:
    notes = {"after_connecting_s": 2.0, "detail": "why", "websocket_answers": answers}
    found = named(step("audio", saw("call_watch", "gateway", Failure.CONSENT_LOST, **notes)))
    assert set(found) == {"ice-disconnected"}
    assert said in found["ice-disconnected"].summary
