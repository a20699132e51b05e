"""SDP read with care: what an offer and an answer say about Opus and the way to it. Pure.

Tolerant of what browsers send: unknown lines are kept out of the way, not refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

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
    bandwidth: tuple[str, ...]

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
    bandwidth: tuple[str, ...]

    @property
    def audio(self) -> Section | None:
        """The first audio section that is not rejected; where all are, the first."""
        sections = [section for section in self.sections if section.kind == "audio"]
        return next((s for s in sections if not s.rejected), next(iter(sections), None))

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
    sections = tuple(_section(part, session) for part in parts)
    return Sdp(sections, session, _bandwidth(head))


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
    port = whole_number(fields[1].split("/")[0], 65535) if len(fields) >= 4 else None
    if port is None:
        raise ValueError(f"an m= line that cannot be read: {lines[0][:80]!r}")
    attributes = _attributes(lines[1:])
    numbers = (whole_number(text, 127) for text in fields[3:])  # a data channel's is a name
    payload_types = tuple(number for number in numbers if number is not None)
    direction = next((d for level in (attributes, session) for d in DIRECTIONS if d in level), None)
    return Section(
        kind=fields[0],
        port=port,
        payload_types=payload_types,
        codecs=_codecs(attributes, payload_types),
        direction=direction or "sendrecv",
        attributes=attributes,
        bandwidth=_bandwidth(lines),
    )


def _bandwidth(lines: list[str]) -> tuple[str, ...]:
    return tuple(line[2:] for line in lines if line.startswith("b="))


def _codecs(attributes: dict[str, tuple[str, ...]], listed: tuple[int, ...]) -> tuple[Codec, ...]:
    """Read the codecs in the order of the m= line, which is that of preference (RFC 3264 §5.1)."""
    formats = dict(numbered(attributes.get("fmtp", ())))
    places = {number: place for place, number in reversed(list(enumerate(listed)))}
    codecs = []
    for number, encoding in numbered(attributes.get("rtpmap", ())):
        name, _, rest = encoding.partition("/")
        rate, _, channels = rest.partition("/")
        clock_rate = whole_number(rate, 2**32)
        if number in places and clock_rate is not None:
            parameters = dict(read_parameters(formats.get(number, "")))
            count = whole_number(channels, 255) or 1
            codecs.append(Codec(number, name, clock_rate, count, parameters))
    return tuple(sorted(codecs, key=lambda codec: places[codec.payload_type]))


def numbered(values: tuple[str, ...]) -> list[tuple[int, str]]:
    """Read values that begin with a payload type, those of `a=rtpmap` and `a=fmtp`."""
    pairs = (value.partition(" ") for value in values)
    read = ((whole_number(number, 127), rest.strip()) for number, _, rest in pairs)
    return [(number, rest) for number, rest in read if number is not None]


def whole_number(text: str, most: int) -> int | None:
    """Read a plain decimal number; None for anything else, `²` and a thousand nines included."""
    plain = text.isascii() and text.isdigit() and len(text) <= 10
    return int(text) if plain and int(text) <= most else None


def read_parameters(text: str) -> list[tuple[str, str]]:
    """Read the parameters of an `a=fmtp`, names in lower case; one given twice comes twice."""
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    return [(name.strip().lower(), value.strip()) for name, _, value in pairs]
