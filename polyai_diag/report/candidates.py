"""The candidates of both sides, the pairs made of them, and the one that carries the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from polyai_diag.analysis.loose import rows, table
from polyai_diag.report.endpoints import split_endpoint
from polyai_diag.report.text import plain
from polyai_diag.report.way import FAILS, OK, Mark

if TYPE_CHECKING:
    from polyai_diag.model import StepResult

_PAIR_MARKS = {"succeeded": OK, "failed": FAILS}
_SHOWN_PAIRS = 40


class Candidate(NamedTuple):
    """One candidate, in words."""

    type: str
    endpoint: str
    transport: str
    scope: str
    explained: str


class Pair(NamedTuple):
    """One of ours with one of the gateway's, and how its check ended."""

    local: str
    remote: str
    mark: Mark
    nominated: bool
    obstacle: str  # why it could not work at all


class Candidates:
    """What step `call` put down of ICE. All of it may be absent, or hostile."""

    def __init__(self, call: StepResult | None) -> None:
        self._data = table(call.data) if call else {}
        self._observations = call.observations if call else ()

    def __bool__(self) -> bool:
        return bool(self.local or self.remote or self.pairs)

    @property
    def local(self) -> list[Candidate]:
        """Ours."""
        return [_candidate(row) for row in rows(self._data.get("local_candidates"))]

    @property
    def remote(self) -> list[Candidate]:
        """The gateway's."""
        return [_candidate(row) for row in rows(self._data.get("remote_candidates"))]

    @property
    def pairs(self) -> list[Pair]:
        """The pairs that were made, the one in use first."""
        found = [_pair(row) for row in self.pair_rows[:_SHOWN_PAIRS]]
        return sorted(found, key=lambda pair: not pair.nominated)

    @property
    def pair_rows(self) -> list[dict[str, Any]]:
        """The pairs as they were put down: the step's own list, else that of its last check."""
        noted = [o.notes.get("pairs") for o in self._observations if o.operation == "ice_connect"]
        return rows(self._data.get("pairs")) or (rows(noted[-1]) if noted else [])

    @property
    def remote_rows(self) -> list[dict[str, Any]]:
        """The gateway's candidates as they were put down, else what its pairs tell of them."""
        told = rows(self._data.get("remote_candidates"))
        return told or [_told_by_pair(row) for row in self.pair_rows]

    @property
    def nominated(self) -> str:
        """The pair in use, in one sentence; empty where there is none."""
        pair = table(self._data.get("nominated"))
        if not pair:
            return ""
        local, remote = (_end(pair, side) for side in ("local", "remote"))
        relay = pair.get("relay_transport")
        over = f"; to the TURN server over {plain(relay, 8).upper()}" if relay else ""
        return f"In use: {local} → {remote}{over}"

    @property
    def counted(self) -> str:
        """How many there are, in a few words."""
        worked = sum(pair.mark.tone == OK.tone for pair in self.pairs)
        pairs = f"{len(self.pairs)} pair{'' if len(self.pairs) == 1 else 's'}, {worked} working"
        if not self.local and not self.remote:  # a browser's check lists the pairs alone
            return pairs
        return f"{len(self.local)} of ours, {len(self.remote)} of the gateway's, {pairs}"


def _candidate(row: dict[str, Any]) -> Candidate:
    address, port = plain(row.get("address") or "?", 80), plain(row.get("port") or "", 8)
    endpoint = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return Candidate(
        plain(row.get("type") or "?", 12),
        endpoint,
        plain(row.get("transport") or "?", 8).upper(),
        plain(row.get("scope") or "", 20),
        plain(row.get("explained") or "", 200),
    )


def _pair(row: dict[str, Any]) -> Pair:
    state = plain(row.get("state") or "?", 20)
    ended = plain(row.get("ended") or state, 40).replace("_", " ")
    mark = _PAIR_MARKS.get(state, Mark("off", "–", ended))
    return Pair(
        _end(row, "local"),
        _end(row, "remote"),
        mark,
        row.get("nominated") is True,
        plain(row.get("obstacle") or "", 160),
    )


def _end(row: dict[str, Any], side: str) -> str:
    kind, address = row.get(f"{side}_type") or "?", row.get(f"{side}_address") or "?"
    return f"{plain(kind, 12)} {plain(address, 80)}"


def _told_by_pair(row: dict[str, Any]) -> dict[str, Any]:
    address, port = split_endpoint(row.get("remote_address"))
    return {"type": row.get("remote_type"), "address": address, "port": port}
