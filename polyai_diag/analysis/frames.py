"""The gateway's frames looked over: every fault of one, with its JSON path. Pure.

Critical: it cannot be taken. Warning: a gateway may refuse it. Info: odd, and harmless; what a
client must tolerate is never more than that.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from polyai_diag.analysis.candidates import candidate_faults
from polyai_diag.analysis.issues import bare, critical, info, named, near, shown, warning
from polyai_diag.analysis.messages import CAUSE_OF_CODE, TOKEN_REQUIRED, known_message
from polyai_diag.analysis.sdp_lint import lint_sdp
from polyai_diag.analysis.token import read_token
from polyai_diag.analysis.token_form import is_masked, read_form
from polyai_diag.failures import Failure
from polyai_diag.model import Issue, Json
from polyai_diag.protocol import FRAME_TYPES, FrameError, kind_of, load_json
from polyai_diag.redact import Redactor
from polyai_diag.secret import Secret
from polyai_diag.target import LEGACY_MODES, MODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Body = dict[str, Json]

_FIELDS = (
    "type", "sessionId", "data", "authToken", "callSid", "caller", "callee", "mode", "accountId",
    "projectId", "variantId", "agentVersionOverride",
)  # fmt: skip
_DATA_FIELDS = {
    "offer": ("type", "sdp"),
    "answer": ("type", "sdp"),
    "ice-candidate": ("candidate", "sdpMid", "sdpMLineIndex"),
    "error": ("code", "message"),
}
_TEXTS = ("callSid", "caller", "callee", "accountId", "projectId", "variantId")
_TOKEN_NAMES = {"authtoken", "token", "authorization", "accesstoken"}
_SHORTEST_SECRET = 8  # a shorter "token" would blank out our own words
_MOST_LAYERS = 3
_MOST_ISSUES = 100
_MOST_KEYS = 50  # of a frame: what is like a known name is sought among these
_INVALID, _VIOLATION = "request-invalid", "signaling-protocol-violation"
_TOKEN_CAUSES = {
    Failure.TOKEN_MISSING: "token-missing",
    Failure.TOKEN_MALFORMED: "token-malformed",
    Failure.TOKEN_EXPIRED: "token-expired",
    Failure.TOKEN_NOT_YET_VALID: "token-not-yet-valid",
}
_DATES = (Failure.TOKEN_EXPIRED, Failure.TOKEN_NOT_YET_VALID)


class _Object(dict[str, Json]):
    """A JSON object that remembers which keys were given more than once (RFC 8259 §4)."""

    def __init__(self, pairs: list[tuple[str, Json]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs) if len(pairs) > len(self) else {}
        self.twice = [key for key, count in counts.items() if count > 1]


def lint_frame(frame: str | bytes | Json, now: datetime | None = None) -> list[Issue]:
    """List every fault of a frame, ours or one from a customer's log, with its JSON path.

    A token's dates are judged against `now`; without it, its form alone. In the order of the
    frame's fields as documented.
    """
    body, issues = unwrap_frame(frame)
    if body is None:
        return issues
    issues += _lint(body, now)
    return sorted(_without(token_in(body)[1], issues[:_MOST_ISSUES]), key=_position)


def unwrap_frame(frame: str | bytes | Json) -> tuple[Body | None, list[Issue]]:
    """Take a frame out of its text, and out of what wraps it; None where no frame is in it."""
    issues: list[Issue] = []
    body: Json = frame
    for layer in range(_MOST_LAYERS):
        if not isinstance(body, str | bytes):
            break
        try:
            body = load_json(body, object_pairs_hook=_Object)
        except FrameError as exc:
            return None, [*issues, critical(exc.path, _reason(exc))]
        if layer == 1:
            message = "encoded twice: a JSON string that holds JSON (one json.dumps too many)"
            issues.append(critical("$", message, _INVALID))
    if not isinstance(body, dict):
        return None, [*issues, critical("$", f"a frame is a JSON object, this is {kind_of(body)}")]
    return _with_data(body, issues), issues


def token_in(body: Body) -> tuple[str, Json]:
    """Return an offer's token and its path, wherever it was put; `$.authToken` where nowhere."""
    if body.get("authToken") not in (None, ""):
        return "$.authToken", body["authToken"]
    data = body.get("data")
    for path, held in (("$", body), ("$.data", data if isinstance(data, dict) else {})):
        for key, value in held.items():
            if bare(key) in _TOKEN_NAMES and isinstance(value, str) and value:
                return f"{path}.{key}", value
    return "$.authToken", body.get("authToken")


def _with_data(body: Body, issues: list[Issue]) -> Body:
    """Read `data` that was given as text; the fault is kept."""
    data = body.get("data")
    if not isinstance(data, str):
        return body
    try:
        inner = load_json(data, object_pairs_hook=_Object)
    except FrameError:
        return body
    if not isinstance(inner, dict):
        return body
    issues.append(critical("$.data", "an object written as text (encoded twice)", _INVALID))
    held = _Object(list(body.items()))
    held.twice = getattr(body, "twice", [])
    held["data"] = inner
    return held


def _lint(body: Body, now: datetime | None) -> Iterator[Issue]:
    yield from _twice(body)
    kind = body.get("type")
    session_id = body.get("sessionId")
    if session_id is not None and not isinstance(session_id, str):
        yield critical("$.sessionId", f"not a string but {kind_of(session_id)}", _INVALID)
    if not isinstance(kind, str):
        yield critical("$.type", "missing" if kind is None else f"not text but {kind_of(kind)}")
        return
    if kind not in FRAME_TYPES:
        yield _unknown_type(kind)
        return
    yield from _misspelt(body, _FIELDS, "$")
    if isinstance(body.get("data"), dict):
        yield from _misspelt(body["data"], _DATA_FIELDS.get(kind, ()), "$.data")
    match kind:
        case "offer":
            yield from _lint_offer(body, now)
        case "answer":
            yield from _lint_answer(body)
        case "ice-candidate":
            yield from _lint_candidate(body)
        case "error":
            yield from _lint_error(body)


def _unknown_type(kind: str) -> Issue:
    meant = near(kind, FRAME_TYPES)
    if meant:
        return critical("$.type", f"{shown(kind)} is not known; {meant!r} is meant")
    return info("$.type", f"{shown(kind)} is not documented; clients pass over it")


# --- offers and answers -----------------------------------------------------------------------


def _lint_offer(body: Body, now: datetime | None) -> Iterator[Issue]:
    yield from _lint_token(body, now)
    if body.get("sessionId"):
        message = "must be empty in the offer that opens a session; the answer assigns it"
        yield warning("$.sessionId", message, _INVALID)
    elif "sessionId" not in body:
        yield info("$.sessionId", 'missing; documented is ""')
    if "sdp" in body:
        yield critical("$.sdp", "stands at the top; it belongs in data.sdp", _INVALID)
    yield from _lint_description(body, "offer")
    yield from _lint_texts(body)
    yield from _lint_mode(body.get("mode"))
    yield from _lint_override(body.get("agentVersionOverride"))


def _lint_token(body: Body, now: datetime | None) -> Iterator[Issue]:
    top = body.get("authToken")
    if top in (None, ""):
        message = "missing or empty: the offer must carry the token"
        yield critical("$.authToken", message, "token-missing")
    elif not isinstance(top, str):
        yield critical("$.authToken", f"not text but {kind_of(top)}", "token-malformed")
    yield from _misplaced_tokens(body, given=bool(top))
    path, token = token_in(body)
    if not isinstance(token, str) or not token:
        return
    if is_masked(token):
        yield info(path, "somebody has hidden the token: its form and dates cannot be judged")
        return
    facts = read_token(token, now or datetime.fromtimestamp(0, UTC))
    if facts.failure is not None and not (now is None and facts.failure in _DATES):
        yield critical(path, f"the token: {facts.detail}", _TOKEN_CAUSES[facts.failure])


def _misplaced_tokens(body: Body, *, given: bool) -> Iterator[Issue]:
    data = body.get("data")
    for path, held in (("$", body), ("$.data", data if isinstance(data, dict) else {})):
        for key in held:
            if bare(key) not in _TOKEN_NAMES or (path, key) == ("$", "authToken"):
                continue
            message = "the token belongs in authToken, at the top of the frame"
            if given:
                yield warning(f"{path}.{key}", f"a second one: {message}")
            else:
                yield critical(f"{path}.{key}", message, "token-missing")


def _lint_answer(body: Body) -> Iterator[Issue]:
    if not body.get("sessionId"):
        yield critical("$.sessionId", "missing: the answer assigns the session", _VIOLATION)
    yield from _lint_description(body, "answer")


def _lint_description(body: Body, kind: str) -> Iterator[Issue]:
    cause = _INVALID if kind == "offer" else _VIOLATION
    data = body.get("data")
    if not isinstance(data, dict):
        said = "missing" if data is None else f"not an object but {kind_of(data)}"
        yield critical("$.data", f"{said}: it holds type and sdp", cause)
        return
    if data.get("type") != kind:
        message = f"is {shown(data.get('type'))} in a frame of type {kind!r}"
        yield critical("$.data.type", message, cause)
    sdp = data.get("sdp")
    if isinstance(sdp, dict) and isinstance(sdp.get("sdp"), str):
        message = "a whole description where its text belongs (data.sdp.sdp)"
        yield critical("$.data.sdp", message, cause)
        sdp = sdp["sdp"]
    if not isinstance(sdp, str) or not sdp:
        said = "missing" if sdp in (None, "") else f"not text but {kind_of(sdp)}"
        yield critical("$.data.sdp", said, cause)
        return
    yield from _lint_sdp(sdp, kind, cause)


def _lint_sdp(sdp: str, kind: str, cause: str) -> Iterator[Issue]:
    if "\n" in sdp and "\r" not in sdp:
        message = "its lines end with LF alone; SDP's end with CRLF (RFC 8866 §5)"
        yield warning("$.data.sdp", message, cause)
    elif "\n" in sdp and not sdp.endswith("\n"):
        yield info("$.data.sdp", "its last line has no line end (RFC 8866 §5)")
    for issue in lint_sdp(sdp, kind):
        path = f"$.data.sdp{issue.path[1:]}"
        yield msgspec.structs.replace(issue, path=path, cause=issue.cause or cause)


def _lint_texts(body: Body) -> Iterator[Issue]:
    for name in _TEXTS:
        value = body.get(name)
        if value is not None and not isinstance(value, str):
            # A gateway that reads into fixed types refuses the whole frame.
            yield critical(f"$.{name}", f"not a string but {kind_of(value)}", _INVALID)
    if body.get("callSid") in (None, ""):
        yield info("$.callSid", "missing: it is what support finds a call by")


def _lint_mode(mode: Json) -> Iterator[Issue]:
    if mode is None or mode in MODES:
        return
    if mode in LEGACY_MODES:
        yield info("$.mode", f"{mode!r} is an old name, still accepted")
        return
    meant = near(mode, (*MODES, *LEGACY_MODES)) if isinstance(mode, str) else ""
    hint = f"; {meant!r} is meant" if meant else ""
    message = f"{shown(mode)} is unknown{hint}; accepted: {', '.join(MODES)}"
    yield critical("$.mode", message, _INVALID)


def _lint_override(override: Json) -> Iterator[Issue]:
    if override is None:
        return
    if not isinstance(override, dict):
        message = f"not an object but {kind_of(override)}"
        yield critical("$.agentVersionOverride", message, _INVALID)
        return
    for name in ("artifactVersion", "lambdaDeploymentVersion"):
        if not override.get(name):
            path = f"$.agentVersionOverride.{name}"
            yield critical(path, "missing: both versions are needed", _INVALID)


# --- candidates and errors --------------------------------------------------------------------


def _lint_candidate(body: Body) -> Iterator[Issue]:
    if not body.get("sessionId"):
        yield warning("$.sessionId", "not known yet; hold candidates until the answer", _VIOLATION)
    data = body.get("data")
    if not isinstance(data, dict):
        said = "missing" if data is None else f"not an object but {kind_of(data)}"
        yield critical("$.data", f"{said}: it holds candidate, sdpMid, sdpMLineIndex", _VIOLATION)
        return
    candidate = data.get("candidate")
    if isinstance(candidate, dict):
        message = "an object where the candidate's text belongs (data.candidate.candidate)"
        yield critical("$.data.candidate", message, _VIOLATION)
    elif candidate is not None and not isinstance(candidate, str):
        message = f"not a string but {kind_of(candidate)}"
        yield critical("$.data.candidate", message, _VIOLATION)
    elif candidate and candidate.strip():
        yield from _lint_candidate_text(candidate)
        if data.get("sdpMid") is None and data.get("sdpMLineIndex") is None:
            yield info("$.data.sdpMid", "neither this nor sdpMLineIndex: the first section counts")
    elif "candidate" not in data:
        yield info("$.data.candidate", "missing: taken as the end of candidates")
    yield from _lint_place(data)


def _lint_candidate_text(candidate: str) -> Iterator[Issue]:
    if not candidate.strip().removeprefix("a=").startswith("candidate:"):
        yield info("$.data.candidate", "without its prefix 'candidate:'; clients accept both")
    for fault in candidate_faults(candidate):
        yield critical("$.data.candidate", fault, _VIOLATION)


def _lint_place(data: Body) -> Iterator[Issue]:
    mid, index = data.get("sdpMid"), data.get("sdpMLineIndex")
    if mid is not None and not isinstance(mid, str):
        yield critical("$.data.sdpMid", f"not a string but {kind_of(mid)}", _VIOLATION)
    if index is not None and (not isinstance(index, int) or isinstance(index, bool)):
        message = f"not a whole number but {kind_of(index)}"
        yield critical("$.data.sdpMLineIndex", message, _VIOLATION)
    elif isinstance(index, int) and not 0 <= index < 2**16:
        yield critical("$.data.sdpMLineIndex", "not between 0 and 65535", _VIOLATION)


def _lint_error(body: Body) -> Iterator[Issue]:
    data = body.get("data")
    at, held = ("$.data", data) if isinstance(data, dict) else ("$", body)
    if "code" not in held and "code" in body:
        at, held = "$", body
        yield info("$.code", "stands at the top instead of in data; clients accept both")
    code, message = held.get("code"), held.get("message", body.get("message"))
    told = message if isinstance(message, str) else ""
    if isinstance(code, str):
        yield info(f"{at}.code", f"the gateway says {shown(code)}", refusal_cause(code, told))
        return
    known = known_message(told)
    meant = f"; by its message it is {known[0]}" if known else ""
    said = "missing" if code is None else f"not text but {kind_of(code)}"
    yield critical("$.data.code", f"{said}{meant}", _VIOLATION)


def refusal_cause(code: str, message: str) -> str:
    """Return the cause that an error of the gateway's points to, by itself."""
    if code == "UNAUTHORIZED" and TOKEN_REQUIRED.search(message):
        return "token-missing"
    return CAUSE_OF_CODE.get(code, "gateway-error")


# --- keys -------------------------------------------------------------------------------------


def _twice(body: Body) -> Iterator[Issue]:
    for path, held in (("$", body), ("$.data", body.get("data"))):
        for key in getattr(held, "twice", ()):
            message = "given more than once; which one counts is the reader's choice"
            yield warning(f"{path}.{named(key)}", message, _INVALID)


def _misspelt(held: Body, known: Iterable[str], path: str) -> Iterator[Issue]:
    missing = [name for name in known if name not in held]
    for key in islice(held, _MOST_KEYS):
        if key in _FIELDS or key in known or bare(key) in _TOKEN_NAMES:
            continue
        meant = near(key, missing)
        if meant:
            yield warning(f"{path}.{named(key)}", f"is not known; {meant!r} is meant", _INVALID)


# --- issues -----------------------------------------------------------------------------------


def _without(token: Json, issues: Iterable[Issue]) -> Iterator[Issue]:
    """Take the token out, should the frame say it again elsewhere."""
    forms = {token, read_form(token).core} if isinstance(token, str) else set()
    redactor = Redactor(Secret(f) for f in forms if len(f.strip()) >= _SHORTEST_SECRET)
    for issue in issues:
        path, message = redactor.text(issue.path), redactor.text(issue.message)
        yield msgspec.structs.replace(issue, path=path, message=message)


def _position(issue: Issue) -> int:
    field = issue.path.removeprefix("$").removeprefix(".").partition(".")[0]
    if not field:
        return -1
    return _FIELDS.index(field) if field in _FIELDS else len(_FIELDS)


def _reason(exc: FrameError) -> str:
    return str(exc).removeprefix(f"{exc.path}: ")
