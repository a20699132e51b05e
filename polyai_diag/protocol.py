"""The gateway's frames: built and read. Pure.

JSON text frames, one object each: `offer`, `answer`, `ice-candidate`, `error`, `close`. Reading
is tolerant where published clients and servers differ; `lint_frame` in analysis/frames.py names
every difference.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polyai_diag.model import Json

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


def load_json(text: str | bytes, **hooks: Any) -> Json:
    """Read JSON of bounded length; `hooks` as `json.loads` takes them. Raises FrameError."""
    if len(text) > MAX_FRAME_CHARACTERS:
        raise FrameError("$", f"longer than {MAX_FRAME_CHARACTERS} characters")
    try:
        return json.loads(text, **hooks)
    except (ValueError, RecursionError) as exc:
        raise FrameError("$", f"not JSON: {exc}") from None


def read_frame(text: str | bytes) -> Frame:
    """Read a frame of either side, as tolerantly as a client must. Raises FrameError."""
    body = load_json(text)
    if not isinstance(body, dict):
        raise FrameError("$", f"not an object but {kind_of(body)}")
    kind = body.get("type")
    if not isinstance(kind, str):
        raise FrameError(
            "$.type", "missing" if kind is None else f"not a string but {kind_of(kind)}"
        )
    session_id = body.get("sessionId")
    if session_id is not None and not isinstance(session_id, str):
        raise FrameError("$.sessionId", f"not a string but {kind_of(session_id)}")
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


# --- reading ----------------------------------------------------------------------------------


def _read_offer(body: dict[str, Json]) -> Offer:
    sdp = _sdp(body)
    call_sid, mode = body.get("callSid"), body.get("mode")
    for name, value in (("callSid", call_sid), ("mode", mode)):
        if value is not None and not isinstance(value, str):
            raise FrameError(f"$.{name}", f"not a string but {kind_of(value)}")
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
        raise FrameError("$.data.sdp", "missing" if sdp is None else f"not text but {kind_of(sdp)}")
    return sdp


def _read_candidate(body: dict[str, Json]) -> IceCandidate:
    data = _data(body)
    candidate, mid, index = (data.get(k) for k in ("candidate", "sdpMid", "sdpMLineIndex"))
    if candidate is not None and not isinstance(candidate, str):
        raise FrameError("$.data.candidate", f"not a string but {kind_of(candidate)}")
    if mid is not None and not isinstance(mid, str):
        raise FrameError("$.data.sdpMid", f"not a string but {kind_of(mid)}")
    if index is not None and (not isinstance(index, int) or isinstance(index, bool)):
        raise FrameError("$.data.sdpMLineIndex", f"not a number but {kind_of(index)}")
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
            "$.data.code", "missing" if code is None else f"not text but {kind_of(code)}"
        )
    return ErrorFrame(code, message if isinstance(message, str) else "", body.get("sessionId"))


def _data(body: dict[str, Json]) -> dict[str, Json]:
    data = body.get("data")
    if not isinstance(data, dict):
        raise FrameError(
            "$.data", "missing" if data is None else f"not an object but {kind_of(data)}"
        )
    return data


def kind_of(value: Json) -> str:
    """Name the kind of a JSON value in words."""
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
