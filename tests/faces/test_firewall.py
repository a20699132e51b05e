"""The firewall request: what is asked, in which order, and what never gets into it."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyai_diag.failures import Failure
from polyai_diag.model import InputError, Status
from polyai_diag.report import Report
from polyai_diag.report.firewall import request_of
from polyai_diag.report.request import (
    HOST,
    MAX_LINES,
    Kind,
    Line,
    Measured,
    Request,
    grouped,
)
from polyai_diag.report.request_forms import (
    COLUMNS,
    request_csv,
    request_form,
    request_json,
    request_links,
    request_markdown,
)
from tests.faces import records
from tests.faces.records import finding, observation, pair, step


def asked(report: Report) -> list[tuple[str, Measured]]:
    """Each line as `UDP 3478 host`, and what was measured."""
    return [
        (f"{line.protocol} {line.port} {line.host}", line.measured)
        for line in request_of(report).lines
    ]


def with_turn(*rows: dict[str, Any], observations: tuple[Any, ...] = ()) -> Report:
    """A run that saw these TURN rows."""
    turn = step("turn", data={"urls": list(rows)}, observations=observations)
    return records.Judged(records.record(turn))


def turn_row(url: str, transport: str, **given: Any) -> dict[str, Any]:
    return {"url": url, "transport": transport, "stage": "relayed_echo", "ok": True, **given}


def line(**given: Any) -> Line:
    values: dict[str, Any] = {
        "protocol": "UDP",
        "host": "h",
        "address": None,
        "port": 1,
        "why": "w",
        "measured": Measured.WORKS,
    }
    return Line(**(values | given))


def request(*lines: Line) -> Request:
    return Request(tool="t", started="2026-11-23T14:02:11Z", lines=lines)


# --- what is asked ----------------------------------------------------------------------------


def test_the_least_comes_first_and_then_what_the_run_met() -> None:
    lines = request_of(records.udp_blocked()).lines
    rows = [(row.line.protocol, row.line.port, row.line.kind) for row in grouped(lines)]
    assert rows == [
        ("UDP", 3478, Kind.RELAY),
        ("TCP", 443, Kind.RELAY),
        ("TCP", 443, Kind.SIGNALING),
        ("TCP", 3478, Kind.RELAY),
        ("UDP", 3478, Kind.STUN),
        ("UDP", 51314, Kind.MEDIA),
    ]
    assert [line.least for line in lines] == sorted((x.least for x in lines), reverse=True)
    assert {line.kind for line in lines if line.least} == {Kind.RELAY, Kind.SIGNALING}


def test_each_line_says_what_the_run_measured_there() -> None:
    told = dict(asked(records.udp_blocked()))
    assert told["UDP 3478 turn.example.net"] is Measured.BLOCKED
    assert told["TCP 443 turn.example.net"] is Measured.WORKS
    assert told["UDP 3478 stun.example.net"] is Measured.UNKNOWN
    media = request_of(records.udp_blocked()).lines[-1]
    assert media.detail == "no answer to ICE checks; it answers through the relay"


def test_names_are_asked_with_their_addresses_and_the_time_of_resolution() -> None:
    first = request_of(records.udp_blocked()).lines[0]
    assert (first.address, first.resolved_at) == ("203.0.113.20", "2026-11-23T14:02:11Z")


def test_only_the_address_that_was_tried_is_called_measured() -> None:
    lines = request_of(records.compared()).lines
    udp = {x.address: x.measured for x in lines if (x.protocol, x.port) == ("UDP", 3478)}
    assert udp["203.0.113.20"] is Measured.WORKS
    assert udp["2001:db8::20"] is Measured.UNKNOWN
    row = grouped(lines)[0]
    assert row.addresses == ("203.0.113.20", "2001:db8::20 (not measured)")


@pytest.mark.parametrize(
    ("failed", "measured"),
    [
        ({"stage": "allocate", "failure": "stun_unauthorized"}, Measured.WORKS),
        ({"stage": "challenge", "failure": "stun_bad_request"}, Measured.WORKS),
        ({"stage": "challenge", "failure": "generic_timeout"}, Measured.BLOCKED),
        ({"stage": "challenge", "failure": "stun_malformed"}, Measured.BLOCKED),
        ({"stage": "tls", "failure": "tls_untrusted"}, Measured.BLOCKED),
        ({"stage": "resolve", "failure": "dns_nxdomain"}, Measured.UNKNOWN),
        ({"stage": "resolve", "failure": None, "detail": "not probed"}, Measured.UNKNOWN),
    ],
)
def test_a_server_that_refuses_by_its_own_word_was_reached(
    failed: dict[str, Any], measured: Measured
) -> None:
    row = turn_row("turns:t.example:443", "tls", ok=False) | failed
    assert dict(asked(with_turn(row)))["TCP 443 t.example"] is measured


def test_what_works_once_is_open_and_says_through_which_proxy() -> None:
    url = "turns:t.example:443?transport=tcp"
    direct = turn_row(url, "tls", ok=False, stage="connect", failure="generic_timeout")
    proxied = turn_row(url, "tls", through="http://proxy:3128")
    lines = [x for x in request_of(with_turn(direct, proxied)).lines if x.host == "t.example"]
    assert [(x.measured, x.detail) for x in lines] == [
        (Measured.WORKS, "through the proxy http://proxy:3128")
    ]


def test_what_was_only_tried_is_asked_for_where_it_works_alone() -> None:
    works = turn_row("turns:t.example:443", "tls", configured=False)
    fails = turn_row("turn:t.example?transport=tcp", "tcp", configured=False, ok=False)
    told = dict(asked(with_turn(works, fails)))
    assert "TCP 443 t.example" in told
    assert "TCP 3478 t.example" not in told


def test_a_public_server_that_nobody_configured_is_not_asked_for() -> None:
    other = {"url": "stun:stun.example.org:19302", "sent": 12, "answered": 0}
    report = records.Judged(records.record(step("stun", data={"servers": [other]})))
    assert not any("stun.example.org" in told for told, _ in asked(report))


def test_addresses_that_refuse_are_told_apart() -> None:
    url = "turn:t.example?transport=tcp"
    seen = (
        observation("dns_lookup", "t.example", addresses=["203.0.113.5", "203.0.113.6"]),
        observation("tcp_connect", "203.0.113.5:3478", Failure.GENERIC_TIMEOUT, url=url),
    )
    row = turn_row(url, "tcp", server_address="203.0.113.6:3478")
    lines = request_of(with_turn(row, observations=seen)).lines
    told = {x.address: x.measured for x in lines if x.host == "t.example"}
    assert told == {"203.0.113.5": Measured.BLOCKED, "203.0.113.6": Measured.WORKS}


def test_the_gateway_is_blocked_where_the_network_is_to_blame_alone() -> None:
    stages = [{"name": "TCP", "ok": True}, {"name": "WebSocket", "ok": False}]
    data = records.DATA["gateway"] | {"stages": stages}
    refused = records.record(step("gateway", Status.FAILED, data=data))
    blocks = finding("proxy-blocks-websocket", "Blocked", ("gateway", "403"))
    name = f"TCP 443 {records.HOST}"
    assert dict(asked(records.Judged(refused)))[name] is Measured.WORKS
    assert dict(asked(records.Judged(refused, blocks)))[name] is Measured.BLOCKED
    assert dict(asked(records.intercepted()))[name] is Measured.BLOCKED


def test_each_region_is_a_line() -> None:
    told = dict(asked(records.regions()))
    assert told[f"TCP 443 {records.HOST.replace('us-1', 'uk-1')}"] is Measured.WORKS
    assert told[f"TCP 443 {records.HOST.replace('us-1', 'euw-1')}"] is Measured.BLOCKED


@pytest.mark.parametrize(
    ("row", "is_asked"),
    [
        ({"address": "203.0.113.7", "port": 5000, "scope": "public"}, True),
        ({"address": "10.0.0.7", "port": 5000, "scope": "private"}, False),
        ({"address": "a.local", "port": 5000, "scope": "mdns"}, False),
        ({"address": "203.0.113.7", "port": 9, "transport": "tcp", "scope": "public"}, False),
        ({"address": "203.0.113.7", "port": 0, "scope": "public"}, False),
        ({"address": "203.0.113.7", "port": "5000", "scope": "public"}, False),
    ],
)
def test_media_addresses_are_asked_for_where_they_can_be_reached(
    row: dict[str, Any], is_asked: bool
) -> None:
    report = records.Judged(records.record(step("call", data={"remote_candidates": [row]})))
    assert any(x.kind is Kind.MEDIA for x in request_of(report).lines) == is_asked


def test_old_reports_tell_the_media_by_their_pairs() -> None:
    noted = observation("ice_connect", "gateway", pairs=[pair("host a:1", "host h:1", "failed")])
    old = step("call", data={"local_candidates": {"host private": 1}}, observations=(noted,))
    assert request_of(records.Judged(records.record(old))).lines
    noted.notes["pairs"][0]["remote_address"] = "203.0.113.7:5000"
    media = request_of(records.Judged(records.record(old))).lines[-1]
    assert (media.address, media.measured) == ("203.0.113.7", Measured.BLOCKED)


def test_a_check_that_was_cut_short_proves_nothing_unless_a_cause_says_so() -> None:
    pairs = [
        pair("host 10.20.0.14:41022", "host 203.0.113.41:51314", "in_progress"),
        pair("relay 203.0.113.20:50001", "host 203.0.113.41:51314", "succeeded"),
    ]
    seen = records.record(step("call", data={"pairs": pairs}))
    blocked = finding("media-ports-blocked", "Blocked", ("call", "no answer"))
    measured = [
        request_of(records.Judged(seen, *found)).lines[-1].measured for found in ((), (blocked,))
    ]
    assert measured == [Measured.UNKNOWN, Measured.BLOCKED]


def test_an_anonymized_report_makes_an_anonymized_request() -> None:
    text = request_json(request_of(Report(records.udp_blocked().record).anonymized()))
    assert not re.search(r"203\.0\.113|example\.net|polyai\.app", text)
    assert "host-" in text


# --- what never gets into it ------------------------------------------------------------------


@pytest.mark.parametrize("host", ["h h", "a\nb", "<b>", "=1+1", "-x", "@x", "a" * 300, "x|y", ""])
def test_what_is_no_host_makes_no_line(host: str) -> None:
    report = records.Judged(
        records.record(
            step("gateway", data={}),
            target={"url": f"wss://{host}/x", "ice_urls": [f"turn:{host}"]},
        )
    )
    assert not [x for x in request_of(report).lines if x.host == host]


def test_hostile_records_stay_bounded() -> None:
    hostile = request_of(records.hostile())
    assert len(hostile.lines) <= MAX_LINES
    assert all(re.fullmatch(HOST, x.host) for x in hostile.lines)
    many = [f"turn:h{number}.example" for number in range(5000)]
    lines = request_of(records.Judged(records.record(target={"ice_urls": many}))).lines
    assert 0 < len(lines) <= MAX_LINES


def test_no_cell_is_a_formula() -> None:
    nasty = request(*(line(why=f"{sign}cmd|' /C calc'!A0", detail=sign) for sign in "=+-@"))
    rows = list(csv.reader(io.StringIO(request_csv(nasty), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 5
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_csv_is_of_rfc_4180() -> None:
    text = request_csv(request(line(why='a, "b"', detail="c")))
    assert text.endswith("\r\n")
    assert text.count("\r\n") == text.count("\n") == 2
    assert '"a, ""b"""' in text


# --- forms ------------------------------------------------------------------------------------


def test_json_is_read_back_as_it_was() -> None:
    before = request_of(records.udp_blocked())
    assert msgspec.json.decode(request_json(before), type=Request) == before
    told = json.loads(request_json(before))
    assert set(told) == {"schema_version", "tool", "started", "lines"}
    agreed = {"protocol", "host", "address", "port", "why", "measured", "resolved_at"}
    assert agreed <= set(told["lines"][0])


def test_a_file_ending_chooses_the_form() -> None:
    one = request(line())
    assert request_form(one, ".json") == request_json(one)
    assert request_form(one, ".csv") == request_csv(one)
    assert request_form(one, ".md") == request_markdown(one)
    with pytest.raises(InputError, match=r"\.json, \.csv, \.md"):
        request_form(one, ".pdf")


def test_links_hold_the_files_themselves() -> None:
    links = {link.name: link.href for link in request_links(request(line()))}
    assert set(links) == {"firewall-request.csv", "request.json"}
    assert all(href.startswith("data:") for href in links.values())


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
_KEYS = (
    *("url", "transport", "ok", "failure", "stage", "configured", "through", "server_address"),
    *("proof", "rtt_p50_ms", "rtt_p95_ms", "loss_percent", "loss_interval_percent", "stalls"),
    *("type", "address", "port", "scope", "state", "remote_address", "local_type", "answered"),
    *("sent", "server", "host", "reached"),
)
_URLS = st.sampled_from(["turn:h.example", "turns:[::1]:443", "stun:203.0.113.1", "203.0.113.1:5"])
_ROWS = st.lists(st.dictionaries(st.sampled_from(_KEYS), _ANY | _URLS, max_size=8), max_size=3)


@settings(max_examples=150, deadline=None)
@given(turn=_ROWS, stun=_ROWS, pairs=_ROWS, candidates=_ROWS, regions=_ROWS, said=_ANY)
def test_whatever_was_put_down_makes_a_request(
    turn: Any, stun: Any, pairs: Any, candidates: Any, regions: Any, said: Any
) -> None:
    call = {"pairs": pairs, "local_candidates": candidates, "remote_candidates": candidates}
    report = records.Judged(
        records.record(
            step("gateway", data={"regions": regions, "addresses": turn, "ice_urls": said}),
            step("stun", data={"servers": stun}),
            step("turn", data={"urls": turn, "comparison": said}),
            step("call", data=call | {"nominated": said}),
        )
    )
    made = request_of(report)
    assert msgspec.json.decode(request_json(made), type=Request) == made
    assert report._repr_html_()
    assert report.to_markdown()
