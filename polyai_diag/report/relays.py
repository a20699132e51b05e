"""TURN: UDP, TCP and TLS side by side. All of it may be absent, or hostile."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from polyai_diag.analysis.loose import number, rows, table
from polyai_diag.report.text import failure_words, loss_words, milliseconds, plain, quantity
from polyai_diag.report.way import FAILS, OK, Mark
from polyai_diag.target import IceUrl, TargetError, parse_ice_url

SETUP, ROUND_TRIP, JITTER, LOSS, STALLS, RATE = COLUMNS = (
    *("set-up", "round trip p50 / p95", "jitter"),
    *("lost (95 %)", "stalls, longest", "throughput"),
)
_ALWAYS = (SETUP, ROUND_TRIP, LOSS)
_BARS = 8

_PROOFS = {
    "binding": "proven by a STUN binding through the relay",
    "none": "no proof that it relays",
}


class Relay(NamedTuple):
    """One TURN URL over one transport, directly or through the proxy."""

    server: str  # host:port; what cannot be read stands as it is
    transport: str
    mark: Mark
    measured: dict[str, str]  # by COLUMNS; – where nothing was
    notes: tuple[str, ...]


class Bar(NamedTuple):
    """One transport's round trips, to be drawn."""

    name: str
    p50_ms: float
    p95_ms: float
    words: str


class Relays:
    """What step `turn` put down, as a table, a sentence and bars."""

    def __init__(self, turn: dict[str, Any]) -> None:
        self._rows = rows(turn.get("urls"))
        self.rows = [_relay(row) for row in self._rows]
        self.sentence = plain(table(turn.get("comparison")).get("sentence") or "", 300)

    def __bool__(self) -> bool:
        return bool(self.rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """The figures to show: those that any transport has."""
        had = {name for row in self.rows for name, value in row.measured.items() if value != "–"}
        return tuple(name for name in COLUMNS if name in had or name in _ALWAYS)

    @property
    def bars(self) -> list[Bar]:
        """Round trips to set side by side; none unless there are two at least."""
        hosts = {_host_and_port(row)[0] for row in self._rows}
        found = [bar for row in self._rows if (bar := _bar(row, several=len(hosts) > 1))]
        return found[:_BARS] if len(found) > 1 else []


def _relay(row: dict[str, Any]) -> Relay:
    reached = plain(row.get("stage", "?"), 40).replace("_", " ")
    why = failure_words(row.get("failure") or "failed")
    if row.get("ok") is True:
        mark = OK._replace(word=reached)
    elif row.get("configured") is False:
        mark = Mark("off", "–", f"{reached}: {why}")  # nobody has said that it is there
    elif row.get("failure") or not row.get("detail"):
        mark = FAILS._replace(word=f"{reached}: {why}")
    else:
        mark = Mark("off", "–", "not probed")
    return Relay(
        _server(row),
        plain(row.get("transport", "?"), 12).upper(),
        mark,
        _figures(row),
        tuple(_notes(row)),
    )


def _figures(row: dict[str, Any]) -> dict[str, str]:
    return {
        SETUP: milliseconds(row.get("setup_ms")),
        ROUND_TRIP: _round_trip(row),
        JITTER: milliseconds(row.get("jitter_ms")),
        LOSS: _lost(row),
        STALLS: _stalls(row),
        RATE: quantity(row.get("throughput_kbps"), "kbit/s"),
    }


def _round_trip(row: dict[str, Any]) -> str:
    p50, p95 = milliseconds(row.get("rtt_p50_ms")), milliseconds(row.get("rtt_p95_ms"))
    return "–" if p50 == "–" else f"{p50.removesuffix(' ms')} / {p95}"


def _lost(row: dict[str, Any]) -> str:
    sent, lost = number(row.get("sent")), number(row.get("lost"))
    if "loss_percent" in row:
        return loss_words(row)
    return f"{lost:.0f} of {sent:.0f}" if sent and lost is not None else "–"


def _stalls(row: dict[str, Any]) -> str:
    """Return how often a lost segment held up those behind it, and for how long at most."""
    count = number(row.get("stalls"))
    if count is None:
        return "–"
    longest = milliseconds(row.get("longest_stall_ms"))
    return f"{count:.0f}" if not count or longest == "–" else f"{count:.0f}, {longest}"


def _notes(row: dict[str, Any]) -> list[str]:
    said = []
    if not row.get("ok") and not row.get("failure") and row.get("detail"):
        said.append(plain(row["detail"], 160))
    if row.get("configured") is False:
        add = f"; add {plain(row.get('url'), 120)}" if row.get("ok") is True else ""
        said.append(f"not configured, only tried{add}")
    if row.get("through"):
        said.append(f"through the proxy {plain(row['through'], 80)}")
    if row.get("measured") == "server":
        said.append("packets measured to the server and back, not through the relay")
    proof = _PROOFS.get(plain(row.get("proof"), 12))
    return [*said, proof] if proof and row.get("ok") is True else said


# --- bars -------------------------------------------------------------------------------------


def _bar(row: dict[str, Any], *, several: bool) -> Bar | None:
    p50, p95 = number(row.get("rtt_p50_ms")), number(row.get("rtt_p95_ms"))
    if p50 is None or not 0 <= p50 <= 60_000:
        return None
    host, port = _host_and_port(row)
    transport = plain(row.get("transport"), 4).upper()
    name = f"{transport if transport in ('UDP', 'TCP', 'TLS', 'DTLS') else 'TURN'} {port or ''}"
    where = f" {host[:24]}" if several and host else ""
    via = " by proxy" if row.get("through") else ""
    p95_ms = min(max(p95 or p50, p50), 60_000)
    lost = _lost(row)
    words = _round_trip(row) + (f", lost {lost}" if lost != "–" else "")
    return Bar(f"{name.strip()}{where}{via}", p50, p95_ms, words)


def _server(row: dict[str, Any]) -> str:
    url = _parsed(row)
    if url is None:
        return plain(row.get("url", "?"), 120)
    return plain(f"[{url.host}]:{url.port}" if ":" in url.host else f"{url.host}:{url.port}", 120)


def _host_and_port(row: dict[str, Any]) -> tuple[str, int]:
    """Return where it stands; no host that is not written as one gets into a drawing."""
    url = _parsed(row)
    if url is None:
        return "", 0
    return (url.host if re.fullmatch(r"[A-Za-z0-9.:-]+", url.host) else ""), url.port


def _parsed(row: dict[str, Any]) -> IceUrl | None:
    try:
        return parse_ice_url(str(row.get("url"))[:300])
    except TargetError:
        return None
