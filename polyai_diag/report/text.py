"""Text from outside, made fit to show: one line, bounded, without invisible characters."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from polyai_diag.analysis.loose import number

LIMIT = 400
"""Characters of a text that are shown; the JSON has all of it."""

_SPACE = re.compile(r"\s+")


def plain(value: Any, limit: int = LIMIT) -> str:
    """Return the value as one line of at most `limit` characters.

    Control, surrogate and format characters become U+FFFD: a right-to-left override (U+202E)
    would make a report read otherwise than it is (Unicode TR 36 §2.5).
    """
    text = _SPACE.sub(" ", str(value)[: limit + 1]).strip()
    text = "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


_INVISIBLE = re.compile(r"[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def visible(json: str) -> str:
    """Write the invisible characters of a JSON text as escapes (RFC 8259 §7): the same value."""
    return _INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json)


def milliseconds(value: Any) -> str:
    """Return a time in ms as people read it, `–` where there is none."""
    ms = number(value)
    if ms is None:
        return "–"
    if abs(ms) >= 9_995:
        return f"{ms / 1000:.1f} s"
    if abs(ms) >= 1_000:
        return f"{ms / 1000:.2f} s"
    return f"{ms:.0f} ms" if abs(ms) >= 9.95 else f"{ms:.1f} ms"


def quantity(value: Any, unit: str, digits: int = 0) -> str:
    """Return a number with its unit, `–` where there is none."""
    found = number(value)
    if found is None:
        return "–"
    return f"{round(found, digits) + 0.0:,.{digits}f} {unit}".replace("-", "−")


def loss_words(packets: dict[str, Any]) -> str:
    """Return the loss with its interval: 0 of 50 packets proves no more than "under 7 %"."""
    rate = quantity(packets.get("loss_percent"), "%", 1)
    interval = packets.get("loss_interval_percent")
    if not isinstance(interval, list | tuple) or len(interval) != 2:
        return rate
    low, high = (number(end) for end in interval)
    return rate if low is None or high is None else f"{rate} ({low:.1f}–{high:.1f})"


_FAILURES = {
    "generic_timeout": "no answer",
    "connection_refused": "refused",
    "connection_reset": "cut off",
    "connection_closed": "hung up",
    "host_unreachable": "no way to this host",
    "network_unreachable": "no way to this network",
    "permission_denied": "forbidden by this machine",
    "address_not_available": "this machine has no such address",
    "dns_nxdomain": "no such name",
    "dns_no_answer": "the name has no address",
    "dns_server_failed": "no DNS server answers",
    "tls_untrusted": "certificate of an unknown authority",
    "tls_expired": "certificate expired",
    "tls_not_yet_valid": "certificate not valid yet",
    "tls_wrong_host": "certificate of another host",
    "http_status": "refused by HTTP",
}


def failure_words(value: Any, limit: int = 60) -> str:
    """Return a failure of the closed list as people say it; other text as it is."""
    text = plain(value, limit)
    one_word = re.fullmatch("[a-z_]+", text)
    return _FAILURES.get(text, text.replace("_", " ") if one_word else text)


def flat(value: Any) -> str:
    """Return nested data on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in list(value.items())[:60]) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value[:60])) or "–"
    return "–" if value is None or value == "" else str(value)


def time_span(seconds: float) -> str:
    """Return a length of time with the unit that suits it."""
    for above_s, unit_s, unit in ((172_800, 86_400, "days"), (7200, 3600, "h"), (120, 60, "min")):
        if seconds >= above_s:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
