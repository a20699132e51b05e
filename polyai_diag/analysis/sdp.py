"""SDP read with care: what an offer and an answer say about Opus and the way to it. Pure.

Tolerant of what browsers send: unknown lines are kept out of the way, not refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from polyai_diag.model import Issue, Severity

MAX_SDP_CHARACTERS = 256 * 1024
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


@dataclass(frozen=True)
class Codec:
    """One `a=rtpmap` with its `a=fmtp` (RFC 8866 §6.6, §6.15)."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def is_opus(self) -> bool:
        """Whether it is Opus, as RFC 7587 §7 has it named."""
        return self.name.lower() == "opus"

    def __str__(self) -> str:
        return f"{self.name}/{self.clock_rate}/{self.channels}"


@dataclass(frozen=True)
class Section:
    """One `m=` section with the attributes that a call hangs on."""

    kind: str
    port: int
    payload_types: tuple[int, ...]
    codecs: tuple[Codec, ...]
    direction: str
    attributes: dict[str, tuple[str, ...]]

    @property
    def rejected(self) -> bool:
        """Port 0 rejects a section (RFC 3264 §6)."""
        return self.port == 0

    @property
    def opus(self) -> Codec | None:
        """The first Opus codec among its payload types."""
        return next((codec for codec in self.codecs if codec.is_opus), None)

    def first(self, name: str) -> str | None:
        """Return the first value of an attribute, None where it is absent."""
        values = self.attributes.get(name)
        return values[0] if values else None


@dataclass(frozen=True)
class Sdp:
    """A session description taken apart."""

    sections: tuple[Section, ...]
    attributes: dict[str, tuple[str, ...]]

    @property
    def audio(self) -> Section | None:
        """The first audio section."""
        return next((section for section in self.sections if section.kind == "audio"), None)

    @property
    def candidates(self) -> tuple[str, ...]:
        """All `a=candidate` lines, without `a=`."""
        return tuple(
            f"candidate:{c}" for s in self.sections for c in s.attributes.get("candidate", ())
        )

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """All `a=fingerprint` values, of the session and of its sections (RFC 8122 §5)."""
        levels = (self.attributes, *(section.attributes for section in self.sections))
        return tuple(value for level in levels for value in level.get("fingerprint", ()))


def parse_sdp(text: str) -> Sdp:
    """Take a session description apart (RFC 8866 §5). Raises ValueError, one line."""
    if len(text) > MAX_SDP_CHARACTERS:
        raise ValueError(f"longer than {MAX_SDP_CHARACTERS} characters")
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    if not lines or lines[0].strip() != "v=0":
        raise ValueError("the first line is not 'v=0'")
    head, *parts = _split_sections(lines)
    session = _attributes(head)
    return Sdp(tuple(_section(part, session) for part in parts), session)


def lint_sdp(text: str) -> list[Issue]:
    """List what is wrong with a session description on its own; paths name lines or sections."""
    bare = "\n" not in text and "\r" not in text
    if bare and "\\n" in text:
        restored = text.replace("\\r", "\r").replace("\\n", "\n")
        message = "the line ends are written out as \\r\\n: the text was encoded twice"
        return [_issue("$", message), *lint_sdp(restored)]
    if bare and (" m=" in text or (text.lstrip().startswith("v=0") and "m=" in text)):
        return [_issue("$", "the line ends are lost: every SDP line must end with CRLF (\\r\\n)")]
    try:
        sdp = parse_sdp(text)
    except ValueError as exc:
        return [_issue("$", f"not a session description: {exc}")]
    audio = sdp.audio
    if audio is None:
        return [_issue("$", "no audio section (m=audio)", "opus-not-offered")]
    issues = _missing_transport(audio, sdp)
    if audio.rejected:
        issues.append(_issue("$.audio", "the audio section is rejected (port 0)", "opus-rejected"))
    elif audio.opus is None:
        issues.append(_issue("$.audio", "no Opus among the codecs", "opus-not-offered"))
    else:
        issues += _opus_form(audio.opus)
    return issues


def compare_sdp(offer: str, answer: str) -> list[Issue]:
    """List what the answer takes away from the offer: Opus, a direction, the section itself."""
    try:
        offered, answered = parse_sdp(offer).audio, parse_sdp(answer).audio
    except ValueError as exc:
        return [_issue("$", f"not a session description: {exc}")]
    if offered is None or offered.opus is None:
        return [_issue("$.offer.audio", "the offer has no Opus", "opus-not-offered")]
    if answered is None or answered.rejected:
        message = "the answer rejects the audio section (port 0, or no m=audio)"
        return [_issue("$.answer.audio", message, "opus-rejected")]
    if answered.opus is None:
        named = ", ".join(str(codec) for codec in answered.codecs) or "no codec"
        message = f"the answer has no Opus, but {named}"
        return [_issue("$.answer.audio", message, "opus-rejected")]
    return _opus_form(answered.opus) + _directions(offered, answered)


def _opus_form(opus: Codec) -> list[Issue]:
    if (opus.clock_rate, opus.channels) == (48000, 2):
        return []
    return [
        _issue("$.audio.rtpmap", f"{opus}: RFC 7587 §7 asks for opus/48000/2", "opus-misconfigured")
    ]


def _directions(offered: Section, answered: Section) -> list[Issue]:
    out = "send" in offered.direction and "recv" in answered.direction
    back = "recv" in offered.direction and "send" in answered.direction
    if out and back:
        return []
    silent = {(False, True): "to the gateway", (True, False): "from the gateway"}
    way = silent.get((out, back), "either way")
    message = f"offered {offered.direction}, answered {answered.direction}: no audio goes {way}"
    return [_issue("$.answer.audio.direction", message, "media-direction")]


def _missing_transport(audio: Section, sdp: Sdp) -> list[Issue]:
    needed = {
        "ice-ufrag": "no a=ice-ufrag: ICE cannot start (RFC 8839 §5.4)",
        "ice-pwd": "no a=ice-pwd: ICE cannot start (RFC 8839 §5.4)",
        "fingerprint": "no a=fingerprint: DTLS cannot be checked (RFC 8122 §5)",
    }
    present = {**sdp.attributes, **audio.attributes}
    return [_issue(f"$.audio.{name}", text) for name, text in needed.items() if name not in present]


def _issue(path: str, message: str, cause: str | None = None) -> Issue:
    return Issue(path=path, message=message, severity=Severity.CRITICAL, cause=cause)


def _split_sections(lines: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            parts.append([])
        parts[-1].append(line.strip())
    return parts


def _attributes(lines: list[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("a="):
            name, _, value = line[2:].partition(":")
            found.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in found.items()}


def _section(lines: list[str], session: dict[str, tuple[str, ...]]) -> Section:
    fields = lines[0][2:].split()
    port = _number(fields[1].split("/")[0], 65535) if len(fields) >= 4 else None
    if port is None:
        raise ValueError(f"an m= line that cannot be read: {lines[0][:80]!r}")
    attributes = _attributes(lines[1:])
    numbers = (_number(text, 127) for text in fields[3:])  # a data channel's is a name
    payload_types = tuple(number for number in numbers if number is not None)
    direction = next((d for level in (attributes, session) for d in DIRECTIONS if d in level), None)
    return Section(
        kind=fields[0],
        port=port,
        payload_types=payload_types,
        codecs=_codecs(attributes, payload_types),
        direction=direction or "sendrecv",
        attributes=attributes,
    )


def _codecs(attributes: dict[str, tuple[str, ...]], listed: tuple[int, ...]) -> tuple[Codec, ...]:
    formats = dict(_numbered(attributes.get("fmtp", ())))
    codecs = []
    for number, encoding in _numbered(attributes.get("rtpmap", ())):
        name, _, rest = encoding.partition("/")
        rate, _, channels = rest.partition("/")
        clock_rate = _number(rate, 2**32)
        if number in listed and clock_rate is not None:
            parameters = _parameters(formats.get(number, ""))
            codecs.append(Codec(number, name, clock_rate, _number(channels, 255) or 1, parameters))
    return tuple(codecs)


def _numbered(values: tuple[str, ...]) -> list[tuple[int, str]]:
    pairs = (value.partition(" ") for value in values)
    read = ((_number(number, 127), rest.strip()) for number, _, rest in pairs)
    return [(number, rest) for number, rest in read if number is not None]


def _number(text: str, most: int) -> int | None:
    """Read a plain decimal number; None for anything else, `²` and a thousand nines included."""
    plain = text.isascii() and text.isdigit() and len(text) <= 10
    return int(text) if plain and int(text) <= most else None


def _parameters(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
