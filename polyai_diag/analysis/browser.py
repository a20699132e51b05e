"""The result of a browser's check, retold as a record so that the same rules judge it. Pure.

It comes from a customer's machine and may hold anything: what is not of the form is left out.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from polyai_diag import __version__
from polyai_diag.analysis.browser_notes import NOTES, Browser
from polyai_diag.analysis.loose import number
from polyai_diag.analysis.observed import observation
from polyai_diag.analysis.pasted_log import region_in
from polyai_diag.analysis.quality import median_interval, rounded
from polyai_diag.analysis.sdp_compare import compare_sdp, judge_issues
from polyai_diag.analysis.sdp_lint import OPUS_CAUSES, lint_sdp
from polyai_diag.analysis.statistics import call_seen
from polyai_diag.failures import Failure
from polyai_diag.model import (
    BROWSER,
    NOT_ASKED,
    STEP_NAMES,
    CallIds,
    Observation,
    Record,
    Status,
    StepResult,
)
from polyai_diag.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from polyai_diag.model import Json

FORMAT = 1
MOST_BYTES = 4 * 1024 * 1024
_MOST = 300  # observations, statistics, samples: far more than a check has
_MARK = "POLYAI BROWSER CHECK"
_BLOCK = re.compile(rf"-{{2,}}BEGIN {_MARK}-{{2,}}(.*?)(?:-{{2,}}END {_MARK}-{{2,}}|\Z)", re.DOTALL)
_QUOTED = re.compile(r"^[>|\s]+", re.MULTILINE)

_BESIDE = ("csp_violation", "turn_relayed_echo", "ice_servers_fetch", "direct_check")
"""What alone fails no step: what a page forbids elsewhere, silence that has no hairpin."""
_UNANSWERED_CHECKS = 5
_STEPS_OF_THE_PAGE = ("browser", "microphone", "webrtc", "servers", "call", "speaker")
_SYSTEMS = {
    "windows": "Windows",
    "macos": "macOS",
    "linux": "Linux",
    "android": "Android",
    "ios": "iOS",
    "chromeos": "ChromeOS",
}

Text = Annotated[str, msgspec.Meta(max_length=400)]
Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=1e8)]


class _Target(msgspec.Struct):
    url: Text = ""
    ice_urls: list[Text] = []
    relay_only: bool = False


class _Call(msgspec.Struct):
    call_sid: Text = ""
    session_id: Text | None = None
    first_audio_ms: Milliseconds | None = None


class _Broken(msgspec.Struct):
    step: Text
    text: Text


class _Descriptions(msgspec.Struct):
    offer: Annotated[str, msgspec.Meta(max_length=20_000)] = ""
    answer: Annotated[str, msgspec.Meta(max_length=20_000)] = ""


class _Seen(msgspec.Struct):
    step: Text
    operation: Text
    endpoint: Text
    started_ms: Milliseconds
    duration_ms: Milliseconds
    failure: Failure | None = None
    notes: msgspec.Raw = msgspec.Raw(b"{}")


class _Sample(msgspec.Struct):
    round_trip_ms: Milliseconds | None = None
    checks_answered: int | None = None


class _Check(msgspec.Struct):
    """The whole: each part is read by itself, so that a bad one spoils no other."""

    browser_check: int
    started: Text = ""
    duration_ms: Milliseconds = 0.0
    ended: Text = "finished"
    running: Text | None = None
    place: Text = "page"
    browser: msgspec.Raw = msgspec.Raw(b"{}")
    target: msgspec.Raw = msgspec.Raw(b"{}")
    call: msgspec.Raw = msgspec.Raw(b"{}")
    errors: list[msgspec.Raw] = []
    observations: list[msgspec.Raw] = []
    statistics: list[msgspec.Raw] = []
    samples: list[msgspec.Raw] = []
    descriptions: msgspec.Raw = msgspec.Raw(b"{}")


def browser_check_in(text: str) -> str | None:
    """Return the JSON of a check's result in a text: itself, or in the block that mail carries.

    None where there is none; a block that is cut off or changed on the way gives what is left.
    """
    block = _BLOCK.search(text)
    if block is None:
        is_one = text.lstrip().startswith("{") and '"browser_check"' in text[:2000]
        return text if is_one else None
    carried = re.sub(r"[^A-Za-z0-9+/]", "", _QUOTED.sub("", block[1]))
    carried = carried[: len(carried) - len(carried) % 4 if len(carried) % 4 == 1 else None]
    try:
        return base64.b64decode(carried + "=" * (-len(carried) % 4)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def browser_record(text: str, now: datetime) -> Record | None:
    """Retell a check's result; None where it is none, or of a newer form.

    `now` stands for its time where it tells none that can be read.
    """
    check = _decoded(text.encode("utf-8", "replace")[:MOST_BYTES], _Check)
    if check is None or not 1 <= check.browser_check <= FORMAT:
        return None
    target, call = _decoded(check.target, _Target), _decoded(check.call, _Call)
    target, call = target or _Target(), call or _Call()
    browser = _decoded(check.browser, Browser) or Browser()
    seen, data = _by_step(check, call)
    record = Record(
        tool=f"polyai-diag {__version__}",
        started=started_at(check.started, now).isoformat(timespec="milliseconds"),
        duration_ms=check.duration_ms,
        steps=_steps(check, seen, data),
        call=CallIds(
            call_sid=call.call_sid, session_id=call.session_id, region=region_in(target.url)
        ),
        target=msgspec.to_builtins(target),
        environment=_environment(check, browser),
    )
    return msgspec.convert(Redactor().data(msgspec.to_builtins(record)), Record)


def started_at(text: str, now: datetime) -> datetime:
    """Return the time that the result tells; `now` where it cannot be read or used."""
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return now
    return told.astimezone(UTC) if told.tzinfo and told.year > 2000 else now


def _environment(check: _Check, browser: Browser) -> dict[str, Json]:
    name = f"{browser.brand or browser.name} {browser.version.split('.')[0]}".strip()
    system = _SYSTEMS.get(browser.system, browser.system)
    return {
        "hostname": f"{name} on {system}" if name != "unknown" else "a browser",
        "addresses": [],
        "browser": msgspec.to_builtins(browser),
        "place": check.place,
        "not_measured": ["what lies outside this browser: DNS, TLS certificates, proxies, NAT"],
    }


# --- observations -----------------------------------------------------------------------------


def _by_step(
    check: _Check, call: _Call
) -> tuple[dict[str, list[Observation]], dict[str, dict[str, Json]]]:
    seen: dict[str, list[Observation]] = {name: [] for name in (*STEP_NAMES, BROWSER)}
    for raw in check.observations[:_MOST]:
        told = _decoded(raw, _Seen)
        made = told and _observation(told)
        if told and made and told.step in seen:
            seen[told.step].append(made)
    data: dict[str, dict[str, Json]] = {}
    connected = any(o.operation == "dtls_handshake" and o.failure is None for o in seen["call"])
    if connected or (check.place == "snippet" and check.statistics):  # of the page's own call
        _add_call(check, call, seen, data)
    for step in ("gateway", "turn"):
        seen[step] += [made for one in seen[step] if (made := _carried_by(one))]
    seen["opus"] += _opus(_decoded(check.descriptions, _Descriptions) or _Descriptions())
    return seen, data


def _observation(told: _Seen) -> Observation | None:
    """Make an observation of one that is known here, with the notes that it may have."""
    notes = _decoded(told.notes, NOTES[told.operation]) if told.operation in NOTES else None
    if notes is None:
        return None
    kept = {k: v for k, v in msgspec.to_builtins(notes).items() if v is not None}
    return Observation(
        operation=told.operation,
        endpoint=told.endpoint,
        started_ms=told.started_ms,
        duration_ms=told.duration_ms,
        failure=told.failure,
        notes=kept,
    )


def _carried_by(seen: Observation) -> Observation | None:
    """Tell what worked beneath what worked: no relay over TLS is granted without TLS."""
    url = seen.endpoint
    if seen.failure is not None or seen.operation not in ("websocket_upgrade", "turn_allocate"):
        return None
    secure = url.startswith(("wss:", "turns:"))
    if not (secure or url.startswith("ws:") or url.endswith("transport=tcp")):
        return None
    operation = "tls_handshake" if secure else "tcp_connect"
    return observation(operation, url, None, {"follows_from": seen.operation, "url": url})


def _add_call(
    check: _Check,
    call: _Call,
    seen: dict[str, list[Observation]],
    data: dict[str, dict[str, Json]],
) -> None:
    """Add what the statistics of a connected call tell.

    That no sound flows is the audio's failure: the call is up, whatever the microphone does.
    """
    stats = [one for raw in check.statistics[:_MOST] if (one := _loose(raw)) is not None]
    shown, packets = call_seen(stats)
    seen["audio"] += [one for observations in shown.values() for one in observations]
    seen["call"] += _direct_checks(seen["call"])
    data["call"] = _round_trips(check.samples)
    data["audio"] = {**packets, **data["call"]}
    if call.first_audio_ms is not None:
        data["audio"]["first_audio_ms"] = call.first_audio_ms


def _direct_checks(seen: Iterable[Observation]) -> list[Observation]:
    """Tell of checks past the relay that stay unanswered, where a relay carries the call."""
    pairs = [p for o in seen if o.operation == "ice_connect" for p in o.notes.get("pairs") or ()]
    relayed = any(p["nominated"] and p["local_type"] == "relay" for p in pairs)
    direct = [p for p in pairs if p["local_type"] != "relay" and p["sent"]]
    asked = sum(p["sent"] for p in direct)
    if not relayed or asked < _UNANSWERED_CHECKS or any(p["answered"] for p in direct):
        return []
    notes = {"asked": sorted({p["remote_address"] for p in direct}), "checks": asked}
    return [observation("direct_check", "gateway", Failure.GENERIC_TIMEOUT, notes)]


def _round_trips(samples: Iterable[msgspec.Raw]) -> dict[str, Json]:
    """Return the median round trip of the path's checks, each check counted once."""
    by_check: dict[Any, float] = {}
    for raw in list(samples)[:_MOST]:
        sample = _decoded(raw, _Sample)
        if sample and sample.round_trip_ms is not None:
            by_check[sample.checks_answered] = sample.round_trip_ms
    values = sorted(by_check.values())
    if not values:
        return {}
    middle = values[len(values) // 2]
    interval = rounded(median_interval(values))
    return {"rtt_ms": middle, "checks": {"rtt_ms": middle, "rtt_interval_ms": interval}}


def _opus(told: _Descriptions) -> list[Observation]:
    """Judge what the two sides say of Opus and of the direction."""
    if not told.offer:
        return []
    issues = compare_sdp(told.offer, told.answer) if told.answer else lint_sdp(told.offer, "offer")
    failure, notes = judge_issues([issue for issue in issues if issue.cause in OPUS_CAUSES])
    operation = "sdp_compare" if told.answer else "sdp_read"
    return [observation(operation, "offer and answer", failure, notes)]


# --- steps ------------------------------------------------------------------------------------


def _steps(
    check: _Check, seen: dict[str, list[Observation]], data: dict[str, dict[str, Json]]
) -> tuple[StepResult, ...]:
    broken = [one for raw in check.errors[:_MOST] if (one := _decoded(raw, _Broken))]
    cancelled = check.ended == "cancelled"
    nine = [_step(name, seen[name], data.get(name, {})) for name in STEP_NAMES]
    own = _step(BROWSER, seen[BROWSER], {})
    if own.status is Status.FAILED:
        return (*nine, own)
    if broken:
        said = "; ".join(f"{one.step}: {one.text}" for one in broken)[:400]
        own = msgspec.structs.replace(own, status=Status.ERROR, reason=said)
    elif cancelled:
        at = f"stopped at: {check.running}" if check.running in _STEPS_OF_THE_PAGE else "stopped"
        own = msgspec.structs.replace(own, status=Status.CANCELLED, reason=at)
    return (*nine, own)


def _step(name: str, seen: list[Observation], data: dict[str, Json]) -> StepResult:
    if not seen:
        return StepResult(name=name, status=Status.SKIPPED, reason=NOT_ASKED)
    failed = [o for o in seen if o.failure not in (None, Failure.INTERRUPTED)]
    deciding = [o for o in failed if o.operation not in _BESIDE]
    started_ms = min(o.started_ms for o in seen)
    return StepResult(
        name=name,
        status=Status.FAILED if deciding else Status.PASSED,
        reason=str(deciding[-1].notes.get("detail") or deciding[-1].failure) if deciding else "",
        started_ms=started_ms,
        duration_ms=max(o.started_ms + o.duration_ms for o in seen) - started_ms,
        data=data,
        observations=tuple(seen),
    )


# --- reading ----------------------------------------------------------------------------------


def _decoded(raw: msgspec.Raw | bytes, kind: Any) -> Any:
    """Read one part; None where it is not of the form."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
        return None


def _loose(raw: msgspec.Raw) -> dict[str, Json] | None:
    """Read statistics of whatever kind: numbers, words and truths, nothing nested."""
    found = _decoded(raw, dict[str, Any])
    if found is None:
        return None
    return {
        key[:60]: value
        for key, value in list(found.items())[:60]
        if isinstance(value, bool | str) or number(value) is not None
    }
