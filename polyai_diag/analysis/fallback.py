"""What it costs a call to fall back from UDP to TCP or TLS: measured, or not said. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LEAST_MS = 1.0
"""Less than that is no cost that this measurement can tell."""
NAMES = {"udp": "UDP", "tcp": "TCP", "tls": "TLS"}


def comparison(rows: Sequence[Mapping[str, Any]]) -> dict[str, str] | None:
    """Compare the rows of `turn.urls` that were measured; None for fewer than two on one host.

    `best` is the URL with the shortest round trip among those configured, UDP where it is no
    slower; `sentence` says what each other transport costs.
    """
    groups: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if row.get("rtt_p50_ms") is not None:
            groups[_host(row["url"]), row["measured"]].append(row)
    compared = max(groups.values(), key=_worth, default=[])
    if _worth(compared)[0] < 2:
        return None
    best = min(compared, key=_rank)
    base = next((row for row in compared if row["transport"] == "udp"), best)
    others = [row for row in _one_each(compared) if _kind(row) != _kind(base)]
    said = f"TURN over {_name(base)}: {_ms(base['rtt_p50_ms'])} round trip. {_costs(others, base)}."
    held_up = [row for row in (base, *others) if row.get("stalls")]
    stalls = "".join(
        f" {_name(row)} held packets back up to {row['longest_stall_ms']:.0f} ms."
        for row in held_up
    )
    return {"best": best["url"], "sentence": said + stalls}


def _worth(group: Sequence[Mapping[str, Any]]) -> tuple[int, bool]:
    return len({_kind(row) for row in group}), any(row["transport"] == "udp" for row in group)


def _rank(row: Mapping[str, Any]) -> tuple[bool, float, bool]:
    """Order them, the configured first; within a millisecond UDP is the better."""
    return (
        not row["configured"],
        row["rtt_p50_ms"] - LEAST_MS * (row["transport"] == "udp"),
        row["through"] is not None,
    )


def _one_each(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the quickest of each transport."""
    ordered = sorted(rows, key=_rank, reverse=True)
    return sorted({_kind(row): row for row in ordered}.values(), key=_order)


def _costs(others: Sequence[Mapping[str, Any]], base: Mapping[str, Any]) -> str:
    """Say what each costs; those that cost nothing in one breath."""
    said: list[str] = []
    same: list[str] = []
    for row in others:
        more_ms = row["rtt_p50_ms"] - base["rtt_p50_ms"]
        if abs(more_ms) < LEAST_MS:
            same.append(f"TURN over {_name(row)}")
        elif more_ms < 0:
            said.append(f"TURN over {_name(row)} is {-more_ms:.0f} ms quicker than {_name(base)}")
        else:
            said.append(f"TURN over {_name(row)} costs {more_ms:.0f} ms more than {_name(base)}")
    if same:
        cost = "cost" if len(same) > 1 else "costs"
        said.append(f"{' and '.join(same)} {cost} no more than {_name(base)}")
    return ", ".join(said)


def _ms(value_ms: float) -> str:
    return f"{value_ms:.0f} ms" if value_ms >= 10 else f"{value_ms:.1f} ms"


def _name(row: Mapping[str, Any]) -> str:
    by = " through the proxy" if row["through"] else ""
    tried = "" if row["configured"] else " (not configured)"
    return f"{NAMES[row['transport']]}{by}{tried}"


def _kind(row: Mapping[str, Any]) -> tuple[str, bool]:
    return row["transport"], row["through"] is not None


def _order(row: Mapping[str, Any]) -> tuple[int, bool]:
    return list(NAMES).index(row["transport"]), row["through"] is not None


def _host(url: str) -> str:
    rest = url.split(":", 1)[1].split("?", 1)[0]
    return rest.rsplit("]", 1)[0] if rest.startswith("[") else rest.split(":", 1)[0]
