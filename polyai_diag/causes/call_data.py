"""The data of a call's packets, whoever wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyai_diag.analysis.loose import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.causes.engine import Facts

MADE_UP = (
    *("audio-dropouts", "audio-distorted", "audio-channel-fault", "audio-too-quiet"),
    *("audio-wrong-rate", "echo-heard", "clock-drift"),
)
"""What a gateway makes up for packets that are missing or late is another sound than was sent."""


def calls(facts: Facts) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what a step put down of the call's packets: of the longest look at them."""
    for name in ("audio", "call"):
        data = facts.step(name).data
        if "packets_sent" in data or "checks" in data:
            yield name, data
            return


def count(data: dict[str, Any], key: str) -> int:
    """Return a count; 0 where it holds anything else."""
    return max(0, int(number(data.get(key)) or 0))


def interval_of(data: dict[str, Any], key: str) -> tuple[float, float] | None:
    """Return the two ends of an interval; None where it holds anything else."""
    ends = data.get(key)
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        return None
    low, high = map(number, ends)
    return None if low is None or high is None else (low, high)
