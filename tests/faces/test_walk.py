"""The walk over each section: every cause leads somewhere, and what is shown is safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from polyai_diag.causes import CAUSES
from polyai_diag.causes.broken import rules_broken
from polyai_diag.model import BROWSER, Actor, Evidence, Finding, Severity
from polyai_diag.notebook.guide import EVERYTHING, NOTEBOOKS, SECTIONS, Topic, topic_of
from polyai_diag.notebook.walk import Walk, WalkError
from polyai_diag.report import Report
from polyai_diag.report.handover import NAMES
from tests.faces import records

if TYPE_CHECKING:
    from collections.abc import Iterable

UNEXPLAINED = Finding(
    id="unexplained",
    severity=Severity.CRITICAL,
    title="Something failed that no known cause accounts for (turn)",
    summary="turn_allocate: unknown_failure",
    evidence=(Evidence(step="turn", text="turn_allocate: unknown_failure"),),
    remedy="Send this report to PolyAI: it shows what was seen, and a rule is missing for it.",
)
BROKEN = rules_broken({"udp-blocked": ("call", "udp.py:1")})


def finding(cause_id: str, severity: Severity = Severity.CRITICAL, **changed: object) -> Finding:
    row = CAUSES[cause_id]
    evidence = (Evidence(step=row.breaks[0], text=f"{cause_id} was seen"),)
    told: dict[str, object] = {
        "title": row.title,
        "summary": evidence[0].text,
        "evidence": evidence,
        "remedy": row.remedy,
        "guide": row.guide,
    }
    return Finding(id=cause_id, severity=severity, **(told | changed))  # type: ignore[arg-type]


def report(*findings: Finding) -> Report:
    """Return the healthy report, as if these had been found in it."""
    return records.Judged(records.record(), *findings)


def walked(section: str, findings: Iterable[Finding]) -> Walk:
    return Walk(section, report(*findings))


EACH = [*(finding(cause_id) for cause_id in CAUSES), UNEXPLAINED, BROKEN]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda name: name or "all")
@pytest.mark.parametrize("found", EACH, ids=lambda found: found.id)
def test_every_cause_is_shown_in_one_row_and_leads_somewhere(section: str, found: Finding) -> None:
    walk = walked(section, [found])
    shown = [row for row in walk.rows if found.title in row.means]
    assert len(shown) == 1, "one row tells of it"
    assert shown[0].mark.tone in ("bad", "warn")
    assert shown[0].proof == f"{found.summary}."
    assert walk.next.title.startswith(found.title)
    told = [do.text for do in walk.next.todo]
    assert found.remedy in told
    assert any("again" in text for text in told)
    home = BROWSER if topic_of(found) is Topic.DEVICE else found.guide
    elsewhere = home is not None and home != section
    assert walk.next.notebooks == ((NOTEBOOKS[home],) if elsewhere and home else ())


@pytest.mark.parametrize("cause_id", CAUSES)
def test_whoever_acts_is_told(cause_id: str) -> None:
    walk = walked(EVERYTHING, [finding(cause_id)])
    told = " ".join(do.text for do in walk.next.todo)
    if topic_of(finding(cause_id)) is Topic.DEVICE:
        assert "in that browser" in told
    else:
        assert f"Send {NAMES[CAUSES[cause_id].acts]} " in told
    if CAUSES[cause_id].acts is Actor.GATEWAY:
        assert "callSid" in told


def test_blocked_udp_leads_to_the_firewall_request_and_its_check() -> None:
    walk = Walk("ice", records.udp_blocked())
    assert walk.rows[1].says == "UDP must be allowed."
    assert walk.rows[1].mark.tone in ("bad", "warn")
    told = [(do.text, do.command) for do in walk.next.todo]
    assert any("firewall request" in text for text, _ in told[1:])
    assert "polyai-diag verify request.json" in [command for _, command in told]


def test_a_warning_says_that_the_call_works() -> None:
    walk = walked("ice", [finding("udp-blocked", Severity.WARNING)])
    assert walk.next.title.endswith("The call works all the same.")
    assert (walk.rows[1].mark.glyph, walk.rows[1].mark.word) == ("!", "warning")


def test_what_follows_from_another_says_from_which() -> None:
    follows = finding("stun-unreachable", explained_by=("turn-unreachable",))
    walk = walked("ice", [finding("turn-unreachable"), follows])
    assert "it follows from “A TURN server cannot be reached”" in walk.rows[1].means
    assert walk.rows[1].todo == ""


def test_further_roots_are_told_with_their_notebooks() -> None:
    walk = walked("ice", [finding("udp-blocked"), finding("packet-loss", Severity.WARNING)])
    assert walk.next.notebooks == ("02-no-audio",)
    assert "Packets are lost on the way" in walk.next.todo[-1].text
    row = next(row for row in walk.rows if "Packets are lost" in row.means)
    assert row.todo == CAUSES["packet-loss"].remedy


@pytest.mark.parametrize(
    ("section", "leads"),
    [
        ("unauthorized", "05-in-scripts"),
        ("no-audio", "04-browser-check"),
        ("ice", "04-browser-check"),
        (EVERYTHING, "01-unauthorized"),
    ],
)
def test_where_all_works_the_customers_side_is_next(section: str, leads: str) -> None:
    walk = Walk(section, records.healthy())
    assert {row.mark.word for row in walk.rows} <= {"works", "not measured"}
    assert walk.next.notebooks[0] == leads


@pytest.mark.parametrize(
    ("section", "left_out"),
    [("no-audio", "audio"), ("ice", "stun"), ("ice", "call"), ("unauthorized", "signaling")],
)
def test_what_was_not_asked_for_is_not_called_healthy(section: str, left_out: str) -> None:
    walk = Walk(section, Report(records.record(records.skipped(left_out))))
    assert "not known" in {row.mark.word for row in walk.rows}
    assert "not all of this was" in walk.next.title
    assert "choose this complaint" in walk.next.todo[0].text


def test_a_call_without_turn_is_healthy_and_says_so() -> None:
    bare = records.record(records.skipped("turn", "no TURN server is configured"))
    walk = Walk("ice", records.Judged(bare))
    row = next(row for row in walk.rows if "require TURN" in row.says)
    assert "no TURN server is configured" in row.proof
    assert walk.next.title.startswith("From here ICE connects")


def test_a_run_cut_off_is_run_again() -> None:
    walk = Walk("ice", records.cancelled())
    assert "Press Run again" in walk.next.todo[0].text


@pytest.mark.parametrize("section", SECTIONS, ids=lambda name: name or "all")
def test_hostile_text_is_escaped_and_stays_on_its_line(section: str) -> None:
    row = finding("udp-blocked", title=records.HOSTILE, summary=records.HOSTILE)
    walk = walked(section, [row, finding("packet-loss", remedy=records.LONG)])
    html = walk._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert "\u202e" not in html + str(walk)
    assert records.LONG not in html
    assert all(line[:1] in "✓!✕–■⚠ NV" for line in str(walk).splitlines())


@pytest.mark.parametrize("section", SECTIONS, ids=lambda name: name or "all")
def test_a_hostile_record_is_walked_as_any_other(section: str) -> None:
    html = Walk(section, records.hostile())._repr_html_()
    assert "<script" not in html
    assert "<img" not in html


def test_no_state_is_told_by_colour_alone() -> None:
    html = walked("ice", [finding("udp-blocked")])._repr_html_()
    assert '<i aria-hidden="true">✕</i> fails' in html
    assert '<i aria-hidden="true">✓</i> works' in html


def test_as_text_it_says_the_same() -> None:
    text = str(Walk("ice", records.healthy()))
    assert text.count("works:") == 5
    assert "Next: From here ICE connects." in text
    assert text.endswith("Verdict: healthy. Root causes: none.")
    assert repr(Walk("ice", records.healthy())).startswith("<Walk ice: ✓ works")


def test_an_unknown_section_is_one_line() -> None:
    with pytest.raises(WalkError, match='accepted: "" for all, unauthorized, no-audio, ice'):
        Walk("sound", records.healthy())
