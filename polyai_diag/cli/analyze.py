"""`polyai-diag analyze`: judge what a customer sent, by what it is."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from polyai_diag.cli.exits import CRITICAL, HEALTHY, WARNINGS, exit_code
from polyai_diag.cli.options import UsageError
from polyai_diag.model import Severity
from polyai_diag.report.text import plain, visible

if TYPE_CHECKING:
    from polyai_diag.analysis.paste import Pasted

MAX_BYTES = 50 * 1024 * 1024
_SOUNDS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".webm")


def analyze_one(name: str, *, as_json: bool) -> int:
    """Judge one file, `-` for standard input; return the exit code. Raises UsageError."""
    if name != "-" and Path(name).suffix.lower() in _SOUNDS:
        return _recording(name, as_json=as_json)
    text = read_input(name)
    body = _json(text)
    if isinstance(body, dict) and "schema_version" in body and "steps" in body:
        return _report(name, text, as_json=as_json)
    return _paste(name, text, as_json=as_json)


def _paste(name: str, text: str, *, as_json: bool) -> int:
    from polyai_diag.analysis.browser import browser_check_in  # noqa: PLC0415
    from polyai_diag.analysis.paste import read_paste  # noqa: PLC0415

    pasted = read_paste(text, datetime.now(UTC))
    if pasted is None:
        if browser_check_in(text) is not None:
            raise UsageError(
                f"{name}: a browser check that is cut off, changed on the way, or of a newer "
                "version; ask for the file that its page saves"
            )
        raise UsageError(
            f"{name}: neither a frame (JSON) nor a log of frames, an error message known here, a "
            f"session description (v=0 …), a call's statistics (getStats() as JSON), a browser "
            f"check, a report of ours, a recording ({', '.join(_SOUNDS)})"
        )
    if as_json:
        print(_as_json(name, pasted))
    else:
        _show(name, pasted)
    return _exit_code(pasted)


def _as_json(name: str, pasted: Pasted, **more: object) -> str:
    document = {
        "source": name,
        "kind": pasted.kind,
        "judged_at": pasted.judged_at.isoformat(timespec="milliseconds"),
        "issues": pasted.issues,
        "root_causes": pasted.root_causes,
        "findings": pasted.findings,
        **more,
    }
    return visible(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def _show(name: str, pasted: Pasted) -> None:
    from polyai_diag.cli.console import new_console, print_findings  # noqa: PLC0415

    count = sum(issue.severity is not Severity.INFO for issue in pasted.issues)
    print(f"{name}: {pasted.kind}, {count or 'no'} fault{'s' * (count != 1)} in its form")
    if pasted.record is not None:
        clock = "its own time" if pasted.own_time else "now; the paste tells no date"
        print(f"  judged as of {pasted.judged_at:%Y-%m-%d %H:%M:%S} UTC ({clock})")
    for issue in pasted.issues:
        cause = f" [{issue.cause}]" if issue.cause else ""
        print(f"  {issue.severity.value:<8} {plain(issue.path)}: {plain(issue.message)}{cause}")
    print_findings(new_console(), pasted.findings)


def _exit_code(pasted: Pasted) -> int:
    severities = {issue.severity for issue in pasted.issues}
    severities |= {finding.severity for finding in pasted.findings}
    if Severity.CRITICAL in severities:
        return CRITICAL
    return WARNINGS if Severity.WARNING in severities else HEALTHY


def read_input(name: str) -> str:
    """Return a file's text, `-` for standard input. Raises UsageError."""
    try:
        data = sys.stdin.buffer.read(MAX_BYTES) if name == "-" else Path(name).read_bytes()
    except OSError as exc:
        raise UsageError(f"{name}: {exc.strerror}") from None
    if len(data) >= MAX_BYTES:
        raise UsageError(f"{name}: larger than {MAX_BYTES // 1024**2} MiB")
    return data.decode("utf-8", "replace")


def _json(text: str) -> object:
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return parsed


def _report(name: str, text: str, *, as_json: bool) -> int:
    from polyai_diag.cli.console import new_console, print_report  # noqa: PLC0415
    from polyai_diag.report import Report, ReportError  # noqa: PLC0415

    try:
        report = Report.from_json(text)
    except ReportError as exc:
        raise UsageError(f"{name}: {exc}") from None
    if as_json:
        print(report.to_json())
    else:
        print_report(new_console(), report)
    return exit_code(report)


def _recording(name: str, *, as_json: bool) -> int:
    from polyai_diag.analysis.paste import Pasted  # noqa: PLC0415
    from polyai_diag.analysis.recorded import recorded  # noqa: PLC0415
    from polyai_diag.api import analyze_recording  # noqa: PLC0415
    from polyai_diag.causes import judge  # noqa: PLC0415
    from polyai_diag.cli.console import new_console, print_findings  # noqa: PLC0415
    from polyai_diag.cli.recordings import recording_lines  # noqa: PLC0415

    facts, now = analyze_recording(name), datetime.now(UTC)
    record = recorded(plain(Path(name).name), facts, now)
    judged = Pasted("a recording", (), judge(record), now, record=record)
    if as_json:
        print(_as_json(name, judged, facts=facts.notes()))
    else:
        for line in recording_lines(plain(name), facts):
            print(line)
        print_findings(new_console(), judged.findings)
    return _exit_code(judged)
