"""The way to the gateway: the token, names, addresses, certificates, the clock, the regions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from polyai_diag.analysis.loose import number, rows, table
from polyai_diag.report.text import failure_words, flat, milliseconds, plain, time_span
from polyai_diag.report.way import FAILS, OK, Mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from polyai_diag.model import Observation, StepResult

FEW_DAYS = 14
"""A certificate with less to live is marked: most are renewed a month before their end."""

CLIENTS_THEN = (
    "Clients say nothing then: one published client falls back to a public STUN server and has "
    "no TURN, so that its calls fail wherever UDP is blocked."
)

_SHORT_NAMES = ("CN|commonName", "O|organizationName")
_UNKNOWN = Mark("off", "–", "not told")
_TOKEN = {"taken": Mark("ok", "✓", "taken"), "refused": Mark("bad", "✕", "refused")}


class Stage(NamedTuple):
    """One stage of the way, and where it lies on the way's time, in percent."""

    name: str
    mark: Mark
    left: float
    width: float
    label: str


class Address(NamedTuple):
    """One address that was tried, by itself."""

    address: str
    family: str
    mark: Mark
    took: str


class Answer(NamedTuple):
    """What one resolver said."""

    server: str
    kind: str
    answer: str
    took: str


class Certificate(NamedTuple):
    """One of the chain."""

    subject: str
    issuer: str
    valid: str
    left: Mark


class Region(NamedTuple):
    """One of PolyAI's regions, asked at the same time as the others."""

    name: str
    host: str
    mark: Mark
    took: str
    token: Mark
    detail: str


class Fact(NamedTuple):
    """A name and a value; a mark where the value is not as it should be."""

    name: str
    value: str
    mark: Mark | None = None


class Reach:
    """What the steps `token` and `gateway` put down. All of it may be absent, or hostile."""

    def __init__(self, steps: Mapping[str, StepResult]) -> None:
        self._steps = steps
        self._token, self._gateway = (
            table(steps[name].data) if name in steps else {} for name in ("token", "gateway")
        )
        self._tls = table(self._gateway.get("tls"))

    def __bool__(self) -> bool:
        return bool(self.stages or self.regions or self.facts)

    @property
    def stages(self) -> list[Stage]:
        """The stages, one after the other."""
        found = rows(self._gateway.get("stages"))
        whole_ms = sum(_spent_ms(row) for row in found) or 1.0
        stages, begun_ms = [], 0.0
        for row in found:
            spent_ms = _spent_ms(row)
            left, width = (round(100 * part / whole_ms, 2) for part in (begun_ms, spent_ms))
            mark, took = _works(row.get("ok")), milliseconds(row.get("ms"))
            label = took if mark is OK else f"{mark.word}, {took}"
            stages.append(Stage(plain(row.get("name", "?"), 20), mark, left, width, label))
            begun_ms += spent_ms
        return stages

    @property
    def addresses(self) -> list[Address]:
        """Every address that was tried."""
        found = rows(self._gateway.get("addresses")) or [*self._connected()]
        return [
            Address(
                plain(row.get("address", "?"), 80),
                plain(row.get("family", "?"), 8),
                _works(row.get("ok"), row.get("failure")),
                milliseconds(row.get("ms")),
            )
            for row in found
        ]

    def _connected(self) -> Iterator[dict[str, Any]]:
        for seen in self.seen("gateway", "tcp_connect"):
            yield {
                "address": seen.endpoint,
                "family": "IPv6" if seen.endpoint.startswith("[") else "IPv4",
                "ok": seen.failure is None,
                "failure": seen.failure,
                "ms": seen.duration_ms,
            }

    @property
    def lost(self) -> int:
        """How many of them failed."""
        return sum(address.mark.tone == FAILS.tone for address in self.addresses)

    @property
    def families(self) -> dict[str, list[Address]]:
        """The addresses by family, to be set side by side."""
        found: dict[str, list[Address]] = {}
        for address in self.addresses:
            found.setdefault(address.family, []).append(address)
        return found

    @property
    def answers(self) -> list[Answer]:
        """What the resolvers said."""
        found = rows(self._gateway.get("resolvers"))
        if not found and not self.regions:  # of several names, nobody could tell which was meant
            found = [*self._looked_up()]
        return [
            Answer(
                plain(row.get("server", "?"), 80),
                plain(row.get("type", "?"), 12),
                plain(row.get("answer") or "no answer", 160),
                milliseconds(row.get("ms")),
            )
            for row in found
        ]

    def _looked_up(self) -> Iterator[dict[str, Any]]:
        for seen in self.seen("gateway", "dns_lookup"):
            failed = failure_words(seen.failure) if seen.failure else ""
            answer = failed or flat(seen.notes.get("addresses"))
            server = "this machine's resolver"
            yield {"server": server, "type": "all", "answer": answer, "ms": seen.duration_ms}

    @property
    def chain(self) -> list[Certificate]:
        """The certificates shown, the gateway's own first."""
        return [_certificate(row) for row in rows(self._tls.get("chain"), 12)]

    @property
    def regions(self) -> list[Region]:
        """All regions, where all were asked."""
        return [_region(row) for row in rows(self._gateway.get("regions"), 12)]

    @property
    def facts(self) -> list[Fact]:
        """What one line each can tell."""
        found = [
            Fact("token", _token(self._token)),
            Fact("its dates", _joined(self._token.get("dates") or self._expires())),
            Fact("mending", _mending(self._token.get("mended_by"))),
            Fact("proxy", self.proxy),
            Fact("TLS", _joined([self._tls.get("version"), _alpn(self._tls.get("alpn"))])),
            self._shown(),
            Fact("vouched for by", self._vouched()),
            Fact("clock", clock_words(table(self._gateway.get("clock")))),
            Fact("ICE servers", self.ice_said),
        ]
        return [fact for fact in found if fact.value]

    def _expires(self) -> list[str]:
        expires = self._token.get("expires")
        return [f"it expires {plain(expires, 40)}"] if expires else []

    @property
    def proxy(self) -> str:
        """The proxy between, empty where there is none."""
        proxy = self._gateway.get("proxy")
        if not proxy:
            proxy = next((seen.endpoint for seen in self.seen("gateway", "proxy_connect")), "")
        return plain(proxy, 120)

    @property
    def issuer(self) -> str:
        """Who signed the certificate that was shown, as it says itself."""
        if self.chain:
            return self.chain[0].issuer
        shown = (seen.notes.get("issuer") for seen in self.seen("gateway", "tls_handshake"))
        return plain(next(filter(None, shown), ""), 160)

    def _shown(self) -> Fact:
        leaf = self.chain[0] if self.chain else None
        days = number(self._tls.get("days_left"))
        left = _days_left(days) if days is not None else leaf.left if leaf else None
        if leaf is None:
            signed = f"signed by {short_name(self.issuer)}" if self.issuer else ""
            return Fact("certificate", signed, left)
        said = f"{short_name(leaf.subject)}, signed by {short_name(leaf.issuer)}"
        return Fact("certificate", said, left)

    def _vouched(self) -> str:
        if "vouched_by" not in self._tls:
            return ""
        return plain(self._tls["vouched_by"] or "nobody: no known authority", 80)

    @property
    def ice_said(self) -> str:
        """What the gateway said when it was asked for its ICE servers."""
        asked = [*self.seen(None, "ice_servers_fetch")]
        as_given = [seen for seen in asked if not seen.notes.get("mended")]
        if self.regions or not as_given:
            return ""
        said = _fetched(as_given[-1])
        mended = [seen for seen in asked if seen.notes.get("mended")]
        return f"{said}; with the mended token: {_fetched(mended[-1])}" if mended else said

    @property
    def clients_then(self) -> str:
        """What clients do where that failed; empty where it did not."""
        asked = [s for s in self.seen(None, "ice_servers_fetch") if not s.notes.get("mended")]
        failed = asked and all(seen.failure for seen in asked)
        return CLIENTS_THEN if failed and not self.regions else ""

    def seen(self, step: str | None, *operations: str) -> Iterator[Observation]:
        """Observations of these operations, in one step or in all."""
        for result in self._steps.values():
            if step in (None, result.name):
                yield from (o for o in result.observations if o.operation in operations)


def clock_words(clock: dict[str, Any]) -> str:
    """Say how far this machine's clock is off the gateway's; empty where nobody knows."""
    offset_s, uncertainty_s = number(clock.get("offset_s")), number(clock.get("uncertainty_s"))
    if offset_s is None:
        return ""
    margin = "" if uncertainty_s is None else f", ±{time_span(uncertainty_s)}"
    off = time_span(abs(offset_s))
    if abs(offset_s) <= (uncertainty_s or 0):
        said = f"this machine's clock agrees with the gateway's{margin}"
    elif offset_s > 0:
        said = f"this machine's clock is {off} behind the gateway's{margin}"
    else:
        said = f"this machine's clock is {off} ahead of the gateway's{margin}"
    return (
        f"{said} (read without checking the certificate)"
        if clock.get("verified") is False
        else said
    )


def short_name(name: str) -> str:
    """Return the common name of a distinguished name (RFC 4514 §2.3), else its organization."""
    found = (re.search(rf"\b(?:{key})=([^,]+)", name) for key in _SHORT_NAMES)
    return next((match[1].strip() for match in found if match), name)


def _works(ok: Any, failure: Any = None) -> Mark:
    if ok is True:
        return OK
    if ok is not False:
        return _UNKNOWN
    return FAILS._replace(word=failure_words(failure)) if failure else FAILS


def _spent_ms(row: dict[str, Any]) -> float:
    return max(number(row.get("ms")) or 0.0, 0.0)


def _certificate(row: dict[str, Any]) -> Certificate:
    begins, ends = (_day(row.get(key)) for key in ("not_before", "not_after"))
    days = number(row.get("days_left"))
    return Certificate(
        plain(row.get("subject", "?"), 160),
        plain(row.get("issuer", "?"), 160),
        f"{begins} – {ends}",
        _UNKNOWN if days is None else _days_left(days),
    )


def _day(moment: Any) -> str:
    """Return the day of an RFC 3339 time; any other text as it is."""
    text = plain(moment or "?", 30)
    return text[:10] if re.match(r"\d{4}-\d\d-\d\dT", text) else text


def _days_left(days: float) -> Mark:
    if days < 0:
        return Mark("bad", "✕", f"expired {-days:.0f} days ago")
    left = f"{days:.0f} day{'' if round(days) == 1 else 's'} left"
    return Mark("warn", "!", left) if days < FEW_DAYS else Mark("ok", "✓", left)


def _region(row: dict[str, Any]) -> Region:
    reached, stage = row.get("reached"), row.get("stage")
    broke = FAILS._replace(word=f"fails at {plain(stage, 20)}") if stage else FAILS
    return Region(
        plain(row.get("region", "?"), 20),
        plain(row.get("host", "?"), 80),
        OK._replace(word="reached") if reached is True else broke,
        milliseconds(row.get("ms")),
        _TOKEN.get(plain(row.get("token"), 20), _UNKNOWN),
        failure_words(row.get("detail") or "", 160),
    )


def _token(data: dict[str, Any]) -> str:
    length, sha256 = number(data.get("length")), data.get("sha256")
    return _joined(
        [
            data.get("kind"),
            f"{length:.0f} characters" if length else "",
            f"sha256 {plain(sha256, 16)}…" if sha256 else "",
        ]
    )


def _mending(mended_by: Any) -> str:
    words = [re.sub(r"^an? ", "the ", plain(word, 80)) for word in _listed(mended_by)]
    return f"is safe: without {' and '.join(words)}" if words else ""


def _alpn(alpn: Any) -> str:
    return f"ALPN {plain(alpn, 20)}" if alpn else ""


def _fetched(seen: Observation) -> str:
    status, detail = seen.notes.get("status"), seen.notes.get("detail")
    if seen.failure is None and "urls" not in seen.notes:
        return "the gateway gives some"  # a browser's check tells no number
    if seen.failure is None:
        urls = len(_listed(seen.notes.get("urls"), 99))
        return f"the gateway gives {urls} URL{'' if urls == 1 else 's'}"
    said = (
        f"asked, answered {plain(status, 8)}" if status else f"asked: {failure_words(seen.failure)}"
    )
    return f"{said} ({plain(detail, 120)})" if detail else said


def _listed(value: Any, most: int = 8) -> list[Any]:
    return list(value[:most]) if isinstance(value, list | tuple) else []


def _joined(values: Any) -> str:
    return ", ".join(plain(value, 120) for value in _listed(values) if value)
