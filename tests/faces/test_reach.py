"""The way to the gateway: what is told of it, whatever was put down."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag.cli.console import new_console, print_report
from polyai_diag.failures import Failure
from polyai_diag.model import Status
from polyai_diag.report.reach import CLIENTS_THEN, Reach, clock_words, short_name
from polyai_diag.report.story import Story
from tests.faces import records
from tests.faces.records import observation, skipped, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag.report import Report


def reach(report: Report) -> Reach:
    return Story(report).reach


def facts(found: Reach) -> dict[str, str]:
    return {fact.name: fact.value for fact in found.facts}


def printed(report: Report) -> str:
    said = io.StringIO()
    print_report(new_console(said), report)
    return said.getvalue()


def test_stages_follow_one_another_and_fill_the_way() -> None:
    stages = reach(records.healthy()).stages
    assert [stage.name for stage in stages] == ["DNS", "TCP", "TLS", "WebSocket"]
    for before, after in pairwise(stages):
        assert after.left == pytest.approx(before.left + before.width, abs=0.02)
    assert stages[-1].left + stages[-1].width == pytest.approx(100, abs=0.02)


def test_every_address_is_told_with_its_family_and_its_failure_in_words() -> None:
    found = reach(records.dns_wrong())
    assert {family: len(tried) for family, tried in found.families.items()} == {
        "IPv4": 1,
        "IPv6": 1,
    }
    assert [address.mark.word for address in found.addresses] == [
        "no answer",
        "no way to this network",
    ]
    assert found.lost == 2


def test_without_its_data_the_addresses_are_those_that_were_connected() -> None:
    seen = (
        observation("dns_lookup", "h", addresses=["192.0.2.1"]),
        observation("tcp_connect", "192.0.2.1:443", Failure.CONNECTION_REFUSED),
    )
    failed = step("gateway", Status.FAILED, data={}, observations=seen)
    found = reach(records.Judged(records.record(failed)))
    assert [(a.address, a.family, a.mark.word) for a in found.addresses] == [
        ("192.0.2.1:443", "IPv4", "refused")
    ]
    assert [answer.answer for answer in found.answers] == ["192.0.2.1"]


def test_a_certificate_that_ends_soon_is_marked() -> None:
    certificate = next(f for f in reach(records.intercepted()).facts if f.name == "certificate")
    assert certificate.value.endswith("signed by Corp Inspection CA")
    assert certificate.mark is not None
    assert certificate.mark.tone == "warn"
    assert "9 days left" in certificate.mark.word
    assert facts(reach(records.intercepted()))["vouched for by"] == "nobody: no known authority"


@pytest.mark.parametrize(
    ("days", "tone", "word"),
    [
        (14, "ok", "14 days left"),
        (13.9, "warn", "14 days left"),
        (1, "warn", "1 day left"),
        (-3, "bad", "expired 3 days ago"),
        ("soon", "off", "not told"),
    ],
)
def test_days_left_as_people_read_them(days: Any, tone: str, word: str) -> None:
    gateway = step("gateway", data={"tls": records.tls(records.certificate("a", "b", days))})
    mark = reach(records.Judged(records.record(gateway))).chain[0].left
    assert (mark.tone, mark.word) == (tone, word)


@pytest.mark.parametrize(
    ("clock", "said"),
    [
        (
            {"offset_s": 2.3, "uncertainty_s": 0.6, "verified": True},
            "this machine's clock is 2.3 s behind the gateway's, ±0.6 s",
        ),
        ({"offset_s": -95}, "this machine's clock is 95 s ahead of the gateway's"),
        (
            {"offset_s": -0.4, "uncertainty_s": 0.6},
            "this machine's clock agrees with the gateway's, ±0.6 s",
        ),
        (
            {"offset_s": 9000, "verified": False},
            (
                "this machine's clock is 2 h behind the gateway's"
                " (read without checking the certificate)"
            ),
        ),
        ({"offset_s": "2"}, ""),
        ({}, ""),
    ],
)
def test_the_clock_in_words(clock: dict[str, Any], said: str) -> None:
    assert clock_words(clock) == said


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("O=Acme, CN=Acme Root", "Acme Root"),
        ("commonName=a.b", "a.b"),
        ("OU=Testing CA,O=Acme", "Acme"),
        ("Acme", "Acme"),
        ("", ""),
    ],
)
def test_the_short_name_of_a_certificate(name: str, short: str) -> None:
    assert short_name(name) == short


def test_the_token_is_told_by_kind_length_hash_dates_and_mending() -> None:
    told = facts(reach(records.token_rejected()))
    assert told["token"] == "connector token, 24 characters, sha256 1234abcd…"
    assert told["its dates"] == "issued 3 days ago, expires in 4 h 2 min"
    assert told["mending"] == "is safe: without the line end after it"


def test_a_failed_fetch_of_ice_servers_says_what_clients_do_then() -> None:
    for report in (records.token_rejected(), records.gateway_silent()):
        assert reach(report).clients_then == CLIENTS_THEN
        for face in (report.to_html(), report.to_markdown(), printed(report)):
            assert "falls back to a public STUN server" in face
    assert reach(records.healthy()).clients_then == ""
    assert "falls back" not in records.healthy().to_html()


def test_a_mended_token_is_told_apart_from_the_one_given() -> None:
    url = f"https://{records.HOST}/api/v1/ice-servers"
    fetches = (
        observation("ice_servers_fetch", url, Failure.HTTP_STATUS, status=401),
        observation("ice_servers_fetch", url, status=200, mended=True, urls=["stun:a"]),
    )
    found = reach(records.Judged(records.record(step("gateway", observations=fetches))))
    assert found.ice_said == ("asked, answered 401; with the mended token: the gateway gives 1 URL")
    assert found.clients_then == CLIENTS_THEN


def test_all_regions_stand_in_a_table_on_every_face() -> None:
    report = records.regions()
    assert [(r.name, r.mark.word, r.token.word) for r in reach(report).regions] == [
        ("us-1", "reached", "refused"),
        ("uk-1", "reached", "taken"),
        ("euw-1", "fails at TCP", "not told"),
    ]
    for face in (report.to_html(), report.to_markdown()):
        assert face.count("webrtc-gateway.uk-1.platform.polyai.app") >= 1
        assert "fails at TCP" in face
    assert "euw-1: ✕ fails at TCP; token not told (no answer in 4 s)" in printed(report)


def test_nothing_was_put_down_and_nothing_is_shown() -> None:
    report = records.Judged(records.record(skipped("token"), skipped("gateway")))
    assert not reach(report)
    assert "The way to the gateway" not in report.to_html() + report.to_markdown()


@pytest.mark.parametrize("make", records.ALL, ids=lambda make: make.__name__)
def test_the_terminal_prints_the_texts_of_those_who_act(make: Callable[[], Report]) -> None:
    report = make()
    said = printed(report)
    for letter in Story(report).letters:
        assert (f"To send to {letter.to}:\n{letter.text}\n" in said) == letter.acts
    assert "\u202e" not in said
