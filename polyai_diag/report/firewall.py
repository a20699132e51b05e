"""The firewall request: what a network team is asked to let through, and what the run measured.

Only hosts, addresses and ports of the record: the ICE servers as configured, the gateway, and the
media addresses of this call's answer. Nothing is guessed, and nothing is a range.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from polyai_diag.analysis.loose import rows, table
from polyai_diag.report.candidates import Candidates
from polyai_diag.report.endpoints import is_address, signaling_endpoint, split_endpoint
from polyai_diag.report.request import HOST, MAX_LINES, Kind, Line, Measured, Request
from polyai_diag.report.text import failure_words, milliseconds, plain
from polyai_diag.target import IceUrl, TargetError, parse_ice_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from polyai_diag.model import Observation, StepResult
    from polyai_diag.report.report import Report

MAX_ADDRESSES = 8
"""Of one host; a name with more is a content network's, and better allowed by name."""

TCP_ACTIVE_PORT = 9
"""Of a TCP candidate that only connects itself (RFC 6544 §4.5)."""

_UDP_CAUSES = ("udp-blocked", "media-ports-blocked")

_ON_THE_WAY = ("resolve", "connect", "tls", "challenge")
"""Stages of TURN before the server has answered; later ones fail by the server's own word."""


def request_of(report: Report) -> Request:
    """Return what to ask a network team for, as this run has met it."""
    seen = _Seen(report)
    merged: dict[tuple[Any, ...], Line] = {}
    for line in (*_ice_lines(seen), *_signaling_lines(seen, report), *_media_lines(seen, report)):
        key = (line.protocol, line.host, line.address, line.port)
        merged[key] = _joined(merged[key], line) if key in merged else line
    lines = sorted(merged.values(), key=_place)
    return Request(
        tool=plain(report.record.tool, 60),
        started=plain(report.record.started, 40),
        lines=tuple(lines[:MAX_LINES]),
    )


def _place(line: Line) -> tuple[bool, int]:
    """Order lines: what calls need in any case first; then relays, signaling, STUN, media."""
    return not line.least, list(Kind).index(line.kind) if line.kind else len(Kind)


def _joined(one: Line, other: Line) -> Line:
    """Join two lines to one place: what got through once is open."""
    order = (Measured.WORKS, Measured.BLOCKED, Measured.UNKNOWN)
    best = min(one, other, key=lambda line: order.index(line.measured))
    return msgspec.structs.replace(
        one,
        measured=best.measured,
        detail=best.detail,
        least=one.least or other.least,
        resolved_at=one.resolved_at or other.resolved_at,
    )


# --- what the record says of hosts and addresses ----------------------------------------------

State = tuple[Measured, str]
_UNKNOWN: State = (Measured.UNKNOWN, "")


class _Seen:
    """Names looked up, and what was seen of each URL."""

    def __init__(self, report: Report) -> None:
        self.record = report.record
        self.observations = [o for step in report.steps for o in step.observations]
        self._addresses: dict[str, dict[str, str]] = {}
        for seen in self.observations:
            if seen.operation == "dns_lookup":
                self._keep_lookup(seen)

    def step(self, name: str) -> StepResult | None:
        """Return a step's result."""
        return next((step for step in self.record.steps if step.name == name), None)

    def data(self, name: str) -> dict[str, Any]:
        """Return what a step put down."""
        step = self.step(name)
        return table(step.data) if step else {}

    def addresses(self, host: str) -> dict[str, str]:
        """Return the addresses that a name led to, each with the time of resolution."""
        return self._addresses.get(host.lower().rstrip("."), {})

    def _keep_lookup(self, seen: Observation) -> None:
        found = self._addresses.setdefault(seen.endpoint.lower().rstrip("."), {})
        listed = seen.notes.get("addresses")
        for address in listed[:MAX_ADDRESSES] if isinstance(listed, list | tuple) else []:
            if is_address(address) and len(found) < MAX_ADDRESSES:
                found.setdefault(address, self._time_of(seen))

    def _time_of(self, seen: Observation) -> str:
        started = datetime.fromisoformat(self.record.started)
        try:
            moment = started + timedelta(milliseconds=seen.started_ms + seen.duration_ms)
        except (OverflowError, ValueError):
            moment = started
        return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _lines(
    seen: _Seen,
    protocol: str,
    host: str,
    port: int,
    states: Mapping[str | None, State],
    **kind: Any,
) -> Iterator[Line]:
    """Make a line for each address of a host; a state without an address is that of all."""
    if not re.fullmatch(HOST, host) or not 0 < port < 65536:
        return
    resolved = dict(seen.addresses(host))
    known = [host] if is_address(host) else [*resolved, *filter(None, states)]
    distinct: list[str | None] = [*dict.fromkeys(known)]
    for address in distinct[:MAX_ADDRESSES] or [None]:
        measured, detail = states.get(address) or states.get(None) or _UNKNOWN
        yield Line(
            protocol=protocol,
            host=host,
            address=address,
            port=port,
            measured=measured,
            detail=plain(detail, 160),
            resolved_at=resolved.get(address or ""),
            **kind,
        )


# --- STUN and TURN ----------------------------------------------------------------------------

_FOR = {
    "udp": "relay for the sound (TURN over UDP)",
    "tls": "relay where UDP is blocked (TURN over TLS, not inspected)",
    "tcp": "relay where UDP is blocked (TURN over TCP)",
    "dtls": "relay for the sound (TURN over DTLS)",
}
_ORDER = tuple(_FOR)


def _ice_lines(seen: _Seen) -> Iterator[Line]:
    urls = sorted(_urls(seen).values(), key=lambda url: (not url.is_turn, _order(url)))
    least = _least(urls)
    for url in urls:
        states = _stun_states(seen, url) | _turn_states(seen, url)
        yield from _lines(
            seen,
            "UDP" if url.transport in ("udp", "dtls") else "TCP",
            url.host,
            url.port,
            states,
            why=_FOR[url.transport] if url.is_turn else "finding the outside address (STUN)",
            kind=Kind.RELAY if url.is_turn else Kind.STUN,
            tls=url.transport in ("tls", "dtls"),
            least=url.url in least,
        )


def _order(url: IceUrl) -> tuple[int, bool]:
    return _ORDER.index(url.transport), url.port != 443


def _urls(seen: _Seen) -> dict[str, IceUrl]:
    """Return the ICE servers as configured, and what was tried beside them and works."""
    target, gateway = seen.record.target.get("ice_urls"), seen.data("gateway").get("ice_urls")
    tried = [
        str(row.get("url"))
        for row in rows(seen.data("turn").get("urls"))
        if row.get("configured") is not False or row.get("ok") is True
    ]
    given = [*_texts(target), *_texts(gateway), *tried]
    found: dict[str, IceUrl] = {}
    for text in given[:MAX_LINES]:
        try:
            found.setdefault(text, parse_ice_url(text[:300]))
        except TargetError:
            continue  # the step that met it has named it
    return found


def _texts(value: Any) -> list[str]:
    return [t for t in value if isinstance(t, str)] if isinstance(value, list | tuple) else []


def _least(urls: list[IceUrl]) -> set[str]:
    """Choose what is needed of each TURN server: UDP, and one way where UDP is blocked."""
    chosen = {url.url for url in urls if url.is_turn and url.transport == "udp"}
    fallback: dict[str, str] = {}
    for url in sorted(urls, key=_order):
        if url.is_turn and url.transport in ("tls", "tcp"):
            fallback.setdefault(url.host, url.url)
    return chosen | set(fallback.values())


def _turn_states(seen: _Seen, url: IceUrl) -> dict[str | None, State]:
    found: dict[str | None, State] = {}
    for tried in seen.observations:
        if tried.operation == "tcp_connect" and tried.failure and tried.notes.get("url") == url.url:
            found[split_endpoint(tried.endpoint)[0]] = _failed(tried.failure)
    found.pop(None, None)
    for row in rows(seen.data("turn").get("urls")):
        if row.get("url") == url.url:
            server, state = split_endpoint(row.get("server_address"))[0], _turn_state(row)
            if found.get(server, _UNKNOWN)[0] is not Measured.WORKS:
                found[server] = state
    return found


def _turn_state(row: dict[str, Any]) -> State:
    """Tell whether packets got through: a server that refuses by its own word was reached."""
    failure, stage = str(row.get("failure") or ""), str(row.get("stage") or "")
    through = f"through the proxy {plain(row['through'], 80)}" if row.get("through") else ""
    if row.get("ok") is True:
        unasked = "" if row.get("configured") is not False else "tried, not configured: add it"
        return Measured.WORKS, ", ".join(filter(None, (unasked, through)))
    answered = failure.startswith("stun_") and failure != "stun_malformed"
    if answered or (stage and stage not in _ON_THE_WAY):
        return Measured.WORKS, f"reached; the server answers: {failure_words(failure or 'failed')}"
    if not failure or stage == "resolve":
        return Measured.UNKNOWN, failure_words(failure) if failure else ""
    return _failed(failure, through)


def _failed(failure: str, through: str = "") -> State:
    return Measured.BLOCKED, ", ".join(filter(None, (failure_words(failure), through)))


def _stun_states(seen: _Seen, url: IceUrl) -> dict[str | None, State]:
    """Return how the server's address answered Binding requests, where it was asked over UDP."""
    found: dict[str | None, State] = {}
    for row in rows(seen.data("stun").get("servers")):
        if row.get("url") != url.url or not row.get("sent"):
            continue
        server = split_endpoint(row.get("server"))[0]
        if row.get("answered"):
            found[server] = Measured.WORKS, f"answers in {milliseconds(row.get('rtt_ms'))}"
        else:
            found[server] = Measured.BLOCKED, f"no answer to {plain(row['sent'], 8)} requests"
    return found


# --- the gateway ------------------------------------------------------------------------------


def _signaling_lines(seen: _Seen, report: Report) -> Iterator[Line]:
    regions = rows(seen.data("gateway").get("regions"), 12)
    for row in regions:
        state = (Measured.WORKS, "") if row.get("reached") is True else _region_failed(row)
        yield from _signaling(seen, plain(row.get("host"), 253), 443, {None: state})
    if not regions:
        host, port, secure = signaling_endpoint(seen.record.target.get("url"))
        yield from _signaling(seen, host, port, _gateway_states(seen, report), tls=secure)


def _signaling(
    seen: _Seen, host: str, port: int, states: Mapping[str | None, State], *, tls: bool = True
) -> Iterator[Line]:
    why = "WebSocket over TLS, not inspected" if tls else "WebSocket"
    told = {"why": f"signaling ({why})", "kind": Kind.SIGNALING, "tls": tls, "least": True}
    yield from _lines(seen, "TCP", host, port, states, **told)


def _region_failed(row: dict[str, Any]) -> State:
    if row.get("reached") is not False:
        return _UNKNOWN
    return Measured.BLOCKED, failure_words(row.get("detail") or "not reached", 120)


def _gateway_states(seen: _Seen, report: Report) -> dict[str | None, State]:
    gateway = seen.data("gateway")
    above = _above_tcp(gateway, report)
    found: dict[str | None, State] = {}
    for row in rows(gateway.get("addresses")):
        address = split_endpoint(row.get("address"))[0]
        if address is not None and row.get("ok") in (True, False):
            failed = _failed(str(row.get("failure") or "failed"))
            found[address] = above if row["ok"] else failed
    if not found and rows(gateway.get("stages")):
        through = gateway.get("proxy")
        said = ", ".join(filter(None, (above[1], f"through the proxy {through}" * bool(through))))
        found[None] = (above[0], said)
    return found


def _above_tcp(gateway: dict[str, Any], report: Report) -> State:
    """Judge what follows on TCP: it is the network's fault only where a root cause says so."""
    causes = {f.id for f in report.findings if any(e.step == "gateway" for e in f.evidence)}
    if "tls-intercepted" in causes:
        return Measured.BLOCKED, "TLS is opened on the way"
    stages = {plain(row.get("name"), 20): row.get("ok") for row in rows(gateway.get("stages"))}
    broken = next((name for name, ok in stages.items() if ok is False), None)
    if broken is None:
        return Measured.WORKS, ""
    if broken == "WebSocket" and "proxy-blocks-websocket" not in causes:
        return Measured.WORKS, "reached; the gateway refuses the WebSocket"
    return Measured.BLOCKED, f"fails at {broken}"


# --- the gateway's media ----------------------------------------------------------------------


def _media_lines(seen: _Seen, report: Report) -> Iterator[Line]:
    """Yield the addresses of this call's answer that can be reached from here at all."""
    candidates = Candidates(seen.step("call"))
    judged = any(finding.id in _UDP_CAUSES for finding in report.findings)
    states = _pair_states(candidates, judged_blocked=judged)
    for row in candidates.remote_rows:
        address, port = row.get("address"), row.get("port")
        if not is_address(address) or not isinstance(port, int) or port == TCP_ACTIVE_PORT:
            continue
        state = states.get((address, port), _UNKNOWN)
        if row.get("scope") in (None, "public") or state[0] is Measured.WORKS:
            yield from _lines(
                seen,
                "TCP" if row.get("transport") == "tcp" else "UDP",
                str(address),
                port,
                {None: state},
                why="the gateway's media in this call (others may get another port)",
                kind=Kind.MEDIA,
            )


def _pair_states(candidates: Candidates, *, judged_blocked: bool) -> dict[tuple[Any, int], State]:
    """Return how the direct pairs fared; what goes through a relay says nothing of this way.

    A check that was under way when another pair was taken proves nothing by itself.
    """
    found: dict[tuple[Any, int], State] = {}
    ends = [(split_endpoint(row.get("remote_address")), row) for row in candidates.pair_rows]
    relayed = {end for end, row in ends if _ended(row, "succeeded") and _by_relay(row)}
    for end, row in ends:
        if _by_relay(row):
            continue
        if _ended(row, "succeeded"):
            found[end] = Measured.WORKS, ""
        elif _ended(row, "failed") or judged_blocked:
            also = "; it answers through the relay" if end in relayed else ""
            found.setdefault(end, (Measured.BLOCKED, f"no answer to ICE checks{also}"))
    return found


def _ended(pair: dict[str, Any], state: str) -> bool:
    return bool(pair.get("state") == state)


def _by_relay(pair: dict[str, Any]) -> bool:
    return bool(pair.get("local_type") == "relay")
