"""The gateway's frames: built, read and looked over. Pure.

JSON text frames, one object each: `offer`, `answer`, `ice-candidate`, `error`, `close`. Reading
is tolerant where published clients and servers differ; `lint_frame` names every difference.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from polyai_diag.analysis.sdp import lint_sdp
from polyai_diag.model import Issue, Json, Severity
from polyai_diag.target import LEGACY_MODES, MODES

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FRAME_CHARACTERS = 512 * 1024
FRAME_TYPES = ("offer", "answer", "ice-candidate", "error", "close")


class FrameError(ValueError):
    """A frame that cannot be taken; `path` says where it breaks."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


@dataclass(frozen=True)
class Offer:
    """What opens a session; its repr leaves the token out."""

    sdp: str
    token: Any
    call_sid: str | None
    mode: str | None

    def __repr__(self) -> str:
        return f"Offer(call_sid={self.call_sid!r}, mode={self.mode!r})"


@dataclass(frozen=True)
class Answer:
    """The gateway's answer, with the session that it assigned."""

    session_id: str
    sdp: str


@dataclass(frozen=True)
class IceCandidate:
    """A trickled candidate; `candidate` None is the end of candidates."""

    session_id: str | None
    candidate: str | None
    sdp_mid: str | None
    sdp_mline_index: int | None


@dataclass(frozen=True)
class ErrorFrame:
    """The gateway says no."""

    code: str
    message: str
    session_id: str | None


@dataclass(frozen=True)
class Close:
    """The call is over."""

    session_id: str | None


@dataclass(frozen=True)
class Other:
    """A type that nobody documented (`pong`, say): noted, and passed over."""

    type: str


Frame = Offer | Answer | IceCandidate | ErrorFrame | Close | Other


def offer_frame(sdp: str, *, token: str | None, call_sid: str, mode: str | None = None) -> str:
    """Build the offer that opens a session; `token` None leaves `authToken` out."""
    frame: dict[str, Json] = {
        "type": "offer",
        "sessionId": "",
        "data": {"type": "offer", "sdp": sdp},
        "callSid": call_sid,
    }
    if token is not None:
        frame["authToken"] = token
    if mode is not None:
        frame["mode"] = mode
    return json.dumps(frame)


def answer_frame(session_id: str, sdp: str) -> str:
    """Build the gateway's answer."""
    data = {"type": "answer", "sdp": sdp}
    return json.dumps({"type": "answer", "sessionId": session_id, "data": data})


def candidate_frame(session_id: str, candidate: str, sdp_mid: str = "0") -> str:
    """Build a trickled candidate; an empty one is the end of candidates."""
    data = {"candidate": candidate, "sdpMid": sdp_mid, "sdpMLineIndex": 0}
    return json.dumps({"type": "ice-candidate", "sessionId": session_id, "data": data})


def error_frame(session_id: str | None, code: str, message: str) -> str:
    """Build the gateway's refusal."""
    data = {"code": code, "message": message}
    return json.dumps({"type": "error", "sessionId": session_id, "data": data})


def close_frame(session_id: str | None) -> str:
    """Build the end of a session."""
    return json.dumps({"type": "close", "sessionId": session_id})


def read_frame(text: str | bytes) -> Frame:
    """Read a frame of either side, as tolerantly as a client must. Raises FrameError."""
    body = _load(text)
    if not isinstance(body, dict):
        raise FrameError("$", f"not an object but {_kind(body)}")
    kind = body.get("type")
    if not isinstance(kind, str):
        raise FrameError("$.type", "missing" if kind is None else f"not a string but {_kind(kind)}")
    session_id = body.get("sessionId")
    if session_id is not None and not isinstance(session_id, str):
        raise FrameError("$.sessionId", f"not a string but {_kind(session_id)}")
    match kind:
        case "offer":
            return _read_offer(body)
        case "answer":
            return _read_answer(body)
        case "ice-candidate":
            return _read_candidate(body)
        case "error":
            return _read_error(body)
        case "close":
            return Close(session_id)
        case _:
            return Other(kind)


def lint_frame(frame: str | bytes | Json) -> list[Issue]:
    """List every fault of a frame, ours or one from a customer's log, with its JSON path.

    Critical: it cannot be taken. Warning: a gateway may refuse it. Info: odd, and harmless.
    """
    try:
        body = _load(frame) if isinstance(frame, str | bytes) else frame
    except FrameError as exc:
        return [_critical(exc.path, str(exc).removeprefix(f"{exc.path}: "))]
    if not isinstance(body, dict):
        return [_critical("$", f"a frame is a JSON object, this is {_kind(body)}")]
    return list(_lint(body))


# --- reading ----------------------------------------------------------------------------------


def _load(text: str | bytes) -> Json:
    if len(text) > MAX_FRAME_CHARACTERS:
        raise FrameError("$", f"longer than {MAX_FRAME_CHARACTERS} characters")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise FrameError("$", f"not JSON: {exc}") from None


def _read_offer(body: dict[str, Json]) -> Offer:
    sdp = _sdp(body)
    call_sid, mode = body.get("callSid"), body.get("mode")
    for name, value in (("callSid", call_sid), ("mode", mode)):
        if value is not None and not isinstance(value, str):
            raise FrameError(f"$.{name}", f"not a string but {_kind(value)}")
    return Offer(sdp, body.get("authToken"), call_sid, mode)


def _read_answer(body: dict[str, Json]) -> Answer:
    sdp = _sdp(body)
    session_id = body.get("sessionId")
    if not session_id:
        raise FrameError("$.sessionId", "an answer must carry the session that it assigns")
    return Answer(session_id, sdp)


def _sdp(body: dict[str, Json]) -> str:
    sdp = _data(body).get("sdp")
    if not isinstance(sdp, str) or not sdp:
        raise FrameError("$.data.sdp", "missing" if sdp is None else f"not text but {_kind(sdp)}")
    return sdp


def _read_candidate(body: dict[str, Json]) -> IceCandidate:
    data = _data(body)
    candidate, mid, index = (data.get(k) for k in ("candidate", "sdpMid", "sdpMLineIndex"))
    if candidate is not None and not isinstance(candidate, str):
        raise FrameError("$.data.candidate", f"not a string but {_kind(candidate)}")
    if mid is not None and not isinstance(mid, str):
        raise FrameError("$.data.sdpMid", f"not a string but {_kind(mid)}")
    if index is not None and (not isinstance(index, int) or isinstance(index, bool)):
        raise FrameError("$.data.sdpMLineIndex", f"not a number but {_kind(index)}")
    text = (candidate or "").strip().removeprefix("a=")
    if text and not text.startswith("candidate:"):
        text = f"candidate:{text}"
    return IceCandidate(body.get("sessionId"), text or None, mid, index)


def _read_error(body: dict[str, Json]) -> ErrorFrame:
    data = body.get("data")
    inner = data if isinstance(data, dict) else {}
    code, message = (inner.get(k, body.get(k)) for k in ("code", "message"))
    if not isinstance(code, str):
        raise FrameError(
            "$.data.code", "missing" if code is None else f"not text but {_kind(code)}"
        )
    return ErrorFrame(code, message if isinstance(message, str) else "", body.get("sessionId"))


def _data(body: dict[str, Json]) -> dict[str, Json]:
    data = body.get("data")
    if not isinstance(data, dict):
        raise FrameError(
            "$.data", "missing" if data is None else f"not an object but {_kind(data)}"
        )
    return data


# --- looking over -----------------------------------------------------------------------------


def _lint(body: dict[str, Json]) -> Iterator[Issue]:
    kind = body.get("type")
    if not isinstance(kind, str):
        yield _critical("$.type", "missing" if kind is None else f"not text but {_kind(kind)}")
        return
    if kind not in FRAME_TYPES:
        yield _unknown_type(kind)
        return
    session_id = body.get("sessionId")
    if session_id is not None and not isinstance(session_id, str):
        yield _critical("$.sessionId", f"not a string but {_kind(session_id)}")
    checks = {"offer": _lint_offer, "answer": _lint_answer, "ice-candidate": _lint_candidate}
    if kind in checks:
        yield from checks[kind](body)
    if kind == "error":
        yield from _lint_error(body)


def _unknown_type(kind: str) -> Issue:
    near = difflib.get_close_matches(kind.lower(), FRAME_TYPES, n=1, cutoff=0.8)
    if near:
        return _critical("$.type", f"{kind!r} is not known; {near[0]!r} is meant (lower case)")
    return _info("$.type", f"{kind!r} is not documented; clients pass over it")


def _lint_offer(body: dict[str, Json]) -> Iterator[Issue]:
    token = body.get("authToken")
    if not isinstance(token, str) or not token:
        said = "missing or empty" if token in (None, "") else f"not text but {_kind(token)}"
        yield _critical("$.authToken", f"{said}: the offer must carry the token", "token-missing")
    if isinstance(body.get("data"), dict) and "authToken" in body["data"]:
        message = "stands within data; it belongs at the top of the frame"
        yield _critical("$.data.authToken", message, "token-missing")
    if body.get("sessionId"):
        message = "must be empty in the offer that opens a session; the answer assigns it"
        yield _warning("$.sessionId", message, "request-invalid")
    if "sdp" in body:
        yield _critical("$.sdp", "stands at the top; it belongs in data.sdp", "request-invalid")
    yield from _lint_description(body, "offer")
    yield from _lint_mode(body.get("mode"))
    yield from _lint_override(body.get("agentVersionOverride"))


def _lint_answer(body: dict[str, Json]) -> Iterator[Issue]:
    if not body.get("sessionId"):
        yield _critical("$.sessionId", "missing: the answer assigns the session", _VIOLATION)
    yield from _lint_description(body, "answer")


def _lint_description(body: dict[str, Json], kind: str) -> Iterator[Issue]:
    data = body.get("data")
    if not isinstance(data, dict):
        said = "missing" if data is None else f"not an object but {_kind(data)}"
        yield _critical("$.data", f"{said}: it holds type and sdp", "request-invalid")
        return
    if data.get("type") != kind:
        message = f"is {data.get('type')!r} in a frame of type {kind!r}"
        yield _critical("$.data.type", message, "request-invalid")
    sdp = data.get("sdp")
    if not isinstance(sdp, str) or not sdp:
        yield _critical("$.data.sdp", "missing or not text", "request-invalid")
        return
    for issue in lint_sdp(sdp):
        yield Issue(
            path=f"$.data.sdp{issue.path[1:]}",
            message=issue.message,
            severity=issue.severity,
            cause=issue.cause or "request-invalid",
        )


def _lint_mode(mode: Json) -> Iterator[Issue]:
    if mode is None or mode in MODES:
        return
    if mode in LEGACY_MODES:
        yield _info("$.mode", f"{mode!r} is an old name, still accepted")
    else:
        accepted = ", ".join(MODES)
        yield _critical("$.mode", f"{mode!r} is unknown; accepted: {accepted}", "request-invalid")


def _lint_override(override: Json) -> Iterator[Issue]:
    if override is None:
        return
    if not isinstance(override, dict):
        message = f"not an object but {_kind(override)}"
        yield _critical("$.agentVersionOverride", message, "request-invalid")
        return
    for name in ("artifactVersion", "lambdaDeploymentVersion"):
        if not override.get(name):
            path = f"$.agentVersionOverride.{name}"
            yield _critical(path, "missing: both versions are needed", "request-invalid")


def _lint_candidate(body: dict[str, Json]) -> Iterator[Issue]:
    if not body.get("sessionId"):
        yield _warning("$.sessionId", "not known yet; hold candidates until the answer", _VIOLATION)
    try:
        read = _read_candidate(body)
    except FrameError as exc:
        yield _critical(exc.path, str(exc).removeprefix(f"{exc.path}: "), _VIOLATION)
        return
    if read.candidate is not None and len(read.candidate.split()) < 8:
        message = "not an ICE candidate (RFC 8839 §5.1): 8 fields or more are needed"
        yield _critical("$.data.candidate", message, _VIOLATION)


def _lint_error(body: dict[str, Json]) -> Iterator[Issue]:
    try:
        _read_error(body)
    except FrameError as exc:
        yield _critical(exc.path, str(exc).removeprefix(f"{exc.path}: "), _VIOLATION)
        return
    if "code" in body:
        yield _info("$.code", "stands at the top instead of in data; clients accept both")


_VIOLATION = "signaling-protocol-violation"


def _critical(path: str, message: str, cause: str | None = None) -> Issue:
    return Issue(path=path, message=message, severity=Severity.CRITICAL, cause=cause)


def _warning(path: str, message: str, cause: str | None = None) -> Issue:
    return Issue(path=path, message=message, severity=Severity.WARNING, cause=cause)


def _info(path: str, message: str) -> Issue:
    return Issue(path=path, message=message, severity=Severity.INFO)


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    kinds: dict[type, str] = {
        str: "a string",
        int: "a number",
        float: "a number",
        list: "an array",
        dict: "an object",
    }
    return kinds.get(type(value), type(value).__name__)
