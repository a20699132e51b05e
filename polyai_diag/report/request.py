"""The words of a firewall request: its lines, and what was measured on each."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
from msgspec import Meta

from polyai_diag.model import SCHEMA_VERSION
from polyai_diag.report.way import FAILS, OK, Mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_LINES = 100
HOST = r"^(?:\w(?:[\w.-]{0,251}\w)?\.?|[0-9a-fA-F:.]{2,45})\Z"
"""A host name or an address: no other text of a network's choice gets into a request."""


class Measured(StrEnum):
    """What was seen of one line."""

    WORKS = "works"
    BLOCKED = "blocked"
    UNKNOWN = "not measured"

    @property
    def mark(self) -> Mark:
        """How it is shown."""
        return _MARKS[self]


_MARKS = {
    Measured.WORKS: OK,
    Measured.BLOCKED: FAILS._replace(word=Measured.BLOCKED.value),
    Measured.UNKNOWN: Mark("off", "–", Measured.UNKNOWN.value),
}


class Kind(StrEnum):
    """What a line is for."""

    RELAY = "relay"
    SIGNALING = "signaling"
    STUN = "stun"
    MEDIA = "media"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to let through, outbound: one protocol, address and port."""

    protocol: Annotated[str, Meta(pattern=r"^(?:UDP|TCP)\Z")]
    host: Annotated[str, Meta(pattern=HOST)]
    address: Annotated[str, Meta(pattern=HOST)] | None
    port: Annotated[int, Meta(ge=1, le=65535)]
    why: Annotated[str, Meta(max_length=300)]
    measured: Measured
    detail: Annotated[str, Meta(max_length=300)] = ""
    resolved_at: Annotated[str, Meta(max_length=40)] | None = None  # RFC 3339, UTC
    kind: Kind | None = None
    tls: bool = False
    least: bool = False  # whether calls need it in any case


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """All lines, those that calls need in any case first."""

    schema_version: int = SCHEMA_VERSION
    tool: Annotated[str, Meta(max_length=100)]
    started: Annotated[str, Meta(max_length=40)]  # of the run; RFC 3339, UTC
    lines: Annotated[tuple[Line, ...], Meta(max_length=MAX_LINES)]

    @property
    def blocked(self) -> tuple[Line, ...]:
        """The lines that did not get through."""
        return tuple(line for line in self.lines if line.measured is Measured.BLOCKED)


class Row(NamedTuple):
    """Lines that differ by address alone, as people read them."""

    line: Line  # the first of them
    addresses: tuple[str, ...]  # none where the host is an address itself


def grouped(lines: Iterable[Line]) -> list[Row]:
    """Return the lines with the addresses of a host on one row, where they fared alike.

    Addresses that were not tried stand beside those that were, and say so.
    """
    hosts: dict[tuple[str, str, int], list[Line]] = {}
    for line in lines:
        hosts.setdefault((line.protocol, line.host, line.port), []).append(line)
    return [row for some in hosts.values() for row in _rows_of(some)]


def _rows_of(lines: list[Line]) -> Iterator[Row]:
    by_state: dict[tuple[Measured, str], list[Line]] = {}
    for line in lines:
        by_state.setdefault((line.measured, line.detail), []).append(line)
    untried = by_state.pop((Measured.UNKNOWN, ""), []) if len(by_state) > 1 else []
    for some in by_state.values():
        yield Row(some[0], (*_addresses(some), *_addresses(untried, " (not measured)")))
        untried = []


def _addresses(lines: Iterable[Line], note: str = "") -> Iterator[str]:
    return (f"{line.address}{note}" for line in lines if line.address not in (None, line.host))
