"""UDP, IPv6 and NAT: what is named, what is not, and the control that each finding names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag.causes import judge
from polyai_diag.causes.udp import operator_of
from polyai_diag.failures import Failure
from polyai_diag.model import Finding, Severity, Status
from tests.unit.records import record, saw, step

if TYPE_CHECKING:
    from polyai_diag.model import Observation, StepResult

SILENT, REFUSED = Failure.GENERIC_TIMEOUT, Failure.CONNECTION_REFUSED
NO_WAY = Failure.NETWORK_UNREACHABLE
ONE, SAME_OPERATOR, OTHER = "stun:a.example.net:3478", "turn:b.example.net:3478", "stun:c.test:3478"
V4, V6 = "203.0.113.1:3478", "[2001:db8::1]:3478"


def binding(
    url: str, failure: Failure | None = None, server: str = V4, **notes: Any
) -> Observation:
    family = "IPv6" if server.startswith("[") else "IPv4"
    known = {"server": server, "family": family, "sent": 12, **notes}
    return saw("stun_binding", url, failure, **known)


def tcp(url: str, failure: Failure | None = None, server: str = V4) -> Observation:
    return saw("tcp_connect", server, failure, control=True, url=url)


def found(*steps: StepResult, **target: Any) -> dict[str, Finding]:
    return {finding.id: finding for finding in judge(record(*steps, **target))}


def texts(finding: Finding) -> str:
    return "\n".join(evidence.text for evidence in finding.evidence)


# --- udp-blocked, stun-unreachable ------------------------------------------------------------


def test_two_operators_silent_and_tcp_to_one_of_them() -> None:
    named = found(step("stun", binding(ONE, SILENT), binding(OTHER, SILENT), tcp(OTHER)))
    assert named["udp-blocked"].explained_by == ()
    assert "Control: TCP to the same host works" in texts(named["udp-blocked"])
    assert named["stun-unreachable"].explained_by == ("udp-blocked",)


def test_tls_to_the_same_host_is_the_better_control() -> None:
    shaken = saw("tls_control", V4, control=True, url=OTHER)
    named = found(step("stun", binding(ONE, SILENT), binding(OTHER, SILENT), tcp(OTHER), shaken))
    assert "Control: TLS to the same host works" in texts(named["udp-blocked"])


def test_the_gateway_is_the_weaker_control() -> None:
    online = step("gateway", saw("tcp_connect", "192.0.2.9:443", host="gateway.test"))
    named = found(online, step("stun", binding(ONE, SILENT), binding(OTHER, SILENT)))
    assert "a weaker control" in texts(named["udp-blocked"])


def test_one_operator_is_not_enough() -> None:
    named = found(step("stun", binding(ONE, SILENT), binding(SAME_OPERATOR, SILENT), tcp(ONE)))
    assert list(named) == ["stun-unreachable"]
    assert "TCP to the same host works; no other operator was asked" in texts(
        named["stun-unreachable"]
    )


def test_the_gateways_media_are_an_operator() -> None:
    remote = {"remote_type": "host", "remote_address": "203.0.113.9:5000"}
    pairs = [{"local_type": "host", "state": "failed", **remote}]
    call = step("call", saw("ice_connect", "gateway", Failure.ICE_FAILED, pairs=pairs))
    named = found(step("stun", binding(ONE, SILENT), tcp(ONE)), call)
    assert "udp-blocked" in named


def test_without_a_control_it_is_said_that_there_is_none() -> None:
    named = found(step("stun", binding(ONE, SILENT), binding(OTHER, SILENT), tcp(OTHER, SILENT)))
    assert list(named) == ["stun-unreachable"]
    assert "Nothing was there to compare with: it may be the server" in texts(
        named["stun-unreachable"]
    )


def test_what_went_through_a_proxy_is_no_control() -> None:
    through = saw("tcp_connect", V4, url=ONE, through="proxy.corp:3128")
    named = found(step("stun", binding(ONE, SILENT), binding(OTHER, SILENT)), step("turn", through))
    assert "udp-blocked" not in named


@pytest.mark.parametrize(
    "failure",
    [None, Failure.STUN_UNAUTHORIZED, Failure.STUN_ERROR, Failure.STUN_MALFORMED],
)
def test_any_answer_means_open(failure: Failure | None) -> None:
    named = found(step("stun", binding(ONE, SILENT), binding(OTHER, failure), tcp(ONE)))
    assert "udp-blocked" not in named


def test_an_answer_to_turn_overturns_what_stun_saw() -> None:
    late = step("turn", saw("turn_challenge", f"{SAME_OPERATOR}?transport=udp"))
    named = found(step("stun", binding(ONE, SILENT), binding(OTHER, SILENT), tcp(ONE)), late)
    assert list(named) == ["stun-unreachable"]


def test_a_step_that_was_cut_short_is_no_answer() -> None:
    cut = binding("stun:d.example:3478", Failure.INTERRUPTED)
    named = found(step("stun", binding(ONE, SILENT), binding(OTHER, SILENT), cut, tcp(ONE)))
    assert "udp-blocked" in named


@pytest.mark.parametrize(
    ("host", "operator"),
    [
        ("stun.l.google.com", "google.com"), ("TURN.Google.com.", "google.com"),
        ("localhost", "localhost"), ("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"),
    ],
)  # fmt: skip
def test_operators(host: str, operator: str) -> None:
    assert operator_of(host) == operator


# --- ipv6-broken ------------------------------------------------------------------------------


def test_ipv6_that_leads_nowhere_over_udp() -> None:
    named = found(step("stun", binding(ONE), binding(ONE, SILENT, V6), tcp(ONE)))
    assert list(named) == ["ipv6-broken"]
    assert named["ipv6-broken"].severity is Severity.WARNING
    assert "UDP to [2001:db8::1]:3478 by IPv6" in texts(named["ipv6-broken"])
    assert f"Control: UDP to the same host by IPv4 works ({V4})" in texts(named["ipv6-broken"])


def test_ipv6_that_leads_nowhere_over_tcp() -> None:
    well = saw("tcp_connect", "203.0.113.9:443", host="gateway.test")
    lost = saw("tcp_connect", "[2001:db8::9]:443", SILENT, host="gateway.test")
    named = found(step("gateway", well, lost, status=Status.PASSED))
    assert list(named) == ["ipv6-broken"]


def test_where_ipv6_works_elsewhere_that_is_said() -> None:
    elsewhere = binding(OTHER, server="[2001:db8::2]:3478")
    named = found(step("stun", binding(ONE), binding(ONE, SILENT, V6), elsewhere))
    assert "IPv6 to c.test works" in texts(named["ipv6-broken"])


@pytest.mark.parametrize(
    ("failure", "server", "sent"),
    [
        (NO_WAY, V6, 0),  # no way to IPv6 at all
        (SILENT, "[::1]:3478", 12),  # this machine's own
        (REFUSED, V6, 2),  # it leads to the host, and nobody listens: stun-unreachable
        (Failure.INTERRUPTED, V6, 3),
    ],
)
def test_what_is_not_broken_ipv6(failure: Failure, server: str, sent: int) -> None:
    named = found(step("stun", binding(ONE), binding(ONE, failure, server, sent=sent)))
    assert "ipv6-broken" not in named


def test_a_machine_without_ipv6_has_none_that_is_broken() -> None:
    well = saw("tcp_connect", "203.0.113.9:443", host="gateway.test")
    none = saw("tcp_connect", "[2001:db8::9]:443", NO_WAY, host="gateway.test")
    assert found(step("gateway", well, none, status=Status.PASSED)) == {}


def test_with_ipv4_silent_as_well_ipv6_is_not_the_fault() -> None:
    named = found(step("stun", binding(ONE, SILENT), binding(ONE, SILENT, V6), tcp(ONE)))
    assert "ipv6-broken" not in named


def test_a_server_that_has_answered_is_not_unreachable_for_one_question_lost() -> None:
    asked_again = step("nat", saw("nat_mapping", V4, SILENT), status=Status.SKIPPED)
    assert found(step("stun", binding(ONE), status=Status.PASSED), asked_again) == {}
    assert set(found(step("nat", saw("nat_mapping", V4, SILENT)))) == {"stun-unreachable"}


# --- symmetric-nat ----------------------------------------------------------------------------


def mapped(*seen: tuple[str, str], status: Status = Status.PASSED) -> StepResult:
    return step("nat", *(saw("nat_mapping", to, mapped_address=at) for to, at in seen))


SYMMETRIC = mapped(("192.0.2.1:3478", "203.0.113.7:4000"), ("192.0.2.2:3478", "203.0.113.7:4001"))


def ice_failed(*remotes: tuple[str, str]) -> StepResult:
    pairs = [
        {"local_type": "srflx", "remote_type": kind, "remote_address": at, "state": "failed"}
        for kind, at in remotes
    ]
    return step("call", saw("ice_connect", "gateway", Failure.ICE_FAILED, pairs=pairs))


def test_ports_that_differ() -> None:
    finding = found(SYMMETRIC)["symmetric-nat"]
    assert finding.severity is Severity.WARNING
    assert "One socket leaves 203.0.113.7 by 2 ports" in finding.summary


@pytest.mark.parametrize(
    "seen",
    [
        [("192.0.2.1:3478", "203.0.113.7:4000")],
        [("192.0.2.1:3478", "203.0.113.7:4000"), ("192.0.2.2:3478", "203.0.113.7:4000")],
        [("192.0.2.1:3478", "203.0.113.7:4000"), ("192.0.2.2:3478", "198.51.100.3:4001")],
    ],
)
def test_one_port_or_several_exits(seen: list[tuple[str, str]]) -> None:
    assert found(mapped(*seen)) == {}


@pytest.mark.parametrize(
    ("remotes", "explained"),
    [
        ([("host", "10.0.0.3:5000"), ("srflx", "20.42.0.9:5000")], True),
        ([("host", "a3f.local:5000")], True),
        ([("host", "20.42.0.9:5000")], False),
        ([("host", "10.0.0.3:5000"), ("relay", "20.42.0.9:5000")], False),
        ([], False),
    ],
)
def test_it_explains_a_failed_call_only_where_nothing_public_is_offered(
    remotes: list[tuple[str, str]], explained: bool
) -> None:
    named = found(SYMMETRIC, ice_failed(*remotes), ice_urls=["turn:x.test:3478"])
    assert ("symmetric-nat" in named["ice-failed"].explained_by) is explained
    assert (named["symmetric-nat"].severity is Severity.CRITICAL) is explained


@pytest.mark.parametrize(("kind", "explained"), [("srflx", True), ("host", False)])
def test_it_explains_why_nothing_direct_reaches_a_gateway_behind_nat(
    kind: str, explained: bool
) -> None:
    relayed = {"local_type": "relay", "remote_type": kind, "remote_address": "20.42.0.9:5000"}
    seen = [
        saw("ice_connect", "gateway", pairs=[{**relayed, "state": "succeeded"}]),
        saw("direct_check", "gateway", Failure.GENERIC_TIMEOUT, asked=["20.42.0.9:5000"]),
    ]
    call = step("call", *seen, nominated={"local_type": "relay"})
    stun = step("stun", saw("stun_binding", "stun:192.0.2.1:3478"))
    named = found(SYMMETRIC, stun, call)
    assert ("symmetric-nat" in named["media-ports-blocked"].explained_by) is explained


@pytest.mark.parametrize(
    ("local_type", "target", "severity"),
    [
        ("relay", {}, Severity.WARNING),
        ("relay", {"relay_only": True}, Severity.INFO),
        ("srflx", {}, Severity.INFO),
    ],
)
def test_its_weight_is_what_it_does_to_the_call(
    local_type: str, target: dict[str, Any], severity: Severity
) -> None:
    call = step("call", nominated={"local_type": local_type})
    assert found(SYMMETRIC, call, **target)["symmetric-nat"].severity is severity


def test_a_relay_to_fall_back_to_makes_it_a_note() -> None:
    relay = step("turn", saw("turn_allocate", "turn:x.test:3478"))
    assert found(SYMMETRIC, relay)["symmetric-nat"].severity is Severity.INFO
