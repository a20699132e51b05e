"""A figure that the project promises."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One figure and the most that it may be."""

    name: str
    value: float
    most: float
    unit: str
    how: str = ""  # what it was reckoned from

    @property
    def met(self) -> bool:
        """Whether it is kept."""
        return self.value <= self.most

    def __str__(self) -> str:
        mark = "ok  " if self.met else "MISS"
        line = f"{mark} {self.name:<58}{self.value:>9.1f} {self.unit}  (at most {self.most:.4g})"
        return f"{line}\n     {self.how}" if self.how else line
