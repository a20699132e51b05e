"""Numbers out of a report's data, which may hold anything."""

from __future__ import annotations

from typing import Any, NamedTuple

from polyai_diag.analysis.loose import number

MOST_POINTS = 4096

Curve = list[tuple[float, float]]


def curve(data: dict[str, Any], x: str, y: str, floor: float) -> Curve:
    """Return the points of two lists of one length; what is below the floor stands on it."""
    across, up = data.get(x), data.get(y)
    if not isinstance(across, list | tuple) or not isinstance(up, list | tuple):
        return []
    pairs = zip(map(number, across[:MOST_POINTS]), map(number, up[:MOST_POINTS]), strict=False)
    return [(a, max(b, floor)) for a, b in pairs if a is not None and b is not None]


class Row(NamedTuple):
    """Values one after the other, `every_s` apart; None where there is none."""

    every_s: float
    values: list[float | None]

    @property
    def seconds(self) -> float:
        """How long they last together."""
        return self.every_s * len(self.values)

    @property
    def known(self) -> Curve:
        """The values there are, each in the middle of its time."""
        middles = ((place + 0.5) * self.every_s for place in range(len(self.values)))
        return [(at, v) for at, v in zip(middles, self.values, strict=True) if v is not None]


def row(data: dict[str, Any], key: str) -> Row:
    """Return a list of values over time; empty where there is none."""
    every_s, values = number(data.get("every_s")), data.get(key)
    if every_s is None or not 1e-3 <= every_s <= 3600 or not isinstance(values, list | tuple):
        return Row(1.0, [])
    return Row(every_s, [number(value) for value in values[:MOST_POINTS]])
