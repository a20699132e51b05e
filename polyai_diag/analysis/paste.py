"""What a customer pasted, judged: frames, a log, an error message, an SDP, statistics. Pure.

Causes are named by the rules that judge a run: the paste is retold as a record first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from polyai_diag import causes
from polyai_diag.analysis.browser import browser_check_in, browser_record
from polyai_diag.analysis.error_words import may_say_something
from polyai_diag.analysis.frames import lint_frame, unwrap_frame
from polyai_diag.analysis.issues import info
from polyai_diag.analysis.moments import last_moment
from polyai_diag.analysis.pasted_log import Entry, is_description, is_frame, scan
from polyai_diag.analysis.retold import Retelling
from polyai_diag.analysis.sdp_compare import pair_issues
from polyai_diag.analysis.sdp_lint import OPUS_CAUSES, lint_sdp
from polyai_diag.analysis.statistics import statistics_in, statistics_record
from polyai_diag.model import Evidence, Finding, Issue, Json, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from polyai_diag.model import Record
    from polyai_diag.redact import Redactor

MAX_FRAMES = 5000
MAX_ISSUES = 200

_FIRST_LINES = 200  # in which a log's own time is looked for


@dataclass(frozen=True)
class Pasted:
    """What a paste was taken for, its faults with their paths, and the causes that it shows.

    `judged_at` is the log's own time where it tells one (`own_time`), else the time given.
    """

    kind: str
    issues: tuple[Issue, ...]
    findings: tuple[Finding, ...]
    judged_at: datetime
    own_time: bool = False
    record: Record | None = None

    @property
    def root_causes(self) -> tuple[str, ...]:
        """Ids of the findings that no other finding explains."""
        return causes.root_causes(self.findings)


def read_paste(text: str, now: datetime) -> Pasted | None:
    """Judge what was pasted; None where nothing in it is known here."""
    text = text.removeprefix("\ufeff")
    start = text.lstrip()
    if check := browser_check_in(text):
        record = browser_record(check, now)
        return _browser_check(record) if record else None
    if start.startswith("v=0"):
        issues = tuple(lint_sdp(text))
        return Pasted("a session description", issues, _of_description(text, "", now), now)
    body = _json(text)
    if stats := statistics_in(body):
        record = statistics_record(stats, now)
        return Pasted(
            "a call's statistics (getStats)", (), causes.judge(record), now, record=record
        )
    if is_description(body):
        return _description(body, now)
    if is_frame(body) or isinstance(body, str):
        return _judged(text, [Entry(_first_line(text), "", text.strip())], now)
    found = _judged(text, _limited(scan(text)), now)
    if found is None and start.startswith(("{", "[")):
        found = Pasted("a frame", tuple(lint_frame(text, now)), (), now)
    return found


def _browser_check(record: Record) -> Pasted:
    """Judge what a browser's own check has seen, as of its own time."""
    judged_at = datetime.fromisoformat(record.started)
    return Pasted("a browser check", (), causes.judge(record), judged_at, True, record)


def _description(body: Json, now: datetime) -> Pasted:
    """Judge what a browser calls a session description: the frame around it is not there."""
    sdp = body["sdp"]
    kind = body["type"] if body.get("type") in ("offer", "answer") else ""
    faults = lint_sdp(sdp, kind) if isinstance(sdp, str) else []
    findings = _of_description(sdp, kind, now) if isinstance(sdp, str) else ()
    issues = [msgspec.structs.replace(i, path=f"$.sdp{i.path[1:]}") for i in faults]
    said = "a description alone; what goes over the WebSocket is a frame around it (data)"
    return Pasted("a session description", (info("$", said), *issues), findings, now)


def _of_description(sdp: str, kind: str, now: datetime) -> tuple[Finding, ...]:
    """Name the causes that one description shows."""
    retelling = Retelling(sdp, now)
    retelling.take_description(sdp, kind, Entry(1, "", ""))
    return causes.judge(retelling.record(None))


def _judged(text: str, entries: list[Entry], now: datetime) -> Pasted | None:
    started = next((m.date for e in entries[:_FIRST_LINES] if (m := e.moment) and m.date), None)
    judged_at = started or now
    retelling = Retelling(text, judged_at)
    for entry in entries:
        retelling.take(entry)
    record = retelling.record(last_moment(text))
    if not retelling.says_something:
        return None
    issues = list(_issues(entries, judged_at))
    if _is_broken_frame(text, entries):
        issues = lint_frame(text, judged_at)
    if retelling.answered:
        issues = [_taken(issue) for issue in issues]
    findings = _in_words(causes.judge(record), record, issues, answered=retelling.answered)
    redactor = retelling.redactor
    return Pasted(
        _kind(entries, retelling.frames),
        tuple(_redacted_issues(_bounded(issues, retelling.frames), redactor)),
        tuple(_redacted(finding, redactor) for finding in findings),
        judged_at,
        started is not None,
        record,
    )


def _is_broken_frame(text: str, entries: list[Entry]) -> bool:
    """Whether it is one frame whose JSON breaks, rather than a log of frames cut short."""
    whole = any(entry.frame for entry in entries) or sum(bool(e.cut) for e in entries) > 1
    return not whole and text.lstrip().startswith(("{", "[")) and _json(text) is None


def _limited(entries: Iterator[Entry]) -> list[Entry]:
    """Keep the first frames of a flood; a time alone beneath a frame is that frame's."""
    kept: list[Entry] = []
    frames = 0
    for entry in entries:
        last = kept[-1] if kept else None
        if entry.is_time_alone and last is not None and last.frame and not last.moment:
            kept[-1] = replace(last, text=f"{last.text} {entry.text}")
            continue
        frames += bool(entry.frame)
        if frames > MAX_FRAMES:
            break
        early = len(kept) < _FIRST_LINES
        if entry.frame or entry.cut or early or may_say_something(entry.text):
            kept.append(entry)
    return kept


def _kind(entries: list[Entry], frames: int) -> str:
    if not frames:
        return "an error message" if len(entries) == 1 else "a log without frames"
    if frames == 1 and len(entries) == 1:
        return "a frame"
    return f"a log of {frames} frame{'s' * (frames != 1)}"


# --- issues -----------------------------------------------------------------------------------


def _issues(entries: list[Entry], judged_at: datetime) -> Iterator[Issue]:
    """Yield the faults of every frame; in a log with the line before the path."""
    frames = [entry for entry in entries if entry.frame or entry.cut]
    shared = {a.line for a, b in pairwise(frames) if a.line == b.line}
    for number, entry in enumerate(frames, 1):
        place = f"line {entry.line}, frame {number} " if entry.line in shared else ""
        place = place or (f"line {entry.line} " if len(entries) > 1 else "")
        if entry.cut:
            said = f"the {entry.cut} is cut off: what is missing cannot be judged"
            yield info(f"{place}$", said)
            continue
        for issue in lint_frame(entry.frame, judged_at):
            yield msgspec.structs.replace(issue, path=f"{place}{issue.path}")
    yield from _compared(frames)


def _bounded(issues: list[Issue], frames: int) -> list[Issue]:
    """Keep the first of a flood, and say so."""
    notes = []
    if frames >= MAX_FRAMES:
        notes.append(info("$", f"no more than the first {MAX_FRAMES} frames are judged"))
    if len(issues) > MAX_ISSUES:
        notes.append(info("$", f"{len(issues) - MAX_ISSUES} more faults are left out"))
    return [*issues[:MAX_ISSUES], *notes]


def _taken(issue: Issue) -> Issue:
    """Make a note of what a gateway may refuse, where the paste shows that it did not.

    What spoils the audio spoils it all the same.
    """
    stays = issue.severity is not Severity.WARNING or issue.cause in OPUS_CAUSES
    return issue if stays else msgspec.structs.replace(issue, severity=Severity.INFO)


def _compared(frames: list[Entry]) -> Iterator[Issue]:
    """Compare each offer's SDP with that of the answer after it."""
    offer = ""
    for entry in frames:
        body, _ = unwrap_frame(entry.frame) if entry.frame else (None, [])
        data = body.get("data") if body else None
        sdp = data.get("sdp") if isinstance(data, dict) else None
        if body and body.get("type") == "offer":
            offer = sdp if isinstance(sdp, str) else ""
        elif body and body.get("type") == "answer" and offer and isinstance(sdp, str):
            for issue in pair_issues(offer, sdp):
                yield msgspec.structs.replace(issue, path=f"line {entry.line} {issue.path}")
            offer = ""


def _redacted_issues(issues: Iterable[Issue], redactor: Redactor) -> Iterator[Issue]:
    for issue in issues:
        path, message = redactor.text(issue.path), redactor.text(issue.message)
        yield msgspec.structs.replace(issue, path=path, message=message)


# --- findings ---------------------------------------------------------------------------------


def _in_words(
    findings: Iterable[Finding], record: Record, issues: list[Issue], *, answered: bool
) -> Iterator[Finding]:
    """Say where in the paste each proof stands, and which fault of the offer it may come from.

    An offer that cannot be taken is as grave as its refusal, unless the paste shows an answer.
    """
    grave = {i.cause for i in issues if i.severity is Severity.CRITICAL and not answered}
    for finding in findings:
        evidence = [_placed(item, record) for item in finding.evidence]
        if finding.id == "request-invalid":
            faults = [i for i in issues if i.cause == finding.id and i.severity != Severity.INFO]
            evidence += [Evidence(step="signaling", text=f"{i.path}: {i.message}") for i in faults]
        severity = Severity.CRITICAL if finding.id in grave else finding.severity
        first, placed = finding.evidence[0].text, evidence[0].text
        summary = placed + finding.summary.removeprefix(first)
        yield msgspec.structs.replace(
            finding, evidence=tuple(evidence), summary=summary, severity=severity
        )


def _placed(evidence: Evidence, record: Record) -> Evidence:
    if evidence.observation is None:
        return evidence
    seen = record.step(evidence.step).observations[evidence.observation]
    place = "; ".join(filter(None, [f"line {seen.notes.get('line')}", seen.notes.get("told")]))
    return msgspec.structs.replace(evidence, text=f"{evidence.text} ({place})")


def _redacted(finding: Finding, redactor: Redactor) -> Finding:
    evidence = tuple(
        msgspec.structs.replace(item, text=redactor.text(item.text)) for item in finding.evidence
    )
    return msgspec.structs.replace(
        finding, evidence=evidence, summary=redactor.text(finding.summary)
    )


# --- the text ---------------------------------------------------------------------------------


def _json(text: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _first_line(text: str) -> int:
    return text[: len(text) - len(text.lstrip())].count("\n") + 1
