"""A pasted log taken apart: the frames in it, and the lines between them. Pure.

Frames stand alone, one a line, after timestamps and arrows, over several lines, in an array, as
text within other JSON (structured logs, HAR). Time is linear in the length of the text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from polyai_diag.analysis.issues import bare
from polyai_diag.analysis.moments import Moment, find_moment, moment_of
from polyai_diag.protocol import FRAME_TYPES

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from polyai_diag.model import Json

_MOST_LINE = 4000  # characters of one line that are looked at
_MOST_BEFORE = 200
_WINDOW = 2000
_MOST_NODES = 500_000
_MOST_TRIES = 8  # braces of one line at which an object may begin
_MOST_LONG_FAILURES = 50_000  # what looked like JSON for a while; logs have few of them
_MOST_DEEP = 20  # objects nested too deeply, before no more are tried
_FRAME_KEYS = {"sessionId", "data", "authToken", "callSid", "code", "message", "sdp", "mode"}
_TIME_KEYS = ("time", "timestamp", "@timestamp", "ts", "date", "datetime")
_WAY_KEYS = ("direction", "dir", "type", "event", "way")
_QUOTED = re.compile(r'\s*["}]')
_CUT = re.compile(rf'\\?"type\\?"\s*:\s*\\?"({"|".join(FRAME_TYPES)})\\?"')
_SENT = re.compile(r"[↑⬆→↗]|>>|-->|=>|\b(?:sent|send|sending|outgoing|out|tx|request)\b|>\s*$")
_RECEIVED = re.compile(
    r"[↓⬇←↙]|<<|<--|<=|\b(?:recv|received?|receiving|incoming|in|rx|onmessage|message)\b|<\s*$"
)
_URL = re.compile(r"wss?://[^\s\"'<>\\]{1,300}", re.IGNORECASE)
_REGION = re.compile(r"://webrtc-gateway\.([a-z0-9-]{1,20})\.platform\.polyai\.app(?:[:/]|$)")
_ALONE = re.compile(r"[\d\s.:,]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """A frame as JSON, or a line of other text; and what is beside it."""

    line: int
    text: str  # the line; beside a frame, what stands after it
    frame: str = ""
    cut: str = ""  # the type of a frame whose end is missing
    before: str = ""
    holder: dict[str, Json] = field(default_factory=dict)

    @property
    def moment(self) -> Moment | None:
        """When it was, where the log says so."""
        return (
            _first_moment(self.holder)
            or find_moment(self.before)
            or find_moment(self.text[:_MOST_BEFORE])
            or find_moment(self.text[-_MOST_BEFORE:])
        )

    @property
    def sent(self) -> bool | None:
        """Whether it was sent (True) or received (False), where the log says so."""
        words = [said for key in _WAY_KEYS if isinstance(said := self.holder.get(key), str)]
        for said in (*words, self.before):
            short = said[-_MOST_BEFORE:].lower()
            sent, received = _SENT.search(short), _RECEIVED.search(short)
            if bool(sent) is not bool(received):
                return bool(sent)
        return None

    @property
    def is_time_alone(self) -> bool:
        """Whether it is but a time or a number, as browsers' tables have them beneath a frame."""
        return not self.frame and _ALONE.fullmatch(self.text) is not None


def scan(text: str) -> Iterator[Entry]:
    """Yield what a log holds, in order: its frames, and every other line that is not blank."""
    return _Scanner(text).entries()


def is_frame(value: Json) -> bool:
    """Whether an object is one of the gateway's frames: by its type, and a field of theirs."""
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or bare(kind) not in _BARE_TYPES:
        return False
    if is_description(value) or (kind == "close" and "code" in value):
        return False  # what setLocalDescription takes; what a socket's close event holds
    return kind == "close" or bool(_FRAME_KEYS & value.keys())


def is_description(value: Json) -> bool:
    """Whether it is a bare RTCSessionDescription: type and sdp, and no frame around it."""
    return isinstance(value, dict) and value.keys() == {"type", "sdp"}


def frames_in(value: Json) -> Iterator[tuple[Json, dict[str, Json]]]:
    """Yield the frames within nested data, in order, each with the object that holds it."""
    stack: list[tuple[Json, dict[str, Json]]] = [(value, {})]
    for _ in range(_MOST_NODES):
        if not stack:
            return
        node, holder = stack.pop()
        if is_frame(node) or (isinstance(node, str) and _is_frame_text(node)):
            yield node, holder
        elif isinstance(node, dict):
            stack += [(item, node) for item in reversed(node.values())]
        elif isinstance(node, list):
            stack += [(item, holder) for item in reversed(node)]


def find_url(text: str) -> str | None:
    """Return the first signaling URL in a text, without login and query: tokens stand there."""
    found = _URL.search(text)
    try:
        parts = urlsplit(found[0]) if found else None
    except ValueError:
        return None
    if parts is None or not parts.hostname:
        return None
    return f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def region_in(url: str) -> str | None:
    """Return PolyAI's region that a URL names."""
    found = _REGION.search(url)
    return found[1] if found else None


class _Scanner:
    """Goes through the text once; what failed attempts cost is kept in bounds."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._decoder = json.JSONDecoder()
        self._line, self._counted = 1, 0
        self._budget = 10**9 + 100 * len(text)  # characters; counted by memchr, so about a second
        self._deep, self._long_failures = 0, 0

    def entries(self) -> Iterator[Entry]:
        position, end_of_line = 0, -1
        while position < len(self._text):
            if end_of_line < position:
                end_of_line = self._text.find("\n", position)
                end_of_line = len(self._text) if end_of_line < 0 else end_of_line
            position = yield from self._take(position, end_of_line)

    def _take(self, position: int, end_of_line: int) -> Generator[Entry, None, int]:
        """Yield what begins between the two; return where to go on."""
        found = self._object(position, end_of_line)
        if found is None:
            line = self._text[position : min(end_of_line, position + _MOST_LINE)]
            if line.strip():
                cut = _CUT.search(line)
                before = line.partition("{")[0][-_MOST_BEFORE:]
                yield Entry(self._number(position), line, "", cut[1] if cut else "", before)
            return end_of_line + 1
        value, start, end = found
        before = self._text[max(position, start - _MOST_BEFORE) : start]
        after = self._text[end : end + _MOST_BEFORE].partition("\n")[0].partition("{")[0]
        number = self._number(start)
        frames = 0
        for frame, holder in frames_in(value):
            frames += 1
            if isinstance(frame, str):
                told = frame
            else:
                told = self._text[start:end] if frame is value else json.dumps(frame)
            yield Entry(number, after, told, "", before, holder)
        if not frames:
            said = self._text[start : min(end, start + _MOST_LINE)]
            holder = value if isinstance(value, dict) else {}
            yield Entry(number, f"{before}{said}{after}", "", "", before, holder)
        return end

    def _object(self, position: int, end_of_line: int) -> tuple[Json, int, int] | None:
        """Read the first JSON object that begins on this line: its value, start and end."""
        for _ in range(_MOST_TRIES):
            start = self._text.find("{", position, end_of_line)
            if start < 0:
                return None
            escaped = start > 0 and self._text.startswith('"{\\"', start - 1)
            if escaped or _QUOTED.match(self._text, start + 1):
                begin = start - 1 if escaped else start
                found = self._decode(begin)
                if found is not None:
                    return found[0], begin, found[1]
            position = start + 1
        return None

    def _decode(self, start: int) -> tuple[Json, int] | None:
        """Read one value. Most end soon or break soon; the whole text is tried after that.

        json counts the lines before a fault, from the start of what it was given.
        """
        if self._long_failures > _MOST_LONG_FAILURES:
            return None
        window = self._text[start : start + _WINDOW]
        try:
            value, length = self._decoder.raw_decode(window)
        except json.JSONDecodeError as exc:
            self._long_failures += exc.pos > _WINDOW // 10
            halved = len(window) == _WINDOW and ("string" in exc.msg or exc.pos > _WINDOW - 10)
            if exc.pos < len(window.rstrip()) and not halved:
                return None
        except (ValueError, RecursionError):
            pass
        else:
            return value, start + length
        return self._decode_far(start)

    def _decode_far(self, start: int) -> tuple[Json, int] | None:
        if self._budget < 0 or self._deep > _MOST_DEEP:
            return None
        try:
            return self._decoder.raw_decode(self._text, start)
        except json.JSONDecodeError as exc:
            self._budget -= exc.pos
        except (ValueError, RecursionError):
            self._deep += 1
        return None

    def _number(self, position: int) -> int:
        """Return the number of the line; positions only grow."""
        self._line += self._text.count("\n", self._counted, position)
        self._counted = max(position, self._counted)
        return self._line


_BARE_TYPES = {bare(kind) for kind in FRAME_TYPES}


def _is_frame_text(text: str) -> bool:
    if text.lstrip()[:1] != "{" or not _CUT.search(text[:_MOST_LINE] + text[-_MOST_LINE:]):
        return False
    try:
        return is_frame(json.loads(text))
    except (ValueError, RecursionError):
        return False


def _first_moment(holder: dict[str, Json]) -> Moment | None:
    found = (moment_of(holder[key]) for key in _TIME_KEYS if key in holder)
    return next((moment for moment in found if moment), None)
