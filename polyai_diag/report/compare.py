"""Two reports compared: before and after by one machine, or from two vantage points. Pure."""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from polyai_diag.analysis.endings import ending_in
from polyai_diag.analysis.loose import rows, table
from polyai_diag.causes import CAUSES
from polyai_diag.causes.engine import Layer
from polyai_diag.model import Finding, Severity, Status, Verdict
from polyai_diag.report.compare_figures import figure_rows, step_rows
from polyai_diag.report.compare_words import conclude
from polyai_diag.report.comparison import CauseRow, Change, Comparison, Kind, Side, Where
from polyai_diag.report.proof import how_often
from polyai_diag.report.text import plain, time_span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.report.report import Report

FAR_APART_S = 900
"""Two vantage points measured further apart may have met another state of the gateway."""

_GRAVITY = (Verdict.HEALTHY, Verdict.DEGRADED, Verdict.INCOMPLETE, Verdict.FAILED)
_ALIAS = re.compile(r"host-\d+")
_SET_ALIKE = ("mode", "relay_only", "thorough", "third_party", "ice_servers_from")


def compare_reports(a: Report, b: Report, kind: Kind | None = None) -> Comparison:
    """Set report `b` against report `a`; what one lacks, or another version wrote, is left out.

    Without a `kind` the machines' names tell: the same, and `b` is taken for a later run of it;
    another, and `b` is taken for a second vantage point. Figures count as changed only where
    their intervals do not overlap.
    """
    told = kind or _kind(a, b)
    first, second = _sides(a, b, told)
    causes = _causes(a, b)
    steps = ({step.name: step for step in report.steps} for report in (a, b))
    by_name, then = steps
    measured = figure_rows(by_name, then)
    graver = _GRAVITY.index(b.verdict) > _GRAVITY.index(a.verdict)
    return Comparison(
        kind=told,
        conclusion=conclude(told, (first, second), causes, measured, same_token=same_token(a, b)),
        worse=graver or any(row.change is Change.WORSE for row in causes),
        notes=tuple(_notes(a, b, told, guessed=kind is None)),
        a=first,
        b=second,
        causes=causes,
        steps=step_rows(by_name, then),
        measured=measured,
    )


# --- whose runs -------------------------------------------------------------------------------


def _kind(a: Report, b: Report) -> Kind:
    names = [_hostname(report) for report in (a, b)]
    if all(_ALIAS.fullmatch(name) for name in names):
        return Kind.BEFORE_AFTER  # anonymized: the aliases tell nothing
    if all(names):
        return Kind.BEFORE_AFTER if names[0] == names[1] else Kind.VANTAGES
    apart = not _addresses(a) & _addresses(b) and _addresses(a) and _addresses(b)
    return Kind.VANTAGES if apart else Kind.BEFORE_AFTER


def _hostname(report: Report) -> str:
    return plain(table(report.record.environment).get("hostname") or "", 60)


def _addresses(report: Report) -> set[str]:
    found = table(report.record.environment).get("addresses")
    return {plain(item, 60) for item in found[:8]} if isinstance(found, list | tuple) else set()


def _sides(a: Report, b: Report, kind: Kind) -> tuple[Side, Side]:
    names = ("before", "after")
    if kind is Kind.VANTAGES:
        first, second = (_hostname(report) for report in (a, b))
        names = (first or "the first", second or "the second")
        if first == second:
            names = (f"{names[0]} (first)", f"{names[1]} (second)")
    return _side(a, names[0]), _side(b, names[1])


def _side(report: Report, name: str) -> Side:
    record = report.record
    region = record.call.region or table(record.target).get("region")
    return Side(
        name=name,
        machine=_hostname(report) or "an unnamed machine",
        addresses=tuple(sorted(_addresses(report))),
        started=plain(record.started, 40),
        call_sid=plain(record.call.call_sid, 120),
        session_id=plain(record.call.session_id, 60) if record.call.session_id else None,
        region=plain(region, 40) if region else None,
        url=plain(table(record.target).get("url") or "", 200),
        verdict=report.verdict,
        called=any(s.name == "call" and s.status is Status.PASSED for s in report.steps),
        root_causes=tuple(plain(cause, 60) for cause in report.root_causes),
    )


# --- causes -----------------------------------------------------------------------------------


def _causes(a: Report, b: Report) -> tuple[CauseRow, ...]:
    """Return every root cause of either: the second's first, as it is the one to act on."""
    roots = {finding.id: finding for report in (a, b) for finding in _roots(report)}
    order = [*dict.fromkeys(finding.id for finding in (*_roots(b), *_roots(a)))]
    return tuple(_cause(roots[cause_id], a, b) for cause_id in order)


def _roots(report: Report) -> list[Finding]:
    return [f for f in _that_matter(report) if not f.explained_by]


def _that_matter(report: Report) -> list[Finding]:
    return [f for f in report.findings if f.severity is not Severity.INFO]


def _cause(root: Finding, a: Report, b: Report) -> CauseRow:
    first, second = _named(root.id, a), _named(root.id, b)
    where = Where.BOTH if first and second else Where.A if first else Where.B
    looked_at = where is Where.BOTH or _looked_at(root, b if where is Where.A else a)
    row = CAUSES.get(root.id)
    return CauseRow(
        id=plain(root.id, 60),
        title=plain(root.title, 160),
        remedy=plain(root.remedy),
        layer=row.layer.name if row else "ANY",
        severity=root.severity,
        where=where,
        looked_at=looked_at,
        change=_cause_change(first, second, looked_at=looked_at),
        a=_proof(first),
        b=_proof(second),
    )


def _named(cause_id: str, report: Report) -> Finding | None:
    """Return the finding of that id, a root before one that stands beneath another."""
    found = [f for f in _that_matter(report) if f.id == cause_id]
    return min(found, key=lambda f: bool(f.explained_by), default=None)


def _cause_change(a: Finding | None, b: Finding | None, *, looked_at: bool) -> Change:
    if a is None:
        return Change.WORSE
    if b is None:
        return Change.BETTER if looked_at else Change.UNKNOWN
    if a.severity is b.severity:
        return Change.SAME
    return Change.WORSE if b.severity is Severity.CRITICAL else Change.BETTER


def _proof(finding: Finding | None) -> str:
    if finding is None:
        return ""
    return plain(finding.evidence[0].text if finding.evidence else finding.summary, 160)


def _looked_at(root: Finding, other: Report) -> bool:
    """Whether another run came as far as what proves this cause, so that its silence counts."""
    ended = {step.name: step.status for step in other.steps}
    states = {ended.get(item.step) for item in root.evidence}
    if not states <= {Status.PASSED, Status.FAILED}:
        return False
    hidden = any(
        _layer(finding.id) < _layer(root.id)
        for finding in _roots(other)
        if finding.severity is Severity.CRITICAL
    )
    return not (hidden and Status.FAILED in states)


def _layer(cause_id: str) -> Layer:
    return CAUSES[cause_id].layer if cause_id in CAUSES else Layer.ANY


# --- what to know before believing it ---------------------------------------------------------


def _notes(a: Report, b: Report, kind: Kind, *, guessed: bool) -> Iterator[str]:
    if guessed:
        yield from _why_this_kind(a, b, kind)
    apart_s = _apart_s(a, b)
    if kind is Kind.BEFORE_AFTER and apart_s is not None and apart_s < 0:
        yield "The second report is the older one: give them in the order of time."
    if kind is Kind.VANTAGES and apart_s is not None and abs(apart_s) > FAR_APART_S:
        apart = time_span(abs(apart_s))
        yield f"The runs lie {apart} apart: the gateway may have changed meanwhile."
    if kind is Kind.VANTAGES and (shared := _exits(a) & _exits(b)):
        yield f"Both leave by the same address, {min(shared)}: they share a network."
    first, second = (ending_in(report.record) for report in (a, b))
    if first and second and first.repeats(second):
        yield (
            f"The call ended at the same second, {first.seconds:.1f} s and {second.seconds:.1f} s "
            f"after {first.since}: a timer ends it, not chance."
        )
    for one, other in ((a, b), (b, a)):
        yield from _perhaps_chance(one, other)
    yield from _not_alike(a, b)


def _perhaps_chance(one: Report, other: Report) -> Iterator[str]:
    """Yield what came and went in one run: that the other lacks it may be luck."""
    for finding in _roots(one):
        if finding.flaky and not _named(finding.id, other):
            told = f"“{plain(finding.title, 160)}” {how_often(finding)}"
            yield f"{told}: the run without it may have been lucky. Run it again."


def _why_this_kind(a: Report, b: Report, kind: Kind) -> Iterator[str]:
    names = [_hostname(report) for report in (a, b)]
    if kind is Kind.VANTAGES:
        yield "Taken for two vantage points: the machines differ. --before-after says otherwise."
    elif all(_ALIAS.fullmatch(name) for name in names):
        yield "Both are anonymized: taken for one machine. --vantage says otherwise."
    elif not (_addresses(a) & _addresses(b)) and _addresses(a) and _addresses(b):
        yield "The machine has other addresses now. If it stands in another network: --vantage."


def _apart_s(a: Report, b: Report) -> float | None:
    try:
        first, second = (datetime.fromisoformat(r.record.started) for r in (a, b))
        return (second - first).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def _exits(report: Report) -> set[str]:
    """Return the addresses that STUN servers saw, without their ports."""
    servers = rows(_data(report, "stun").get("servers"))
    seen = (str(row.get("mapped_address"))[:80].rpartition(":")[0] for row in servers)
    return {plain(address.strip("[]"), 60) for address in seen if _is_global(address.strip("[]"))}


def _is_global(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def _not_alike(a: Report, b: Report) -> Iterator[str]:
    first, second = (table(report.record.target) for report in (a, b))
    urls = [plain(target.get("url") or "none", 120) for target in (first, second)]
    if urls[0] != urls[1]:
        yield f"Not aimed at the same gateway: {urls[0]}; {urls[1]}."
    if same_token(a, b) is False:
        yield "Not the same token."
    others = [key for key in _SET_ALIKE if key in first and key in second]
    differ = [key.replace("_", " ") for key in others if first[key] != second[key]]
    if differ:
        yield f"Not run alike: {', '.join(differ)}."
    modes = [_data(report, "audio").get("mode") for report in (a, b)]
    if all(modes) and modes[0] != modes[1]:
        yield "The sound came from elsewhere: its figures do not compare."
    tools = [plain(report.record.tool, 40) for report in (a, b)]
    if tools[0] != tools[1]:
        yield f"Measured by {tools[0]} and {tools[1]}; judged by the rules of this version."


def same_token(a: Report, b: Report) -> bool | None:
    """Whether both runs sent the same token, None where nobody knows."""
    first, second = (_data(report, "token").get("sha256") for report in (a, b))
    known = isinstance(first, str) and isinstance(second, str)
    return first == second if known else None


def _data(report: Report, name: str) -> dict[str, Any]:
    found = (step.data for step in report.steps if step.name == name)
    return table(next(found, None))
