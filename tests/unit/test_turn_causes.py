"""Which ways to a TURN server count, and what follows from what they met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag.causes import judge, root_causes
from polyai_diag.failures import Failure
from polyai_diag.model import Severity, Status
from tests.unit.records import record, saw, step

if TYPE_CHECKING:
    from polyai_diag.model import Finding, Observation, StepResult

HOST = "turn.customer.example"
UDP, TCP = f"turn:{HOST}:3478?transport=udp", f"turn:{HOST}:3478?transport=tcp"
TLS = f"turns:{HOST}:5349?transport=tcp"
GATEWAY_MEDIA = "20.42.0.7:40000"
INSPECTOR = "CN=Inspector (abcd)"


def asked(operation: str, url: str, failure: Failure | None = None, **notes: Any) -> Observation:
    return saw(operation, url, failure, url=url, far_end=False, **notes)


def granted(url: str, **notes: Any) -> Observation:
    return asked("turn_allocate", url, relayed_address="20.42.0.9:50000", **notes)


def judged(*observations: Observation, call: Any = None) -> dict[str, Finding]:
    steps = [step("turn", *observations), *([call] if call else [])]
    found = judge(record(*steps, ice_urls=[UDP]))
    return {finding.id: finding for finding in found}


def ice(*pairs: dict[str, Any], failure: Failure | None = Failure.ICE_FAILED) -> Any:
    return step("call", saw("ice_connect", "gateway", failure, pairs=list(pairs)))


def pair(local: str, state: str = "failed", remote: str = GATEWAY_MEDIA) -> dict[str, Any]:
    return {
        "local_type": local,
        "local_address": "10.0.0.2:5000",
        "remote_type": "host",
        "remote_address": remote,
        "state": state,
        "nominated": False,
    }


def test_a_dead_url_is_a_warning_while_its_server_works() -> None:
    refused = saw("tcp_connect", f"{HOST}:3478", Failure.CONNECTION_REFUSED, url=TCP)
    call = ice(pair("host"))
    found = judged(granted(UDP), refused, call=call)["turn-unreachable"]
    assert found.severity is Severity.WARNING
    assert found.summary == f"{TCP}: TCP fails (connection_refused); works: {UDP}"
    alone = judged(refused, call=call)["turn-unreachable"]
    assert alone.severity is Severity.CRITICAL
    assert "no other transport works; nothing was there to compare with" in alone.summary


@pytest.mark.parametrize("operation", ["tcp_connect", "tls_handshake", "turn_challenge"])
def test_a_transport_that_was_only_tried_is_not_at_fault(operation: str) -> None:
    for failure in (Failure.GENERIC_TIMEOUT, Failure.TLS_UNTRUSTED, Failure.STUN_FORBIDDEN):
        tried = asked(operation, TLS, failure, configured=False)
        assert judged(granted(UDP), tried).keys() <= {"unexplained"}


def test_a_way_that_fails_beside_one_that_works_is_not_at_fault() -> None:
    through = {"through": "http://proxy:3128"}
    refused = asked("proxy_connect", TLS, Failure.PROXY_FAILED, **through)
    foreign = asked("tls_handshake", TLS, Failure.TLS_UNTRUSTED, **through)
    assert judged(granted(TLS), refused, foreign).keys() <= {"unexplained"}
    dead = saw("tcp_connect", f"{HOST}:5349", Failure.GENERIC_TIMEOUT, url=TLS)
    assert judged(granted(TLS, **through), dead).keys() <= {"unexplained"}


def test_both_ways_to_a_dead_server_are_told() -> None:
    direct = saw("tcp_connect", f"{HOST}:5349", Failure.GENERIC_TIMEOUT, url=TLS)
    by_proxy = asked("proxy_connect", TLS, Failure.PROXY_FAILED, through=f"{HOST}:5349")
    texts = [e.text for e in judged(direct, by_proxy)["turn-unreachable"].evidence][:-1]
    assert len(texts) == 2
    assert "TCP fails (generic_timeout)" in texts[0]
    assert "the proxy fails (proxy_failed)" in texts[1]
    assert "proxy-blocks-websocket" not in judged(direct, by_proxy)


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (Failure.STUN_BAD_REQUEST, "turn-credentials-rejected"),
        (Failure.STUN_WRONG_CREDENTIALS, "turn-credentials-rejected"),
        (Failure.STUN_FORBIDDEN, "turn-refused"),
        (Failure.STUN_UNSUPPORTED_FAMILY, "turn-refused"),
        (Failure.STUN_UNSUPPORTED_TRANSPORT, "turn-refused"),
        (Failure.STUN_ERROR, "turn-refused"),
        (Failure.STUN_QUOTA_REACHED, "turn-quota-reached"),
        (Failure.STUN_OUT_OF_CAPACITY, "turn-out-of-capacity"),
    ],
)
def test_each_refusal_has_its_name(failure: Failure, cause: str) -> None:
    refused = asked("turn_allocate", UDP, failure, detail="the server's reason")
    found = judged(refused)
    assert found.keys() == {cause}
    assert "the server's reason" in found[cause].summary
    second = saw("turn_allocate", UDP, failure, url=UDP, far_end=True)
    assert judged(granted(UDP), second).keys() <= {"unexplained"}


def test_a_relay_that_cannot_be_kept_is_refused() -> None:
    lost = asked("turn_refresh", UDP, Failure.STUN_ALLOCATION_MISMATCH, detail="437")
    assert "no refresh (437)" in judged(granted(UDP), lost)["turn-refused"].summary


# --- interception -----------------------------------------------------------------------------


def chain(host: str, signer: str, vouched_by: str | None = None, **notes: Any) -> Observation:
    return saw("tls_chain", host, signer=signer, vouched_by=vouched_by, **notes)


def test_one_foreign_issuer_on_turns_and_elsewhere_is_interception() -> None:
    refused = saw("tls_handshake", f"{HOST}:5349", Failure.TLS_UNTRUSTED, url=TLS)
    mine = chain(f"{HOST}:5349", INSPECTOR, url=TLS, chain=[])
    control = chain("other.example.org:443", INSPECTOR, control=True)
    found = judge(record(step("turn", refused, mine, control)))
    assert root_causes(found) == ("turn-tls-intercepted",)
    assert {f.id for f in found if f.explained_by} == {
        "tls-certificate-invalid",
        "turn-unreachable",
    }


@pytest.mark.parametrize(
    "other",
    [
        chain("other.example.org:443", "CN=Public", "the shipped set", control=True),
        chain("other.example.org:443", "CN=Another", control=True),
        chain("turn2.customer.example:5349", INSPECTOR),  # a private authority signs for its own
    ],
)
def test_a_private_authority_is_none(other: Observation) -> None:
    refused = saw("tls_handshake", f"{HOST}:5349", Failure.TLS_UNTRUSTED, url=TLS)
    mine = chain(f"{HOST}:5349", INSPECTOR, url=TLS, chain=[])
    found = judge(record(step("turn", refused, mine, other)))
    assert root_causes(found) == ("tls-certificate-invalid",)


def test_interception_that_the_system_trusts_only_explains() -> None:
    mine = chain(f"{HOST}:5349", INSPECTOR, url=TLS)
    control = chain("other.example.org:443", INSPECTOR, control=True)
    found = judged(granted(TLS), mine, control)
    assert found["turn-tls-intercepted"].severity is Severity.INFO


# --- a relay that does not carry --------------------------------------------------------------


def silent(*, own: bool = False) -> StepResult:
    """A relay that is granted, and through which a STUN server does not answer."""
    binding = asked(
        "turn_relayed_binding",
        UDP,
        Failure.GENERIC_TIMEOUT,
        detail="no answer to 5 requests through the relay",
        servers=["20.42.0.50:3478"],
        own_address=own,
    )
    return step("turn", granted(UDP), binding, status=Status.PASSED)


def stun_answers() -> Any:
    answered = saw("stun_binding", "stun:elsewhere.example", server="20.42.0.50:3478")
    return step("stun", answered)


def test_a_relay_that_no_binding_passes_is_a_black_hole() -> None:
    relay = silent()
    found = judge(record(relay, stun_answers()))
    assert root_causes(found) == ("turn-relay-blackhole",)
    assert judge(record(relay)) == (), "nobody has seen that server answer"


def test_silence_towards_its_own_address_proves_nothing() -> None:
    relay = silent(own=True)
    assert judge(record(relay, stun_answers())) == ()


def test_a_relay_pair_that_works_clears_the_relay() -> None:
    relay = silent()
    call = ice(pair("relay", "succeeded"), failure=None)
    assert judge(record(relay, stun_answers(), call)) == ()


def test_the_calls_own_relay_pair_tells_where_no_binding_can() -> None:
    permitted = asked("turn_permission", UDP, peer="20.42.0.9:50000")
    found = judged(granted(UDP), permitted, call=ice(pair("host"), pair("relay")))
    assert not found["turn-relay-blackhole"].explained_by
    assert found["ice-failed"].explained_by == ("turn-relay-blackhole",)
    echo = asked("turn_relayed_echo", UDP, sent=3, answered=1)
    proven = judged(granted(UDP), permitted, echo, call=ice(pair("host"), pair("relay")))
    assert "turn-relay-blackhole" not in proven


def test_a_refused_peer_is_at_fault_only_where_the_call_needs_it() -> None:
    own = asked("turn_permission", UDP, peer="20.42.0.9:50000", hardened=True)
    assert judged(granted(UDP), own, call=ice(pair("relay"))).keys() == {"ice-failed"}
    needed = asked("turn_permission", UDP, Failure.STUN_FORBIDDEN, peer=GATEWAY_MEDIA)
    found = judged(granted(UDP), needed, call=ice(pair("relay")))
    assert found["ice-failed"].explained_by == ("turn-peer-refused",)
    private = asked("turn_permission", UDP, Failure.STUN_FORBIDDEN, peer="10.9.9.9:40000")
    both = ice(pair("relay"), pair("relay", remote="10.9.9.9:40000"))
    assert "turn-peer-refused" not in judged(granted(UDP), private, call=both)


def test_a_peer_that_nobody_could_reach_is_refused_with_good_reason() -> None:
    refused = asked("turn_permission", UDP, Failure.STUN_FORBIDDEN, peer="10.9.9.9:40000")
    wrong = {**pair("relay", remote="10.9.9.9:40000"), "obstacle": "a private address"}
    assert "turn-peer-refused" not in judged(granted(UDP), refused, call=ice(wrong))
    here = {**wrong, "local_type": "host", "obstacle": None}
    assert "turn-peer-refused" in judged(granted(UDP), refused, call=ice(wrong, here))


# --- what is not configured -------------------------------------------------------------------


def test_tcp_that_works_and_is_not_configured() -> None:
    dead = asked("turn_challenge", UDP, Failure.GENERIC_TIMEOUT)
    works = granted(TCP, configured=False)
    found = judged(dead, works)
    assert found["turn-tcp-not-configured"].summary == f"{TCP} works, and only UDP is configured"
    assert found["turn-unreachable"].explained_by == ("turn-tcp-not-configured",)
    for other in (granted(UDP), asked("turn_challenge", TLS, Failure.GENERIC_TIMEOUT)):
        assert "turn-tcp-not-configured" not in judged(dead, other, works)
