"""A browser's check in a run's report: two places, each judged by what it saw itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from polyai_diag import Report, ReportError
from polyai_diag.analysis.browser import browser_record
from polyai_diag.analysis.browser_joined import parted
from polyai_diag.causes import CAUSES
from polyai_diag.failures import Failure
from polyai_diag.model import BROWSER, STEP_NAMES, Record, Severity, Status, Verdict
from polyai_diag.report.schema import json_schema
from tests.unit.checks import CONNECTED, check, denied
from tests.unit.checks import saw as told
from tests.unit.records import record, saw, step
from tests.unit.test_browser import NOW, stun, turn

if TYPE_CHECKING:
    from polyai_diag.model import Finding

ONLINE = told("websocket_upgrade", step="gateway", endpoint="wss://gateway.example/signal")
SILENT = [stun("stun.one.example"), stun("stun.other.test"), ONLINE]
RELAY = "turn:relay.example:3478?transport=tcp"
REFUSED = turn("turn_allocate", "stun_unauthorized", RELAY, username="")
WORKS = record(*(step(name) for name in STEP_NAMES))
UDP_BLOCKED = record(
    step("gateway", saw("tcp_connect", "h:443"), saw("tls_handshake", "h:443", version="TLSv1.3")),
    step("stun", saw("stun_binding", "stun:a:3478", Failure.GENERIC_TIMEOUT, sent=6),
         saw("stun_binding", "stun:b:3478", Failure.GENERIC_TIMEOUT, sent=6), udp="silent"),
    ice_urls=["stun:a:3478", "stun:b:3478"],
)  # fmt: skip


def checked(*observations: dict[str, Any], **more: Any) -> Report:
    made = browser_record(json.dumps(check(*observations, **more)), NOW)
    assert made is not None
    return Report(made)


def joined(run: Record, *observations: dict[str, Any], **more: Any) -> Report:
    return Report(run).with_browser(checked(*observations, **more))


def found(report: Report, cause: str) -> Finding:
    (finding,) = [finding for finding in report.findings if finding.id == cause]
    return finding


def test_the_nine_steps_stay_and_the_tenth_holds_all_that_the_browser_saw() -> None:
    report = joined(UDP_BLOCKED, denied("person"), *SILENT)
    assert report.steps[:9] == UDP_BLOCKED.steps
    tenth = report.step(BROWSER)
    assert tenth.status is Status.FAILED
    assert tenth.reason
    operations = [seen.operation for seen in tenth.observations]
    assert set(operations) >= {"microphone_open", "stun_binding", "websocket_upgrade"}
    assert len(operations) == sum(
        len(s.observations) for s in checked(denied("person"), *SILENT).steps
    )


def test_the_check_comes_out_as_it_went_in() -> None:
    alone = checked(denied("system"), *SILENT, CONNECTED, REFUSED).record
    run, check_again = parted(Report(UDP_BLOCKED).with_browser(Report(alone)).record)
    assert run == UDP_BLOCKED
    assert check_again == alone


def test_a_cause_of_the_browser_alone_is_told_in_its_words() -> None:
    report = joined(WORKS, denied("person"))
    assert report.root_causes == ("microphone-denied",)
    assert report.verdict is Verdict.FAILED
    finding = found(report, "microphone-denied")
    assert finding.title == CAUSES["microphone-denied"].title
    assert "set Microphone to Allow" in finding.remedy
    for item in finding.evidence:
        assert item.step == BROWSER
        assert item.observation is not None
        seen = report.step(BROWSER).observations[item.observation]
        assert seen.operation == "microphone_open"


def test_what_the_network_did_to_the_browser_alone_says_in_the_browser() -> None:
    report = joined(WORKS, *SILENT)
    finding = found(report, "udp-blocked")
    assert finding.title == f"In the browser: {CAUSES['udp-blocked'].title}"
    assert finding.summary.startswith("In the browser: ")
    controls = [item for item in finding.evidence if item.control]
    assert controls
    assert all(item.text.startswith("Control: in the browser: ") for item in controls)
    for item in finding.evidence:
        assert item.step == BROWSER
        if item.observation is not None:
            report.step(BROWSER).observations[item.observation]  # is there


def test_evidence_is_found_where_it_stands_in_the_tenth_step() -> None:
    report = joined(WORKS, *SILENT, REFUSED)
    for finding in report.findings:
        for item in finding.evidence:
            if item.observation is not None:
                seen = report.step(BROWSER).observations[item.observation]
                assert (seen.failure is None) == item.control, (item, seen)


def test_what_both_have_met_is_named_once_with_the_proof_of_both() -> None:
    alone, report = Report(UDP_BLOCKED), joined(UDP_BLOCKED, *SILENT)
    finding, own = found(report, "udp-blocked"), found(alone, "udp-blocked")
    theirs = found(checked(*SILENT), "udp-blocked")
    assert finding.title == own.title
    assert finding.summary == f"{own.summary}; in the browser as well"
    assert finding.evidence[: len(own.evidence)] == own.evidence
    assert len(finding.evidence) == len(own.evidence) + len(theirs.evidence)
    assert report.root_causes.count("udp-blocked") == 1


def test_neither_place_is_the_others_proof_or_control() -> None:
    """UDP that works in the browser overturns nothing here, nor the other way round."""
    url = "stun:a:3478"
    answers = told("stun_binding", step="stun", endpoint=url, url=url, mapped_address="192.0.2.1:5")
    report, alone = joined(UDP_BLOCKED, answers, ONLINE), Report(UDP_BLOCKED)
    assert report.findings == alone.findings
    assert report.verdict is alone.verdict
    silent = record(step("stun", saw("stun_binding", "stun:a:3478", Failure.GENERIC_TIMEOUT)))
    works = joined(silent, told("turn_allocate", step="turn", endpoint=RELAY, url=RELAY,
                                relayed_address="192.0.2.1:5"))  # fmt: skip
    assert works.findings == Report(silent).findings


def test_what_is_explained_in_one_place_alone_is_a_root_cause() -> None:
    report = joined(UDP_BLOCKED, stun("stun.one.example"))
    assert found(Report(UDP_BLOCKED), "stun-unreachable").explained_by == ("udp-blocked",)
    assert found(report, "stun-unreachable").explained_by == ()
    both = joined(UDP_BLOCKED, *SILENT)
    assert found(both, "stun-unreachable").explained_by == ("udp-blocked",)


def test_the_graver_of_two_severities_counts() -> None:
    denial = told(
        "offer_answer", "gateway_error", step="signaling", code="UNAUTHORIZED", message=""
    )
    run = record(step("signaling", saw("offer_answer", "wss://h/", Failure.GATEWAY_ERROR,
                                       code="UNAUTHORIZED", message="no")))  # fmt: skip
    assert found(joined(run, denial), "token-rejected").severity is Severity.CRITICAL
    assert found(joined(WORKS, denial), "token-rejected").severity is Severity.CRITICAL


def test_a_check_that_was_stopped_leaves_the_report_unfinished() -> None:
    assert joined(WORKS, told("secure_context")).verdict is Verdict.HEALTHY
    stopped = joined(WORKS, told("secure_context"), ended="cancelled", running="call")
    assert stopped.verdict is Verdict.INCOMPLETE
    broken = joined(WORKS, errors=[{"step": "call", "text": "TypeError: x"}])
    assert broken.verdict is Verdict.INCOMPLETE
    assert "TypeError" in broken.step(BROWSER).reason


def test_what_nobody_can_name_is_told_of_the_browser_too() -> None:
    report = joined(WORKS, told("permission_query", "unknown_failure"))
    finding = found(report, "unexplained")
    assert finding.title.startswith("In the browser: Something failed")


# --- kept, read back, shown -------------------------------------------------------------------


@pytest.mark.parametrize("seen", [[denied("person")], SILENT, [REFUSED, CONNECTED], []])
def test_saved_and_read_back_it_is_judged_the_same(seen: list[dict[str, Any]]) -> None:
    report = joined(UDP_BLOCKED, *seen)
    text = report.to_json()
    again = Report.from_json(text)
    assert again.record == report.record
    assert again.findings == report.findings
    assert again.to_json() == text


def test_its_json_keeps_the_schema() -> None:
    from jsonschema import Draft202012Validator

    document = json.loads(joined(UDP_BLOCKED, denied("person"), *SILENT).to_json())
    Draft202012Validator(json.loads(json.dumps(json_schema()))).validate(document)
    assert [s["name"] for s in document["steps"]] == [*STEP_NAMES, BROWSER]
    assert document["call"]["call_sid"] == UDP_BLOCKED.call.call_sid
    assert document["steps"][9]["data"]["check"]["call"]["session_id"] == "s-1"


def test_a_second_check_takes_the_place_of_the_first() -> None:
    once = joined(WORKS, denied("person"))
    twice = once.with_browser(checked(told("secure_context")))
    assert twice.record == joined(WORKS, told("secure_context")).record


def test_only_a_check_is_joined_and_only_to_a_run() -> None:
    run, alone = Report(WORKS), checked(told("secure_context"))
    for report, check_given in ((run, run), (alone, alone)):
        with pytest.raises(ReportError, match="takes a run's report"):
            report.with_browser(check_given)


def _spoilt(document: dict[str, Any], **changes: Any) -> str:
    document["steps"][9]["data"]["check"].update(changes)
    return json.dumps(document)


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": []},
        {"steps": 5},
        {"started": "yesterday"},
        {"started": "2026-03-01T12:00:00"},
        {"environment": None},
        {"call": {}},
    ],
)
def test_a_doctored_check_is_refused_in_one_line(changes: dict[str, Any]) -> None:
    document = json.loads(joined(WORKS, denied("person")).to_json())
    with pytest.raises(ReportError) as refused:
        Report.from_json(_spoilt(document, **changes))
    assert "\n" not in str(refused.value)


def test_counts_that_do_not_add_up_are_refused() -> None:
    report = joined(WORKS, denied("person"))
    cut = msgspec.structs.replace(report.step(BROWSER), observations=())
    steps = (*report.steps[:9], cut)
    with pytest.raises(ReportError, match="not as many"):
        Report.from_json(
            json.dumps(msgspec.to_builtins(msgspec.structs.replace(report.record, steps=steps)))
        )


def test_addresses_are_hidden_in_the_browsers_part_too() -> None:
    url = "stun:stun.customer.example:3478"
    seen = told("stun_binding", step="stun", endpoint=url, url=url, mapped_address="198.51.100.7:5")
    report = joined(UDP_BLOCKED, seen)
    assert "198.51.100.7" in report.to_json()
    hidden = report.anonymized()
    for shown in (hidden.to_json(), hidden.to_html(), hidden.to_markdown()):
        assert "198.51.100.7" not in shown
        assert "stun.customer.example" not in shown
        assert "gateway.example" not in shown


def test_every_face_says_that_two_places_were_measured() -> None:
    report = joined(UDP_BLOCKED, denied("person"))
    for shown in (report.to_html(), report.to_markdown(), report._repr_html_()):
        assert "marys-laptop" in shown
        assert "Chrome 130 on Windows" in shown
        assert "the browser that ran the check" in shown
        assert "The browser may not use the microphone" in shown
        assert "microphone and speaker" not in shown.split("Not measured")[1][:80]


def test_what_the_browsers_call_measured_is_shown_as_the_browsers() -> None:
    stats = [
        {"type": "outbound-rtp", "kind": "audio", "packetsSent": 500},
        {"type": "inbound-rtp", "kind": "audio", "packetsReceived": 490, "packetsLost": 0},
        {"type": "transport", "dtlsState": "connected"},
    ]
    report = joined(WORKS, CONNECTED, statistics=stats)
    assert "500 / 490" in report.to_html()
    assert "500 / 490" in report.to_markdown()


def test_the_network_team_is_not_told_this_machines_way_for_the_browsers() -> None:
    letter = json.loads(joined(WORKS, *SILENT).to_json())["handover"]["network"]
    assert "In the browser: stun:stun.one.example" in letter
    assert "To let through" not in letter
    both = json.loads(joined(UDP_BLOCKED, *SILENT).to_json())["handover"]["network"]
    assert "To let through" in both


def test_the_firewall_request_is_the_runs_own() -> None:
    from polyai_diag.report.firewall import request_of

    report = joined(UDP_BLOCKED, *SILENT, REFUSED)
    assert request_of(report).lines == request_of(Report(UDP_BLOCKED)).lines


def test_what_a_check_does_not_count_is_not_told_as_none() -> None:
    fetched = told("ice_servers_fetch", step="gateway", endpoint="https://gateway.example/ice")
    stats = [
        {"type": "inbound-rtp", "kind": "audio", "packetsReceived": 400, "packetsLost": 2},
        {"type": "candidate-pair", "state": "succeeded"},
    ]
    report = checked(fetched, ONLINE, CONNECTED, statistics=stats)
    shown = report.to_markdown()
    assert "gives 0 URLs" not in shown
    assert "0 of ours" not in shown
    assert report.step("audio").data["loss_percent"] == 0.5
