from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.model import Status
from polyai_diag.report.way import Stop, way
from tests.faces import records
from tests.faces.records import skipped, step

if TYPE_CHECKING:
    from polyai_diag.report import Report

NAMES = [
    "Token",
    "DNS",
    "TCP",
    "TLS",
    "WebSocket",
    "Answer",
    "STUN",
    "TURN",
    "ICE",
    "DTLS",
    "Audio",
]


def stops(report: Report) -> dict[str, Stop]:
    return {stop.name: stop for stop in way({s.name: s for s in report.steps})}


def broken(found: dict[str, Stop]) -> list[str]:
    return [stop.name for stop in found.values() if stop.here]


def test_healthy_way_has_all_stops_with_their_times() -> None:
    found = stops(records.healthy())
    assert list(found) == NAMES
    assert {stop.mark.word for stop in found.values()} == {"works"}
    assert found["TCP"].detail == "41 ms"
    assert found["DTLS"].detail == "131 ms"
    assert broken(found) == []


def test_blocked_udp_breaks_at_stun_and_leaves_turn_partly() -> None:
    found = stops(records.udp_blocked())
    assert broken(found) == ["STUN"]
    assert found["STUN"].detail == "UDP blocked"
    assert found["TURN"].mark.word == "partly"
    assert found["TURN"].detail == "TLS only"


def test_gateway_breaks_at_its_stage() -> None:
    data = {
        "stages": [{"name": "DNS", "ms": 9.0, "ok": True}, {"name": "TCP", "ms": 5e3, "ok": False}]
    }
    found = stops(records.Judged(records.record(step("gateway", Status.FAILED, data=data))))
    assert broken(found) == ["TCP"]
    assert [found[name].mark.word for name in NAMES[1:5]] == [
        "works",
        "fails",
        *["not reached"] * 2,
    ]


def test_an_address_that_works_outweighs_one_that_does_not() -> None:
    stages = [{"name": "TCP", "ms": 1.0, "ok": True}, {"name": "TCP", "ms": 5e3, "ok": False}]
    found = stops(records.Judged(records.record(step("gateway", data={"stages": stages}))))
    assert found["TCP"].mark.word == "works"
    assert found["TLS"].mark.word == "not used"


def test_a_proxy_is_a_stop_only_where_there_is_one() -> None:
    stages = [{"name": "Proxy", "ms": 3.0, "ok": True}]
    found = stops(records.Judged(records.record(step("gateway", data={"stages": stages}))))
    assert list(found)[2] == "Proxy"


def test_call_breaks_at_dtls_when_ice_was_done() -> None:
    failed = step("call", Status.FAILED, data={"ice_ms": 31.0})
    found = stops(records.Judged(records.record(failed, skipped("audio", "the call failed"))))
    assert found["ICE"].mark.word == "works"
    assert broken(found) == ["DTLS"]
    assert found["Audio"].mark.word == "not reached"


def test_cancelled_and_left_out_are_told_apart() -> None:
    cut = records.record(step("stun", Status.CANCELLED, data={}), skipped("turn"))
    found = stops(records.Judged(cut))
    assert found["STUN"].mark.word == "stopped"
    assert found["TURN"].mark.word == "not asked for"


def test_what_a_stopped_run_never_began_was_not_reached() -> None:
    never = step("audio", Status.CANCELLED, started_ms=0, duration_ms=0, data={})
    assert stops(records.Judged(records.record(never)))["Audio"].mark.word == "not reached"


def test_live_way_shows_what_runs_and_what_waits() -> None:
    found = {stop.name: stop for stop in way({"token": step("token")}, {"stun": ""})}
    assert found["Token"].mark.word == "works"
    assert found["STUN"].mark.word == "running"
    assert found["Audio"].mark.word == "waiting"


def test_of_all_regions_each_stage_says_in_how_many_it_was_passed() -> None:
    regions = [
        {"region": "us-1", "reached": True, "stage": ""},
        {"region": "uk-1", "reached": False, "stage": "TLS"},
        {"region": "euw-1", "reached": False, "stage": "TCP"},
    ]
    found = {s.name: s for s in way({"gateway": step("gateway", data={"regions": regions})})}
    said = [found[name].detail for name in ("DNS", "TCP", "TLS", "WebSocket")]
    assert said == ["3 of 3", "2 of 3", "1 of 3", "1 of 3"]
    assert (found["DNS"].mark.word, found["TLS"].mark.word) == ("works", "partly")
    assert "Proxy" not in found


def test_regions_behind_a_proxy_that_lets_none_through() -> None:
    regions = [{"region": "us-1", "reached": False, "stage": "Proxy"}]
    data = {"regions": regions, "proxy": "http://proxy:3128"}
    found = {s.name: s for s in way({"gateway": step("gateway", Status.FAILED, data=data)})}
    words = [found[name].mark.word for name in ("DNS", "Proxy", "TCP", "TLS")]
    assert words == ["not used", "fails", "not used", "not reached"]


def test_a_token_that_every_region_refuses_breaks_no_stage() -> None:
    regions = [{"region": "us-1", "reached": True, "stage": "", "token": "refused"}]
    step_ = step("gateway", Status.FAILED, data={"regions": regions})
    assert broken({s.name: s for s in way({"gateway": step_})}) == []
