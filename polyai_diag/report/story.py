"""What a report tells, in the order in which it is told: data for every face."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from polyai_diag.analysis.browser_joined import is_check
from polyai_diag.analysis.loose import number, table
from polyai_diag.model import NOT_ASKED, Finding, Guide, Severity, Status, StepResult, Verdict
from polyai_diag.plan import NEEDS, TITLES
from polyai_diag.report.candidates import Candidates
from polyai_diag.report.firewall import request_of
from polyai_diag.report.handover import Letter, letters
from polyai_diag.report.measured import carried, heard
from polyai_diag.report.proof import how_often, least_proof
from polyai_diag.report.reach import Reach
from polyai_diag.report.relays import Relays
from polyai_diag.report.text import flat, milliseconds, plain, visible
from polyai_diag.report.way import OK, Mark, Stop, mark_of, way

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from polyai_diag.report.report import Report
    from polyai_diag.report.request import Request

_DOCUMENT_LIMIT = 1_000_000
_CUSTOMERS = "the customer's "
_ANOTHER = "any other browser, microphone or network"

GUIDE_SECTIONS = {
    Guide.UNAUTHORIZED: "Unauthorized error",
    Guide.NO_AUDIO: "No audio",
    Guide.ICE: "ICE connection fails",
}

_BADGES = {
    Verdict.HEALTHY: Mark("ok", "✓", "Healthy"),
    Verdict.DEGRADED: Mark("warn", "!", "Works, with warnings"),
    Verdict.FAILED: Mark("bad", "✕", "Does not work"),
    Verdict.INCOMPLETE: Mark("warn", "■", "Not finished"),
}

SEVERITY_MARKS = {
    Severity.CRITICAL: Mark("bad", "✕", "critical"),
    Severity.WARNING: Mark("warn", "!", "warning"),
    Severity.INFO: Mark("note", "i", "note"),
}
"""How a severity is shown."""


class Root(NamedTuple):
    """A root cause and what follows from it."""

    finding: Finding
    mark: Mark
    section: str  # of the troubleshooting guide, or empty
    explained: list[Finding]

    @property
    def title(self) -> str:
        """What it is, and where it comes and goes, how often."""
        often = how_often(self.finding)
        return f"{self.finding.title}: {often}" if often else self.finding.title


class Bar(NamedTuple):
    """When one step ran, in percent of the whole."""

    step: StepResult
    mark: Mark
    left: float
    width: float
    label: str


class Story:
    """A report in the words that people read. Everything in it may be hostile text still."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.record = report.record
        self.findings = report.findings
        self.steps = {step.name: step for step in report.own.steps}

    @property
    def badge(self) -> Mark:
        """The verdict."""
        return _BADGES[self.report.verdict]

    @property
    def headline(self) -> str:
        """What is wrong, in one sentence."""
        if self.roots:
            return self.roots[0].title
        if self.report.verdict is Verdict.INCOMPLETE:
            return _unfinished(self.record.steps)
        called = self.steps["call"].status is Status.PASSED if "call" in self.steps else False
        return "The call works" if called else "Nothing wrong in what was measured; no call placed"

    @property
    def facts(self) -> list[str]:
        """What PolyAI's side can search for: callSid, session, region, time, duration."""
        call = self.record.call
        session = f"session {call.session_id}" if call.session_id else "no session"
        took = milliseconds(self.record.duration_ms)
        return [call.call_sid, session, self.region or "no region", self.started, took]

    @property
    def region(self) -> str:
        """The region that was called, empty where it is none of PolyAI's."""
        return str(self.record.call.region or self.record.target.get("region") or "")

    @property
    def started(self) -> str:
        """When the run began, UTC."""
        return _utc(self.record.started)

    @property
    def machine(self) -> tuple[str, str]:
        """Name and addresses of the machine whose network was measured."""
        environment = self.record.environment
        addresses = environment.get("addresses")
        shown = addresses[:8] if isinstance(addresses, list | tuple) else []
        return str(environment.get("hostname") or "this machine"), ", ".join(map(str, shown))

    @property
    def vantage(self) -> str:
        """Whose network that was, as it stands after the machine's name."""
        if is_check(self.record):
            return "the browser that ran the check, with its microphone and its network"
        customer = ", not the customer's browser" if self.browser is None else ""
        return f"the machine that ran polyai-diag{customer}"

    @cached_property
    def browser(self) -> Story | None:
        """What a browser's check has seen that was joined to the run: another place."""
        return Story(self.report.browser) if self.report.browser else None

    @property
    def not_measured(self) -> str:
        """What the run could not see: never, and this time."""
        named = self.record.environment.get("not_measured")
        never = ["the customer's browser, microphone and speaker"]
        if isinstance(named, list | tuple) and named:
            never = [plain(item, 120) for item in named[:12]]
        if self.browser:
            never = [_ANOTHER, *(item for item in never if not item.startswith(_CUSTOMERS))]
        return "; ".join([*never, *self._skipped()])

    def _skipped(self) -> Iterator[str]:
        """Yield what was to be measured and could not be, with the reason that they share."""
        titles: dict[str, list[str]] = {}
        for step in self.record.steps:
            if step.status is Status.SKIPPED and step.reason != NOT_ASKED:
                titles.setdefault(self._why_skipped(step), []).append(TITLES[step.name])
        for reason, of in titles.items():
            yield f"{' / '.join(of)} ({plain(reason, 120)})"

    def _why_skipped(self, step: StepResult) -> str:
        """Follow a step that waited for another to the one that did not come."""
        needed = (self.record.step(name) for name in NEEDS.get(step.name, ()))
        skipped = next((other for other in needed if other.status is Status.SKIPPED), None)
        return self._why_skipped(skipped) if skipped else step.reason

    @cached_property
    def roots(self) -> list[Root]:
        """The root causes, the worst first, each finding that follows under its first."""
        return roots_of(self.findings)

    @property
    def notes(self) -> list[Finding]:
        """Findings that only explain."""
        return [f for f in self.findings if not f.explained_by and f.severity is Severity.INFO]

    @property
    def way(self) -> list[Stop]:
        """The stops of the call."""
        return way(self.steps)

    @cached_property
    def relays(self) -> Relays:
        """TURN: UDP, TCP and TLS side by side."""
        return Relays(self.data("turn"))

    @cached_property
    def candidates(self) -> Candidates:
        """The candidates of both sides, and their pairs."""
        return Candidates(self.steps.get("call"))

    @cached_property
    def firewall(self) -> Request:
        """What to ask a network team for."""
        return request_of(self.report.own)

    @cached_property
    def reach(self) -> Reach:
        """The way to the gateway, in detail."""
        return Reach(self.steps)

    @cached_property
    def letters(self) -> list[Letter]:
        """For whom to act: a text for each party, first for whoever has to act first."""
        return letters(self)

    @property
    def carried(self) -> list[tuple[str, str]]:
        """What was measured of the network and the media's packets: name, value."""
        return carried(self.data)

    @property
    def heard(self) -> list[tuple[str, str]]:
        """What was measured of the sound: name, value."""
        return heard(self.data)

    @property
    def measured(self) -> list[tuple[str, str]]:
        """All that was measured of the call: name, value. Only what there is."""
        return [*self.carried, *self.heard]

    @property
    def bars(self) -> list[Bar]:
        """When each step ran."""
        return [_bar(step, self.whole_ms) for step in self.steps.values()]

    @property
    def whole_ms(self) -> float:
        """The length of the time axis."""
        end = max((s.started_ms + s.duration_ms for s in self.steps.values()), default=0)
        return max(end, number(self.record.duration_ms) or 0, 1)

    @property
    def axis(self) -> list[str]:
        """The times at the quarters of that axis, its start first."""
        return ["0", *(milliseconds(self.whole_ms * quarter / 4) for quarter in (1, 2, 3))]

    @property
    def document(self) -> str:
        """The report as JSON, for a page to hold; a page that would choke on it says so."""
        text = visible(self.report.to_json())
        if len(text) <= _DOCUMENT_LIMIT:
            return text
        return f"{len(text) / 1e6:.0f} MB of JSON: too much for a page. Save the report as .json."

    @property
    def surroundings(self) -> list[tuple[str, str]]:
        """Target and environment, flat: name, value."""
        found = [(f"target {key}", value) for key, value in self.record.target.items()]
        found += [(key, value) for key, value in self.record.environment.items()]
        return [(key, flat(value)) for key, value in [("tool", self.record.tool), *found[:60]]]

    @property
    def ticket(self) -> str:
        """Plain text for a ticket: the searchable line, what is wrong, what to do, the proof."""
        host, addresses = self.machine
        lines = [
            " · ".join(plain(fact, 120) for fact in self.facts),
            f"{self.badge.word}: {plain(self.headline)}",
            f"Measured from {plain(host, 80)} ({plain(addresses) or 'address unknown'}).",
            *(_beside(self.browser) if self.browser else ()),
            f"Not measured: {plain(self.not_measured)}.",
        ]
        for root in self.roots:
            lines += ["", f"[{plain(root.finding.id)}] {plain(root.title)}"]
            lines += [f"  do: {plain(root.finding.remedy)}"]
            lines += [f"  seen: {plain(text)}" for text in least_proof(root.finding, 4)]
        lines += ["", "Way: " + ", ".join(f"{s.name} {s.mark.glyph} {s.detail}" for s in self.way)]
        return "\n".join(lines)

    def data(self, step: str) -> dict[str, Any]:
        """Return what a step put down, empty where it did not run."""
        return table(self.steps[step].data) if step in self.steps else {}


def _beside(browser: Story) -> Iterator[str]:
    yield f"And in {plain(browser.machine[0], 80)}: {' · '.join(map(plain, browser.facts))}."


def severity_mark(finding: Finding) -> Mark:
    """Return how a finding's severity is shown."""
    return SEVERITY_MARKS[finding.severity]


def _unfinished(steps: tuple[StepResult, ...]) -> str:
    broken = [step.name for step in steps if step.status is Status.ERROR]
    if broken:
        return f"polyai-diag itself failed in: {', '.join(broken)}"
    missing = sum(step.status is Status.CANCELLED for step in steps)
    return f"The run was stopped: {missing} of {len(steps)} steps are unfinished"


def _utc(started: str) -> str:
    try:
        return f"{datetime.fromisoformat(started):%d %b %Y %H:%M:%S} UTC"
    except ValueError:
        return started


def _bar(step: StepResult, whole_ms: float) -> Bar:
    mark = mark_of(step)
    left = min(max(100 * step.started_ms / whole_ms, 0), 100)
    width = min(max(100 * step.duration_ms / whole_ms, 0), 100 - left)
    ran = mark.tone != "off"
    timed = milliseconds(step.duration_ms)
    label = timed if mark is OK else f"{mark.word}, {timed}" if ran else mark.word
    return Bar(step, mark, round(left, 2), round(width, 2), label)


def roots_of(findings: Sequence[Finding]) -> list[Root]:
    """Return the root causes, each finding that follows under its first."""
    matter = [f for f in findings if not f.explained_by and f.severity is not Severity.INFO]
    taken: set[int] = set()
    return [
        Root(
            finding,
            SEVERITY_MARKS[finding.severity],
            GUIDE_SECTIONS[finding.guide] if finding.guide else "",
            _following(findings, finding.id, taken),
        )
        for finding in matter
    ]


def _following(findings: Sequence[Finding], root: str, taken: set[int]) -> list[Finding]:
    """Return what this one explains, directly or through another; each finding once."""
    reached, found = [root], []
    for cause in reached:
        for position, finding in enumerate(findings):
            if cause in finding.explained_by and position not in taken:
                taken.add(position)
                found.append(finding)
                reached.append(finding.id)
    return found
