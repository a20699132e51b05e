"""`polyai-diag analyze`: judge what a customer sent, by what it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

from polyai_diag.cli.exits import CRITICAL, HEALTHY, WARNINGS, exit_code
from polyai_diag.cli.options import UsageError
from polyai_diag.model import Issue, Severity
from polyai_diag.report.text import plain

MAX_BYTES = 50 * 1024 * 1024
_SOUNDS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".webm")


def analyze_one(name: str, *, as_json: bool) -> int:
    """Judge one file, `-` for standard input; return the exit code. Raises UsageError."""
    if name != "-" and Path(name).suffix.lower() in _SOUNDS:
        return _recording(name)
    text = _read(name)
    body = _json(text)
    if isinstance(body, dict) and "schema_version" in body and "steps" in body:
        return _report(name, text, as_json=as_json)
    if body is not None or text.lstrip().startswith(("{", "[")):
        from polyai_diag.analysis.frames import lint_frame  # noqa: PLC0415

        return _issues(name, "a frame", lint_frame(text), as_json=as_json)
    if text.lstrip().startswith("v=0"):
        from polyai_diag.analysis.sdp import lint_sdp  # noqa: PLC0415

        return _issues(name, "a session description", lint_sdp(text), as_json=as_json)
    raise UsageError(
        f"{name}: neither a frame (JSON), a session description (v=0 …), a report of ours, "
        f"nor a recording ({', '.join(_SOUNDS)})"
    )


def _read(name: str) -> str:
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


def _issues(name: str, kind: str, issues: list[Issue], *, as_json: bool) -> int:
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(issues), indent=2).decode())
    else:
        print(f"{name}: {kind}, {len(issues) or 'no'} fault{'s' * (len(issues) != 1)}")
        for issue in issues:
            cause = f" [{issue.cause}]" if issue.cause else ""
            print(f"  {issue.severity.value:<8} {issue.path}: {plain(issue.message)}{cause}")
    severities = {issue.severity for issue in issues}
    if Severity.CRITICAL in severities:
        return CRITICAL
    return WARNINGS if Severity.WARNING in severities else HEALTHY


def _recording(name: str) -> int:
    from polyai_diag.api import analyze_recording  # noqa: PLC0415

    facts = analyze_recording(name)
    print(f"{name}: {facts.seconds:.1f} s of sound")
    active = (
        f"{facts.active_level_dbfs:.1f} dBFS" if facts.active_level_dbfs is not None else "none"
    )
    print(f"  active level    {active} ({facts.active_share:.0%} of the time)")
    print(f"  peak            {facts.peak_dbfs:.1f} dBFS, {facts.clipped_runs} clipped runs")
    if facts.bandwidth_hz is not None:
        print(f"  bandwidth       {facts.bandwidth_hz:.0f} Hz holds 99.9 % of the power")
    print("  Measured without a reference: delay, loss and echo cannot be told from it.")
    return HEALTHY
