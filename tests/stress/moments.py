"""Random moments of runs of every kind: the seed is printed, and can be given again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Kind:
    """A kind of run, and about how long it takes."""

    name: str
    lasts_s: float
    faults: tuple[str, ...] = ()
    sandbox: dict[str, Any] = field(default_factory=dict)
    target: dict[str, Any] = field(default_factory=dict)


KINDS = (
    Kind("healthy", 10),
    Kind("relay only", 10, target={"relay_only": True}),
    Kind("an agent", 14, sandbox={"allow_echo": False}),
    Kind("candidates one by one", 10, sandbox={"trickle": True}),
    Kind("held", 14, target={"hold_s": 5}),
    Kind("thorough", 12, target={"thorough": True}),
    Kind("UDP blocked", 12, ("udp-blocked",)),
    Kind("TURN refused", 8, ("turn-credentials-rejected",)),
    Kind("no way out", 12, ("ice-failed",)),
    Kind("no DTLS", 10, ("dtls-failed",)),
    Kind("no answer", 8, ("signaling-timeout",)),
    Kind("a proxy", 4, ("proxy-blocks-websocket",)),
    Kind("an inspecting proxy", 4, ("tls-intercepted",)),
    Kind("loss", 10, ("packet-loss",)),
)


@dataclass(frozen=True)
class Moment:
    """When, in what run, and how it is stopped."""

    kind: Kind
    at_s: float
    how: str

    def __str__(self) -> str:
        return f"{self.kind.name}, {self.how} at {self.at_s:.2f} s"


def moments(seed: int, count: int, ways: tuple[str, ...]) -> list[Moment]:
    """Draw so many: early ones as often as late ones."""
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    kinds = [draw.choice(KINDS) for _ in range(count)]
    return [Moment(kind, draw.uniform(0, kind.lasts_s), draw.choice(ways)) for kind in kinds]
