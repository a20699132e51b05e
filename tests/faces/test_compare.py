"""Two reports side by side: the conclusion, what has changed, and nothing that junk can break."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from polyai_diag.cli import main
from polyai_diag.cli.compare import print_comparison
from polyai_diag.cli.console import new_console
from polyai_diag.failures import Failure
from polyai_diag.model import STEP_NAMES, CallIds, Finding, Flaky, Severity, Status
from polyai_diag.report import Report, ReportError
from polyai_diag.report.compare import compare_reports
from polyai_diag.report.compare_forms import (
    comparison_html,
    comparison_json,
    comparison_markdown,
)
from polyai_diag.report.comparison import Change, Comparison, Kind, Where
from tests.faces import records
from tests.faces.records import DATA, Judged, finding, record, skipped, step
from tests.faces.test_html import Page
from tests.unit.records import record as seen_record
from tests.unit.records import saw
from tests.unit.records import step as seen_step

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from polyai_diag.model import StepResult

GITHUB = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
ELSEWHERE = {"hostname": "marys-laptop", "addresses": ["192.168.1.7"]}


def udp(severity: Severity = Severity.WARNING) -> Finding:
    said = ("stun", "12 STUN requests: no answer")
    return finding("udp-blocked", "UDP is blocked", said, severity=severity)


def now_and_then() -> Finding:
    return msgspec.structs.replace(udp(), flaky=Flaky(failed=2, asked=4))


def refused(named: str = "token-rejected") -> Finding:
    return finding(named, "The token is refused", ("signaling", "UNAUTHORIZED"))


def silent() -> Finding:
    return finding("silent-audio", "The audio is silent", ("audio", "−90 dBFS for 8 s"))


def judged(*findings: Finding, steps: tuple[StepResult, ...] = (), **given: Any) -> Report:
    return Judged(record(*steps, **given), *findings)


def elsewhere(*findings: Finding, steps: tuple[StepResult, ...] = (), **given: Any) -> Report:
    return judged(*findings, steps=steps, environment=ELSEWHERE, **given)


def measured(comparison: Comparison) -> dict[str, Change]:
    return {row.name: row.change for row in comparison.measured}


def audio(**data: Any) -> StepResult:
    return step("audio", data={**DATA["audio"], "packets_received": 500, **data})


# --- before and after -------------------------------------------------------------------------

REFUSED_EARLY = (step("signaling", Status.FAILED), skipped("audio", "needs signaling"))
BEFORE_AFTER: dict[str, tuple[Report, Report, str, bool]] = {
    "works": (judged(), judged(), "Works before and after.", False),
    "solved": (judged(udp()), judged(), "Solved: “UDP is blocked” is gone.", False),
    "new": (judged(), judged(udp()), "Worse: “UDP is blocked” is new.", True),
    "stays": (judged(udp()), judged(udp()), "As before: “UDP is blocked” stays.", False),
    "partly": (
        judged(udp(), silent()), judged(silent()),
        "Partly solved: “UDP is blocked” is gone, “The audio is silent” stays.", False,
    ),
    "another": (
        judged(udp()), judged(silent()),
        "Something else: “The audio is silent” is new, while “UDP is blocked” is gone.", True,
    ),
    "graver": (
        judged(udp()), judged(udp(Severity.CRITICAL)),
        "Worse: “UDP is blocked” is critical now.", True,
    ),
    "milder": (
        judged(udp(Severity.CRITICAL)), judged(udp()),
        "Better, not solved: “UDP is blocked” is only a warning now.", False,
    ),
    "hidden before": (
        judged(refused(), steps=REFUSED_EARLY), judged(silent()),
        ("Further than before, and not there yet: “The token is refused” is gone, and now “The "
        "audio is silent” shows, which the first run could not see."), True,
    ),
    "not tried again": (
        judged(silent()), judged(steps=(skipped("audio"),)),
        "Not told: the second run did not come as far as what showed “The audio is silent”.",
        False,
    ),
    "not finished": (
        judged(), records.cancelled(),
        "Not told: the run after did not finish, and no cause is named.", True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BEFORE_AFTER)
def test_one_sentence_tells_before_and_after(name: str) -> None:
    before, after, said, worse = BEFORE_AFTER[name]
    comparison = compare_reports(before, after)
    assert comparison.kind is Kind.BEFORE_AFTER
    assert (comparison.conclusion, comparison.worse) == (said, worse)


def test_what_an_earlier_break_hides_is_not_called_gone() -> None:
    opus = finding("opus-rejected", "The gateway takes no Opus", ("signaling", "m=audio 0"))
    early = judged(refused(), steps=(step("signaling", Status.FAILED),))
    gone = next(row for row in compare_reports(judged(opus), early).causes if row.where is Where.A)
    assert (gone.id, gone.looked_at, gone.change) == ("opus-rejected", False, Change.UNKNOWN)


def test_a_cause_that_stood_beneath_another_is_not_new() -> None:
    stun = finding("stun-unreachable", "STUN is silent", ("stun", "no answer"))
    beneath = msgspec.structs.replace(stun, explained_by=("udp-blocked",))
    comparison = compare_reports(judged(udp(), beneath), judged(stun))
    assert {row.id: row.where for row in comparison.causes} == {
        "stun-unreachable": Where.BOTH,
        "udp-blocked": Where.A,
    }


def test_steps_are_told_where_they_end_otherwise() -> None:
    ends = (step("stun", Status.FAILED), skipped("nat"), skipped("audio", "needs the call"))
    rows = {row.name: row.change for row in compare_reports(judged(), judged(steps=ends)).steps}
    told = {"stun": Change.WORSE, "nat": Change.UNKNOWN, "audio": Change.CHANGED}
    assert rows == {**dict.fromkeys(STEP_NAMES, Change.SAME), **told}


# --- figures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "change"),
    [
        ((0.0, [0.0, 3.5]), (4.0, [2.0, 7.1]), Change.SAME),
        ((0.0, [0.0, 3.5]), (9.0, [5.1, 14.0]), Change.WORSE),
        ((9.0, [5.1, 14.0]), (0.0, [0.0, 3.5]), Change.BETTER),
        ((9.0, [14.0, 5.1]), (0.0, [3.5, 0.0]), Change.BETTER),  # ends in any order
        ((0.0, [0.0, 3.5]), (90.0, None), Change.UNKNOWN),
        ((0.0, [0.0, 3.5]), (None, None), Change.UNKNOWN),
        ((0.0, "no interval"), (90.0, [80.0, "x"]), Change.UNKNOWN),
    ],
)
def test_loss_has_changed_where_the_intervals_do_not_overlap(
    first: tuple[Any, Any], second: tuple[Any, Any], change: Change
) -> None:
    a, b = (
        judged(steps=(audio(loss_percent=percent, loss_interval_percent=interval),))
        for percent, interval in (first, second)
    )
    assert measured(compare_reports(a, b))["loss, received"] is change


@pytest.mark.parametrize(
    ("jitter_ms", "change"), [(3.5, Change.SAME), (30.0, Change.WORSE), (0.1, Change.SAME)]
)
def test_a_difference_that_matters_to_no_call_is_no_change(
    jitter_ms: float, change: Change
) -> None:
    a, b = (
        judged(steps=(audio(jitter_ms=ms, jitter_interval_ms=[0.9 * ms, 1.1 * ms]),))
        for ms in (1.9, jitter_ms)
    )
    assert measured(compare_reports(a, b))["jitter"] is change


def test_packets_are_counted_by_the_same_step_in_both() -> None:
    lossy = {"loss_percent": 30.0, "loss_interval_percent": [20.0, 40.0]}
    call = step("call", data=DATA["call"] | {"loss_percent": 0, "loss_interval_percent": [0, 26]})
    with_sound = judged(steps=(call, audio(**lossy)))
    without = judged(steps=(call, skipped("audio")))
    assert measured(compare_reports(without, with_sound))["loss, received"] is Change.SAME


@pytest.mark.parametrize(
    ("name", "changed", "change"),
    [
        ("ICE", step("call", data=DATA["call"] | {"ice_ms": 300.0}), Change.SAME),
        ("ICE", step("call", data=DATA["call"] | {"ice_ms": 4000.0}), Change.WORSE),
        ("level received", audio(level_dbfs=-50.0), Change.CHANGED),
        ("bandwidth", audio(bandwidth_hz=3400.0), Change.WORSE),
        ("bandwidth", audio(bandwidth_hz="wide"), Change.UNKNOWN),
        ("audio delay, out and back", audio(delay_ms=900.0), Change.WORSE),
        ("audio delay, out and back", audio(delay_ms=900.0, mode="agent"), Change.UNKNOWN),
        ("UDP", step("stun", Status.FAILED, data={"udp": "blocked"}), Change.WORSE),
        ("NAT mapping", step("nat", data={"mapping": "address-dependent"}), Change.CHANGED),
    ],
)
def test_a_figure_without_an_interval_changes_only_by_far(
    name: str, changed: StepResult, change: Change
) -> None:
    assert measured(compare_reports(judged(), judged(steps=(changed,))))[name] is change


def test_figures_alone_make_no_report_worse_but_are_named() -> None:
    slow = judged(steps=(step("call", data=DATA["call"] | {"ice_ms": 4000.0, "dtls_ms": 3000.0}),))
    comparison = compare_reports(judged(), slow)
    assert comparison.conclusion == "Works before and after; measured worse now: ICE, DTLS."
    assert not comparison.worse


def test_turn_is_compared_by_transport_and_by_server() -> None:
    comparison = compare_reports(records.healthy(), records.udp_blocked())
    row = next(row for row in comparison.measured if row.name == "TURN works over")
    assert (row.a, row.b, row.change) == ("UDP, TCP, TLS", "TLS", Change.WORSE)
    through = "round trip through turns:turn.example.net:443?transport=tcp"
    assert measured(comparison)[through] is Change.SAME


# --- two vantage points -----------------------------------------------------------------------

SAME_TOKEN = step("token", data={"sha256": "1234abcd"})
OTHER_TOKEN = step("token", data={"sha256": "ffff0000"})
AGENT = finding("agent-failure", "The agent fails", ("signaling", "AGENT_FAILURE"))
VANTAGES: dict[str, tuple[Report, Report, str]] = {
    "works": (judged(), elsewhere(), "Works from both."),
    "there only": (
        judged(), elsewhere(udp()),
        ("Only from marys-laptop: “UDP is blocked”; it works from support-lab-3, so it lies on the "
        "side of marys-laptop (layer: UDP)."),
    ),
    "here only": (
        judged(udp()), elsewhere(),
        ("Only from support-lab-3: “UDP is blocked”; it works from marys-laptop, so it lies on the "
        "side of support-lab-3 (layer: UDP)."),
    ),
    "the gateway's": (
        judged(AGENT), elsewhere(AGENT),
        "From both: “The agent fails”, so it is the gateway's side (layer: signaling).",
    ),
    "the configuration": (
        judged(refused("token-expired")), elsewhere(refused("token-expired")),
        ("From both: “The token is refused”, so it is the configuration that both use "
        "(layer: the token)."),
    ),
    "both, and more there": (
        judged(AGENT), elsewhere(AGENT, udp()),
        ("From both: “The agent fails”, so it is the gateway's side (layer: signaling); only from "
        "marys-laptop: “UDP is blocked”."),
    ),
    "another token": (
        judged(steps=(SAME_TOKEN,)), elsewhere(refused(), steps=(OTHER_TOKEN,)),
        ("Only from marys-laptop: “The token is refused”; it works from support-lab-3 with another "
        "token, so compare the tokens first."),
    ),
    "the same token": (
        judged(steps=(SAME_TOKEN,)), elsewhere(refused("token-missing"), steps=(SAME_TOKEN,)),
        ("Only from marys-laptop: “The token is refused”; it works from support-lab-3, so it lies "
        "on the side of marys-laptop (layer: the token)."),
    ),
    "each its own": (
        judged(silent()), elsewhere(udp()),
        ("Each has a fault of its own: support-lab-3: “The audio is silent”; marys-laptop: “UDP is "
        "blocked”."),
    ),
    "not looked at": (
        judged(steps=(skipped("audio"),)), elsewhere(silent()),
        ("Only from marys-laptop: “The audio is silent”; the run of support-lab-3 did not come as "
        "far, so run the same steps in both."),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VANTAGES)
def test_one_sentence_tells_two_vantage_points_apart(name: str) -> None:
    here, there, said = VANTAGES[name]
    comparison = compare_reports(here, there)
    assert comparison.kind is Kind.VANTAGES
    assert comparison.conclusion == said


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        ({"hostname": "a"}, {"hostname": "a"}, Kind.BEFORE_AFTER),
        ({"hostname": "a"}, {"hostname": "b"}, Kind.VANTAGES),
        ({"hostname": "host-1"}, {"hostname": "host-2"}, Kind.BEFORE_AFTER),  # aliases
        ({"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}, Kind.VANTAGES),
        ({"addresses": ["10.0.0.1"]}, {"addresses": ["::1", "10.0.0.1"]}, Kind.BEFORE_AFTER),
        ({"addresses": "10.0.0.1"}, {}, Kind.BEFORE_AFTER),
    ],
)
def test_the_machine_tells_what_is_compared(
    first: dict[str, Any], second: dict[str, Any], kind: Kind
) -> None:
    a, b = (judged(environment=environment) for environment in (first, second))
    assert compare_reports(a, b).kind is kind
    for wanted in Kind:
        assert compare_reports(a, b, wanted).kind is wanted


def test_what_speaks_against_the_comparison_is_said() -> None:
    exits = {"servers": [{"mapped_address": "9.9.9.9:41022"}]}
    a = judged(steps=(SAME_TOKEN, step("stun", data=exits)))
    b = elsewhere(
        steps=(OTHER_TOKEN, step("stun", data=exits), audio(mode="agent")),
        started="2026-11-24T14:02:11Z",
        tool="polyai-diag 0.0.9",
        target={"url": "wss://elsewhere/x", "relay_only": True},
    )
    said = " ".join(compare_reports(a, b).notes)
    for words in (
        "24 h apart", "same address, 9.9.9.9",
        "wss://elsewhere/x", "Not the same token", "Not run alike: relay only",
        "came from elsewhere", "polyai-diag 0.0.9", "--before-after",
    ):  # fmt: skip
        assert words in said
    assert "older one" in " ".join(compare_reports(b, a, Kind.BEFORE_AFTER).notes)
    assert compare_reports(a, a).notes == ()


def test_what_came_and_went_may_be_absent_by_chance() -> None:
    flaky = judged(now_and_then())
    told = "“UDP is blocked” comes and goes, 2 of 4 failed: the run without it may have been lucky"
    for a, b in ((flaky, judged()), (judged(), flaky)):
        assert [note for note in compare_reports(a, b).notes if note.startswith(told)]
    for other in (flaky, judged(udp())):
        assert not [note for note in compare_reports(flaky, other).notes if "lucky" in note]


# --- how it is shown --------------------------------------------------------------------------


def printed(comparison: Comparison) -> str:
    said = io.StringIO()
    print_comparison(new_console(said), comparison)
    return said.getvalue()


PAIRS = [(a, b) for a in records.ALL for b in (records.udp_blocked, records.hostile)]


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("kind", Kind)
def test_every_form_shows_hostile_text_and_obeys_none(
    first: Callable[[], Report], second: Callable[[], Report], kind: Kind
) -> None:
    comparison = compare_reports(first(), second(), kind)
    assert not {"\x1b", "\x07", "\u202e"} & set(printed(comparison))
    assert json.loads(comparison_json(comparison))["kind"] == kind
    tokens = GITHUB.parse(comparison_markdown(comparison))
    children = [child for token in tokens for child in token.children or []]
    kinds = {token.type for token in [*tokens, *children]}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "code_block"}
    page = Page(comparison_html(comparison))
    assert not {"script", "img", "a", "iframe", "link"} & set(page.tags)
    assert not [a for a in page.attributes if a[1].startswith("on")]
    assert sum(len(form(comparison)) for form in (comparison_json, comparison_html)) < 150_000


def test_the_sentence_stands_first_in_every_form() -> None:
    comparison = compare_reports(records.udp_blocked(), records.healthy())
    said = comparison.conclusion
    assert said.startswith("Solved: ")
    assert printed(comparison).startswith(said)
    assert comparison_markdown(comparison).splitlines()[0] == f"# {said}"
    assert Page(comparison_html(comparison)).words[0] == said
    document = json.loads(comparison_json(comparison))
    assert (document["conclusion"], document["worse"]) == (said, False)
    ice = next(row for row in document["measured"] if row["name"] == "ICE")
    assert (ice["a_value"], ice["unit"]) == (212.0, "ms")


# --- junk -------------------------------------------------------------------------------------

JUNK = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.lists(st.none() | st.floats() | st.text(max_size=3), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.none() | st.integers(), max_size=2)
)
FULL = msgspec.to_builtins(records.udp_blocked().record)


@st.composite
def damaged(draw: st.DrawFn) -> Report:
    """A report of which data is missing, of another type, or at another step's place."""
    given = json.loads(json.dumps(FULL))
    data = [result["data"] for result in given["steps"]]
    if draw(st.booleans()):
        data = draw(st.permutations(data))
    for result, found in zip(given["steps"], data, strict=True):
        result["data"] = damaged_value(draw, found, 3)
        result["status"] = draw(st.sampled_from([result["status"], *Status]))
    for part in ("target", "environment"):
        given[part] = damaged_value(draw, given[part], 2)
    given["schema_version"] = draw(st.integers(-1, 1))
    return Judged(msgspec.convert(given, type(records.udp_blocked().record)), *draw(FINDINGS))


FINDINGS = st.lists(st.sampled_from([udp(), refused(), silent(), AGENT]), max_size=3, unique=True)


def damaged_value(draw: Callable[[Any], Any], value: Any, depth: int) -> Any:
    """Drop or replace some of what a dict or a list holds."""
    if depth == 0 or not isinstance(value, dict | list) or not value:
        return value
    spoilt = draw(st.integers(0, 2**16 - 1))
    junk = draw(JUNK)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    kept: list[tuple[Any, Any]] = []
    for position, key in enumerate(keys):
        fate = (spoilt >> (position % 8) * 2) & 3
        if fate:
            child = value[key]
            kept.append((key, junk if fate == 1 else damaged_value(draw, child, depth - 1)))
    return dict(kept) if isinstance(value, dict) else [item for _, item in kept]


@settings(max_examples=30)
@given(a=damaged(), b=damaged(), kind=st.none() | st.sampled_from(Kind))
def test_no_report_breaks_the_comparison(a: Report, b: Report, kind: Kind | None) -> None:
    comparison = compare_reports(a, b, kind)
    assert comparison.conclusion.endswith(".")
    assert json.loads(comparison_json(comparison))["conclusion"]
    assert comparison_markdown(comparison)
    assert printed(comparison)
    assert not compare_reports(a, a, kind).worse
    went = {row.id for row in comparison.causes if row.where is not Where.B}
    assert {f.id for f in a.findings} == went


@settings(max_examples=40)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_compared(data: st.DataObject) -> None:
    spoilt = json.loads(records.udp_blocked().to_json())
    for result in spoilt["steps"]:
        result["data"] = damaged_value(data.draw, result["data"], 2)
        for seen in result["observations"]:
            seen["notes"] = damaged_value(data.draw, seen["notes"], 2)
    for part in ("target", "environment"):
        spoilt[part] = damaged_value(data.draw, spoilt[part], 2)
    refused_with = ""
    try:
        compare_reports(Report.from_json(json.dumps(spoilt)), records.healthy())
    except ReportError as exc:
        refused_with = str(exc)
    assert "\n" not in refused_with


# --- the command ------------------------------------------------------------------------------


def saved(folder: Path, name: str, report: Report) -> str:
    return str(report.save(folder / f"{name}.json"))


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A healthy report and one of a refused token, by one machine."""
    offer = saw("offer_answer", "wss://h/x", Failure.GATEWAY_ERROR, code="UNAUTHORIZED")
    broken = Report(seen_record(seen_step("token"), seen_step("signaling", offer)))
    fine = Report(seen_record(seen_step("token"), seen_step("signaling")))
    return saved(tmp_path, "fine", fine), saved(tmp_path, "broken", broken)


def test_the_exit_code_says_whether_the_second_is_worse(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    fine, broken = files
    pairs = {(fine, fine): 0, (broken, fine): 0, (fine, broken): 1}
    assert {pair: main(["compare", *pair]) for pair in pairs} == pairs
    assert main(["compare", broken, broken]) == 0
    assert "As before: “The gateway" in capsys.readouterr().out


def test_each_form_is_written_where_it_is_asked_for(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, ticket = tmp_path / "c.html", tmp_path / "c.md"
    forms = ["--json", "-", "--html", str(page), "--markdown", str(ticket)]
    assert main(["compare", *files, "--vantage", *forms]) == 1
    printed_out, said = capsys.readouterr()
    conclusion = json.loads(printed_out)["conclusion"]
    assert conclusion.startswith("Only from marys-laptop (second): ")
    assert conclusion in said.replace("\n", " ")
    assert ticket.read_text().startswith(f"# {conclusion}")
    assert conclusion in Page(page.read_text()).text
    assert main(["compare", *files, "--markdown", "-"]) == 1
    assert capsys.readouterr().out.startswith("# Worse: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{fine}", "/no/such.json"], "/no/such.json"),
        (["{fine}", __file__], "no report of polyai-diag"),
        (["{fine}", "{fine}", "--json", "-", "--markdown", "-"], "standard output takes one"),
        (["{fine}", "{fine}", "--html", "-"], "no HTML"),
        (["-", "-"], "one report, not two"),
        (["{fine}", "{fine}", "--json", "/no/such/c.json"], "no such folder"),
        (["{fine}", "{fine}", "--json", "{folder}"], "--json"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(
    arguments: list[str],
    said: str,
    files: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given_ = [word.format(fine=files[0], folder=tmp_path) for word in arguments]
    assert main(["compare", *given_]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_two_kinds_at_once_are_bad_usage(files: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["compare", *files, "--vantage", "--before-after"])
    assert ended.value.code == 2


def test_a_run_of_all_regions_compares_by_its_own_region_too() -> None:
    ids = CallIds(call_sid="x")
    comparison = compare_reports(records.regions(), judged(call=ids))
    assert comparison.b.region == "us-1"
    assert comparison.b.session_id is None
