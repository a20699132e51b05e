"""A pasted log retold as the record of a run, so that the same rules judge it. Pure.

What the paste does not show is not in the record: its step counts as not asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyai_diag.analysis.error_words import Said, may_say_something, read_words
from polyai_diag.analysis.frames import token_in, unwrap_frame
from polyai_diag.analysis.issues import near, shown
from polyai_diag.analysis.messages import TOKEN_REQUIRED, code_in, known_message
from polyai_diag.analysis.observed import observation, retold_record
from polyai_diag.analysis.pasted_log import find_url, region_in
from polyai_diag.analysis.sdp import parse_sdp
from polyai_diag.analysis.sdp_compare import compare_sdp, judge_issues
from polyai_diag.analysis.sdp_lint import OPUS_CAUSES, lint_sdp
from polyai_diag.analysis.token import read_token
from polyai_diag.analysis.token_form import is_masked, placeholder_in, read_form
from polyai_diag.failures import Failure
from polyai_diag.model import STEP_NAMES, CallIds, Json, Observation, Record
from polyai_diag.protocol import FRAME_TYPES, Answer, FrameError, kind_of, read_frame
from polyai_diag.redact import Redactor
from polyai_diag.secret import Secret

if TYPE_CHECKING:
    from datetime import datetime

    from polyai_diag.analysis.moments import Moment
from polyai_diag.analysis.pasted_log import Entry

WAITED_S = 8.0  # as long as a run of ours waits for the answer

_MOST_SHOWN = 200
_MOST_WORDS = 20_000  # lines that are searched for words
_ENDED_WELL = (None, 1000, 1001, 1005)
_HTTP_STATUS = re.compile(r"\b[45]\d\d\b")
_BY_MESSAGE = "the code is told by its message"


@dataclass
class _Offer:
    """An offer that nothing has answered yet."""

    line: int
    moment: Moment | None
    mode: str
    sdp: str = ""


class Retelling:
    """Takes entries in order; `record()` is what a run of ours would have kept of it."""

    def __init__(self, text: str, judged_at: datetime) -> None:
        self.endpoint = find_url(text) or "the gateway"
        self.redactor = Redactor()
        self.frames = 0
        self.answered = self._in_call = False
        self._judged_at = judged_at
        self._seen: dict[str, list[Observation]] = {name: [] for name in STEP_NAMES}
        self._pending: _Offer | None = None
        self._refused = False
        self._answered_at: Moment | None = None
        self._last: Moment | None = None
        self._tokens: set[str] = set()
        self._vague: tuple[Said, int] | None = None
        self._words_left = _MOST_WORDS
        self._call_sid, self._session_id = "", ""

    @property
    def says_something(self) -> bool:
        """Whether a frame was met, or anything that a rule looks at."""
        return bool(self.frames or any(self._seen.values()) or self._vague)

    def take(self, entry: Entry) -> None:
        """Take the next frame or line."""
        if entry.frame:
            body, _ = unwrap_frame(entry.frame)
            if body is not None:
                self._keep_time(entry.moment)
                self._take_frame(body, entry)
        elif entry.cut:
            self._keep_time(entry.moment)
            self._take_cut(entry)
        else:
            self._take_line(entry)

    def take_description(self, sdp: str, kind: str, entry: Entry) -> None:
        """Keep what one description alone says of Opus; `kind` as in `lint_sdp`."""
        issues = [issue for issue in lint_sdp(sdp, kind) if issue.cause in OPUS_CAUSES]
        if issues:
            failure, notes = judge_issues(issues)
            self._saw("opus", "sdp_read", entry, failure, notes)

    def record(self, last: Moment | None) -> Record:
        """Return the record; `last` is the last time that the log tells."""
        if self._pending is not None:
            self._give_up(self._pending, last or self._last)
        if self._vague and not (self._seen["gateway"] or self._seen["signaling"]):
            self._say(*self._vague)
        self._forgive_echo()
        call = CallIds(
            call_sid=self._call_sid,
            session_id=self._session_id or None,
            region=region_in(self.endpoint),
        )
        return retold_record(self._seen, self._judged_at, call=call, target={"url": self.endpoint})

    # --- frames -------------------------------------------------------------------------------

    def _take_frame(self, body: dict[str, Json], entry: Entry) -> None:
        self.frames += 1
        match near(str(body.get("type")), FRAME_TYPES):
            case "offer":
                self._take_offer(body, entry)
            case "answer":
                self._take_answer(body, entry)
            case "error":
                data = body.get("data")
                told = data if isinstance(data, dict) else body
                code, message = (told.get(key, body.get(key)) for key in ("code", "message"))
                self._take_error(code, message, entry)
            case "close":
                self._take_close_frame(entry)

    def _take_offer(self, body: dict[str, Json], entry: Entry) -> None:
        if self._pending is not None:
            self._give_up(self._pending, entry.moment)
        mode, call_sid = body.get("mode"), body.get("callSid")
        self._pending = _Offer(
            entry.line,
            entry.moment,
            mode[:_MOST_SHOWN] if isinstance(mode, str) else "default",
            _sdp_in(body),
        )
        self.take_description(self._pending.sdp, "offer", entry)
        self._refused = False
        if isinstance(call_sid, str):
            self._call_sid = call_sid[:_MOST_SHOWN]
        self._read_token(body, entry)

    def _read_token(self, body: dict[str, Json], entry: Entry) -> None:
        path, token = token_in(body)
        if isinstance(token, str):
            for form in (token, read_form(token).core):
                self.redactor.learn(Secret(form))
            if is_masked(token) or token in self._tokens:
                return
            self._tokens.add(token)
        if path != "$.authToken" or token in (None, ""):
            elsewhere = f"; one stands at {path}" if path != "$.authToken" else ""
            detail = f"the offer holds none at $.authToken{elsewhere}"
            self._saw("token", "token_read", entry, Failure.TOKEN_MISSING, {"detail": detail})
        elif not isinstance(token, str):
            detail = f"not text but {kind_of(token)}"
            self._saw("token", "token_read", entry, Failure.TOKEN_MALFORMED, {"detail": detail})
        else:
            facts = read_token(token, self._judged_at)
            notes = {**facts.notes, "detail": facts.detail}
            self._saw("token", "token_read", entry, facts.failure, notes)

    def _take_answer(self, body: dict[str, Json], entry: Entry) -> None:
        self._connected()
        self._compare(self._pending.sdp if self._pending else "", _sdp_in(body), entry)
        try:
            frame = read_frame(entry.frame)
            if isinstance(frame, Answer):
                self._session_id = frame.session_id[:_MOST_SHOWN]
                if not (is_masked(frame.sdp) or placeholder_in(frame.sdp)):
                    parse_sdp(frame.sdp)
        except FrameError as exc:
            broken: dict[str, Json] = {"path": exc.path, "detail": str(exc)}
            self._offer_ends(entry, Failure.FRAME_INVALID, broken)
        except ValueError as exc:
            notes: dict[str, Json] = {"path": "$.data.sdp", "detail": f"$.data.sdp: {exc}"}
            self._offer_ends(entry, Failure.FRAME_INVALID, notes)
        else:
            self._answer_came(entry)

    def _compare(self, offer: str, answer: str, entry: Entry) -> None:
        """Judge the two as the step `opus` does; what the offer alone told is told again then."""
        if not offer or not answer:
            self.take_description(answer, "answer", entry)
            return
        seen = self._seen["opus"]
        if seen and seen[-1].operation == "sdp_read":
            seen.pop()
        failure, notes = judge_issues(compare_sdp(offer, answer))
        self._saw("opus", "sdp_compare", entry, failure, notes)

    def _take_error(self, code: Json, message: Json, entry: Entry, told: str = "") -> None:
        """Keep a refusal; a message without its code is known by the table of messages."""
        self._connected()
        words = message[:_MOST_SHOWN] if isinstance(message, str) else ""
        if not isinstance(code, str) and (known := known_message(words)):
            code, told = known[0], _BY_MESSAGE
        if not isinstance(code, str):
            detail = f"an error without a code: {shown(words)}"
            broken: dict[str, Json] = {"path": "$.data.code", "detail": detail}
            self._offer_ends(entry, Failure.FRAME_INVALID, broken)
            return
        if code == "UNAUTHORIZED" and TOKEN_REQUIRED.search(words) and not self._seen["token"]:
            detail = "the gateway says that none was sent"
            self._saw("token", "token_read", entry, Failure.TOKEN_MISSING, {"detail": detail})
        said: dict[str, Json] = {"code": code[:_MOST_SHOWN], "message": words}
        self._offer_ends(entry, Failure.GATEWAY_ERROR, said, told)
        self._refused = True

    def _take_close_frame(self, entry: Entry) -> None:
        if self._pending is None:
            return  # how a call ends
        if entry.sent:
            self._give_up(self._pending, entry.moment)
            self._pending = None
        else:
            reason: dict[str, Json] = {"close_reason": "the gateway sent 'close'"}
            self._offer_ends(entry, Failure.WEBSOCKET_CLOSED, reason)

    def _take_cut(self, entry: Entry) -> None:
        """Take a frame whose end is missing: its type, and what can still be read of an error."""
        self.frames += 1
        match entry.cut:
            case "offer":
                self._pending = _Offer(entry.line, entry.moment, "default")
                self._refused = False
            case "answer":
                self._connected()
                self._answer_came(entry)
            case "error":
                if code := code_in(entry.text):
                    self._take_error(code, "cut off in the paste", entry)
                self._pending = None
            case "close":
                self._take_close_frame(entry)

    # --- words --------------------------------------------------------------------------------

    def _take_line(self, entry: Entry) -> None:
        if self._words_left <= 0 or not may_say_something(entry.text):
            return
        self._words_left -= 1
        said = read_words(entry.text)
        if said is None:
            self._take_message(entry)
            return
        self._keep_time(entry.moment)
        match said.operation:
            case "websocket_closed":
                self._take_close(said, entry)
            case "no_answer":
                self._take_timeout(said, entry)
            case _ if said.vague:
                self._vague = self._vague or (said, entry.line)
            case "tcp_connect" if self._pending is not None:
                reset: dict[str, Json] = {"close_reason": said.failure.replace("_", " ")}
                self._offer_ends(entry, Failure.WEBSOCKET_CLOSED, reset)
            case _:
                self._say(said, entry.line)

    def _take_message(self, entry: Entry) -> None:
        """Take a refusal that stands alone: where an offer waits for it, or no frame is shown."""
        if self._refused or not (self._pending or not self.frames):
            return
        code, known = code_in(entry.text), known_message(entry.text)
        if code is None and (known is None or _HTTP_STATUS.search(entry.text)):
            return
        self._keep_time(entry.moment)
        words = known[1] if known else "no message is shown"
        told = "" if code or known is None else _BY_MESSAGE
        self._take_error(code or (known and known[0]), words, entry, told)

    def _take_close(self, said: Said, entry: Entry) -> None:
        code = said.notes.get("close_code")
        if self._pending is not None:
            self._offer_ends(entry, Failure.WEBSOCKET_CLOSED, said.notes)
        elif self._refused or code in _ENDED_WELL or self._gateway_failed:
            return
        elif self._in_call:
            self._lost(said, entry)
        elif not self._seen["signaling"]:
            told = "the paste does not show what went before"
            self._offer_ends(entry, said.failure, said.notes, told)

    def _lost(self, said: Said, entry: Entry) -> None:
        """Keep the end of signaling in mid-call; whether the media lived on no paste tells."""
        self._in_call = False
        began, ended = self._answered_at, entry.moment
        span = began.until(ended) if began and ended else None
        code, reason = said.notes.get("close_code"), said.notes.get("close_reason")
        notes = {
            **said.notes,
            "detail": f"closed with code {code}{f' ({reason})' if reason else ''}",
        }
        if span is not None:
            notes["after_answer_s"] = round(span)
        told = "" if span else "the paste does not tell how long"
        self._saw("audio", "call_hold", entry, said.failure, notes, span or 0, told)

    def _take_timeout(self, said: Said, entry: Entry) -> None:
        if self._pending is None:
            return
        waited_ms = said.notes.get("waited_ms")
        span = float(waited_ms) / 1000 if isinstance(waited_ms, float) else None
        if self._pending.moment and entry.moment:
            span = self._pending.moment.until(entry.moment) or span
        told = "" if span else "the paste does not tell how long it waited"
        self._offer_ends(entry, Failure.GENERIC_TIMEOUT, {}, told, span)

    def _say(self, said: Said, line: int) -> None:
        notes = {**said.notes, "line": line}
        endpoint = said.endpoint or self.endpoint
        known = [(o.operation, o.failure, o.notes.get("status")) for o in self._seen["gateway"]]
        if (said.operation, said.failure, said.notes.get("status")) not in known:
            self._seen["gateway"].append(observation(said.operation, endpoint, said.failure, notes))

    # --- what follows from it -----------------------------------------------------------------

    @property
    def _gateway_failed(self) -> bool:
        return any(o.operation != "ice_servers_fetch" for o in self._seen["gateway"])

    def _connected(self) -> None:
        """Let go of failures to connect: the gateway speaks, so they were overcome."""
        fetches = [o for o in self._seen["gateway"] if o.operation == "ice_servers_fetch"]
        self._seen["gateway"] = fetches

    def _answer_came(self, entry: Entry) -> None:
        self._offer_ends(entry, None, {})
        self.answered = self._in_call = True
        self._answered_at = entry.moment

    def _give_up(self, offer: _Offer, until: Moment | None) -> None:
        """Call it a timeout only where the times show that somebody waited."""
        waited_s = offer.moment.until(until) if offer.moment and until else None
        if waited_s is not None and waited_s >= WAITED_S:
            notes: dict[str, Json] = {"mode": offer.mode, "line": offer.line}
            self._seen["signaling"].append(
                observation("offer_answer", self.endpoint, Failure.GENERIC_TIMEOUT, notes, waited_s)
            )

    def _offer_ends(
        self,
        entry: Entry,
        failure: Failure | None,
        notes: dict[str, Json],
        told: str = "",
        span_s: float | None = None,
    ) -> None:
        offer, self._pending = self._pending, None
        if span_s is None and offer and offer.moment and entry.moment:
            span_s = offer.moment.until(entry.moment)
        unseen = "echo" if "echo" in str(notes.get("message")).lower() else "not shown"
        noted = {**notes, "mode": offer.mode if offer else unseen}
        self._saw("signaling", "offer_answer", entry, failure, noted, span_s or 0, told)

    def _saw(
        self,
        step: str,
        operation: str,
        entry: Entry,
        failure: Failure | None,
        notes: dict[str, Json],
        span_s: float = 0,
        told: str = "",
    ) -> None:
        endpoint = "token" if step == "token" else self.endpoint
        noted = {**notes, "line": entry.line, **({"told": told} if told else {})}
        self._seen[step].append(observation(operation, endpoint, failure, noted, span_s))

    def _forgive_echo(self) -> None:
        """Pass over an echo that is refused and then left out, as in a run of ours."""
        seen = self._seen["signaling"]
        if seen and seen[-1].failure is None:
            told = [(o.notes.get("mode"), o.notes.get("code")) for o in seen]
            kept = [o for o, said in zip(seen, told, strict=True) if said != ("echo", "FORBIDDEN")]
            self._seen["signaling"] = kept

    def _keep_time(self, moment: Moment | None) -> None:
        self._last = moment or self._last


def _sdp_in(body: dict[str, Json]) -> str:
    """Return a frame's description, "" where it is not there, hidden or cut off."""
    data = body.get("data")
    sdp = data.get("sdp") if isinstance(data, dict) else None
    if not isinstance(sdp, str) or is_masked(sdp) or placeholder_in(sdp):
        return ""
    return "" if sdp.rstrip().endswith(("…", "...")) else sdp
