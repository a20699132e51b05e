"""The three texts: who acts, what each is told, and what none of them ever holds."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyai_diag.causes import CAUSES
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Status
from polyai_diag.report import Report
from polyai_diag.report.handover import NAMES, Letter
from polyai_diag.report.story import Story
from polyai_diag.runner import Runner
from polyai_diag.sandbox import Sandbox
from polyai_diag.target import IceServer
from tests.aio import in_loop
from tests.faces import records
from tests.faces.records import finding, observation, skipped, step

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = pytest.mark.parametrize("make", records.ALL, ids=lambda make: make.__name__)
SID = "polyai-diag-6f1c0000-0000-4000-8000-0000000000e2"
SESSION = "550e8400-e29b-41d4-a716-446655440000"


def letters(report: Report) -> dict[Actor, Letter]:
    return {letter.actor: letter for letter in Story(report).letters}


@pytest.mark.parametrize(
    ("make", "acting"),
    [
        (records.healthy, None),
        (records.cancelled, None),
        (records.udp_blocked, Actor.NETWORK),
        (records.dns_wrong, Actor.NETWORK),
        (records.intercepted, Actor.NETWORK),
        (records.token_rejected, Actor.CUSTOMER),
        (records.gateway_silent, Actor.GATEWAY),
    ],
)
def test_the_one_who_acts_is_asked_first_and_alone(
    make: Callable[[], Report], acting: Actor | None
) -> None:
    found = Story(make()).letters
    assert {letter.actor for letter in found} == set(Actor)
    assert [letter.actor for letter in found if letter.acts] == ([acting] if acting else [])
    assert acting in (None, found[0].actor)
    for letter in found:
        asks = "Please send back:" in letter.text
        assert asks == letter.acts
        assert ("Nothing to do on your side" in letter.text) != asks
        assert letter.text.startswith(f"For {NAMES[letter.actor]}\n")


@EVERY
def test_texts_are_short_plain_and_bounded(make: Callable[[], Report]) -> None:
    for letter in Story(make()).letters:
        lines = letter.text.split("\n")
        assert len([line for line in lines if line]) <= 15
        assert all(len(line) <= 300 for line in lines)
        assert not {unicodedata.category(c) for line in lines for c in line} & {"Cc", "Cf", "Cs"}


@EVERY
def test_json_has_the_same_texts_and_is_read_back_without_them(make: Callable[[], Report]) -> None:
    report = make()
    told = json.loads(report.to_json())["handover"]
    assert told == {letter.actor.value: letter.text for letter in Story(report).letters}


def test_read_back_report_writes_its_texts_anew() -> None:
    document = json.loads(Report(records.record()).to_json())
    document["handover"] = {"customer": "call me at once"}
    again = Report.from_json(json.dumps(document))
    assert "call me at once" not in again.to_json()
    assert letters(again)[Actor.CUSTOMER].text == letters(records.healthy())[Actor.CUSTOMER].text


def test_every_cause_of_the_catalogue_reaches_its_actor() -> None:
    for cause_id, row in CAUSES.items():
        named = finding(cause_id, row.title, ("call", "seen"), remedy=row.remedy)
        found = Story(records.Judged(records.record(), named)).letters
        assert found[0].actor == row.acts, cause_id
        assert row.title in found[0].text
        assert [letter.acts for letter in found] == [True, False, False]


def test_what_nobody_knows_goes_to_polyai() -> None:
    failed = step("nat", Status.FAILED, reason="who knows", observations=())
    report = Report(records.record(failed))
    assert report.root_causes == ("unexplained",)
    assert Story(report).letters[0].actor is Actor.GATEWAY


def test_two_parties_at_once_are_each_asked_for_their_own() -> None:
    token = finding("token-expired", "The token has expired", ("token", "3 days ago"))
    blocked = finding("udp-blocked", "UDP is blocked", ("stun", "no answer"))
    found = Story(records.Judged(records.record(), token, blocked)).letters
    assert [letter.mark.word for letter in found] == ["acts first", "acts as well", "nothing to do"]
    assert "UDP is blocked" not in found[0].text
    assert "expired" not in found[1].text


def test_network_team_gets_what_it_can_act_on() -> None:
    told = letters(records.dns_wrong())[Actor.NETWORK].text
    assert f"To let through: TCP 443 to {records.HOST} [10.0.0.1]: signaling (WebSocket" in told
    assert "10.0.0.1:443 no answer; [fd00::1]:443 no way to this network" in told
    assert "10.20.0.1 A: 10.0.0.1; 10.20.0.2 A: no answer" in told
    assert "from support-lab-3 (10.20.0.14)" in told


def test_network_team_gets_the_proxy_and_who_signs() -> None:
    told = letters(records.intercepted())[Actor.NETWORK].text
    assert "signed by: CN=Corp Inspection CA, O=Example Corp" in told
    assert "http://proxy.example.net:3128, answered 407, asks for a login by Negotiate or NTLM" in (
        told
    )


def test_network_team_gets_ports_and_transports_of_the_relays() -> None:
    told = letters(records.udp_blocked())[Actor.NETWORK].text
    assert "UDP 3478 to turn.example.net: no answer" in told
    assert "TLS 443 to turn.example.net: works" in told


def test_network_team_is_asked_for_the_lost_region_alone() -> None:
    told = letters(records.regions())[Actor.NETWORK].text
    assert "webrtc-gateway.euw-1." in told
    assert "webrtc-gateway.uk-1." not in told


def test_gateway_team_gets_what_it_can_search_for() -> None:
    told = letters(records.gateway_silent())[Actor.GATEWAY].text
    searched = f"callSid {SID}, sessionId {SESSION}, region us-1, 23 Nov 2026 14:02:11 UTC"
    assert searched in told
    assert searched in letters(records.healthy())[Actor.GATEWAY].text
    assert told.count("1011") == 1  # the evidence says it, and no fact says it again
    assert "ICE servers: asked, answered 503. Clients say nothing then" in told


@pytest.mark.parametrize(
    ("failure", "notes", "told"),
    [
        (Failure.GATEWAY_ERROR, {"code": "HANDLER_ERROR", "message": "no"}, "HANDLER_ERROR: no"),
        (Failure.WEBSOCKET_CLOSED, {"close_code": 4000}, "code 4000: no reason given"),
        (Failure.FRAME_INVALID, {"path": "$.data", "detail": "no object"}, "$.data: no object"),
    ],
)
def test_gateway_team_gets_its_own_words(
    failure: Failure, notes: dict[str, Any], told: str
) -> None:
    seen = observation("offer_answer", "wss://h/", failure, **notes)
    failed = step("signaling", Status.FAILED, observations=(seen,))
    named = finding("gateway-error", "An error", ("signaling", "see below"))
    report = records.Judged(records.record(failed), named)
    assert told in letters(report)[Actor.GATEWAY].text


def test_customer_can_tell_which_token_was_sent() -> None:
    told = letters(records.token_rejected())[Actor.CUSTOMER].text
    assert "connector token, 24 characters, sha256 1234abcd…" in told
    assert "mending it is safe: without the line end after it" in told


def test_addresses_are_hidden_in_an_anonymized_report() -> None:
    told = json.dumps(json.loads(Report(records.dns_wrong().record).anonymized().to_json()))
    for shown in ("10.0.0.1", "10.20.0.14", "support-lab-3", "polyai.app"):
        assert shown not in told


@in_loop
async def test_no_secret_reaches_a_text_even_where_a_user_put_it_elsewhere() -> None:
    async with Sandbox(faults=("token-rejected", "turn-credentials-rejected")) as sandbox:
        described = sandbox.describe()
        token, servers = described["token"], described["ice_servers"]
        target = sandbox.target(
            url=f"{described['signaling_url']}?token={token}",
            call_sid=f"call-{token}",
            ice_servers=[IceServer(**server) for server in servers],
        )
        steps = ("token", "gateway", "signaling", "turn")
        report = Report(await Runner(target, steps=steps).run())
    secrets = [token, *(server["credential"] for server in servers if server.get("credential"))]
    assert len(secrets) > 1
    assert {"token-rejected", "turn-credentials-rejected"} <= set(report.root_causes)
    for letter in Story(report).letters:
        assert not any(secret in letter.text for secret in secrets)
    for face in (report.to_html(), report.to_markdown(), report.to_json()):
        assert not any(secret in face for secret in secrets)


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
_KEYS = ("stages", "addresses", "resolvers", "tls", "clock", "proxy", "regions", "ice_urls")
_INNER = (
    *("name", "ms", "ok", "address", "failure", "server", "answer", "chain", "subject"),
    *("days_left", "offset_s", "uncertainty_s", "region", "reached", "token", "stage", "alpn"),
)
_ROW = st.dictionaries(st.sampled_from(_INNER), _ANY, max_size=6)
_DATA = st.dictionaries(st.sampled_from(_KEYS), _ANY | _ROW | st.lists(_ROW, max_size=3))
_NOTES = st.dictionaries(st.sampled_from(("status", "offers", "code", "server", "issuer")), _ANY)


@settings(max_examples=150, deadline=None)
@given(data=_DATA, token=_DATA, notes=_NOTES, url=_ANY)
def test_whatever_was_put_down_is_told(
    data: dict[str, Any], token: dict[str, Any], notes: dict[str, Any], url: Any
) -> None:
    seen = tuple(
        observation(operation, "h:1", Failure.HTTP_STATUS, **notes)
        for operation in ("proxy_connect", "websocket_upgrade", "ice_servers_fetch", "dns_lookup")
    )
    named = finding("gateway-unreachable", "Lost", ("gateway", "x"), ("turn", "y"))
    report = records.Judged(
        records.record(
            step("token", data=token),
            step("gateway", Status.FAILED, data=data, observations=seen),
            skipped("audio"),
            target={"url": url, "region": url},
        ),
        named,
    )
    assert all(letter.text for letter in Story(report).letters)
    assert report.to_markdown()
    assert report._repr_html_()
