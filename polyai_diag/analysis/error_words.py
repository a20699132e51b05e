"""The words in which browsers, Node, Python and Go say that a connection failed. Pure.

Each becomes what a probe of ours would have seen: an operation, and how it failed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from polyai_diag.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag.model import Json

_MOST_CHARACTERS = 2000
_MOST_SHOWN = 120


@dataclass(frozen=True)
class Said:
    """What a line says: an operation of ours, with whom, and how it failed.

    `vague`: only that something failed; whatever else is said tells more.
    """

    operation: str
    failure: Failure
    notes: dict[str, Json] = field(default_factory=dict)
    vague: bool = False
    endpoint: str = ""


def may_say_something(line: str) -> bool:
    """Whether a line holds a word worth a closer look; cheap, for the many lines that do not."""
    lower = line[:_MOST_CHARACTERS].lower()
    return any(word in lower for word in _WORDS)


def read_words(line: str) -> Said | None:
    """Return what a line says of a failed connection, None where it says nothing of one."""
    text = line[:_MOST_CHARACTERS]
    for shape, say in _SHAPES:
        if found := shape.search(text):
            named = _ENDPOINT.search(text)
            return replace(say(found), endpoint=named["endpoint"] if named else "")
    return None


def _status(found: re.Match[str]) -> Said:
    status = int(found["status"])
    if status == 407:
        return Said("proxy_connect", Failure.PROXY_FAILED, {"status": status})
    kind = Failure.HTTP_REDIRECT if 300 <= status < 400 else Failure.HTTP_STATUS
    return Said("websocket_upgrade", kind, {"status": status})


def _ice_servers(found: re.Match[str]) -> Said:
    return Said("ice_servers_fetch", Failure.HTTP_STATUS, {"status": int(found["status"])})


def _login_wanted(_: re.Match[str]) -> Said:
    return Said("proxy_connect", Failure.PROXY_FAILED, {"status": 407})


def _tunnel(found: re.Match[str]) -> Said:
    return Said("proxy_connect", Failure.PROXY_FAILED, {"status": int(found["status"])})


def _closed(found: re.Match[str]) -> Said:
    notes: dict[str, Json] = {"close_code": int(found["code"])}
    reason = _REASON.search(found.string) or _RECEIVED_REASON.search(found.string)
    if reason:
        notes["close_reason"] = reason["reason"].strip()[:_MOST_SHOWN]
    return Said("websocket_closed", Failure.WEBSOCKET_CLOSED, notes)


def _waited(found: re.Match[str]) -> Said:
    number, unit = found["number"], (found["unit"] or "").lower()
    notes: dict[str, Json] = {}
    if number and unit:
        notes["waited_ms"] = float(number) * (1 if unit == "ms" else 1000)
    return Said("no_answer", Failure.GENERIC_TIMEOUT, notes)


def _plain(
    operation: str, failure: Failure, detail: str = "", *, vague: bool = False
) -> Callable[[re.Match[str]], Said]:
    notes: dict[str, Json] = {"detail": detail} if detail else {}
    return lambda _: Said(operation, failure, notes, vague)


def _at_http(status: int) -> Callable[[re.Match[str]], Said]:
    return lambda _: Said("ice_servers_fetch", Failure.HTTP_STATUS, {"status": status})


_DNS, _TCP, _TLS, _PROXY = "dns_lookup", "tcp_connect", "tls_handshake", "proxy_connect"
_NO_REASON = "the message does not say why"
_EITHER_DATE = "expired or not valid yet: a browser does not say which"
_TABLE: tuple[tuple[str, Callable[[re.Match[str]], Said]], ...] = (
    # The gateway's list of ICE servers comes by HTTP of its own.
    (r"ice-servers[^\n]{0,200}?[\s:(](?P<status>[45]\d\d)\b", _ice_servers),
    (r"ice-servers[^\n]{0,200}blocked by CORS",
     _plain("ice_servers_fetch", Failure.UNKNOWN_FAILURE, "blocked by CORS, says the browser")),
    (r"invalid auth token", _at_http(401)),
    # Proxies, before what is said of statuses in general.
    (r"tunneling socket could not be established[^\n]{0,40}?(?P<status>[345]\d\d)", _tunnel),
    (r"ERR_PROXY_CONNECTION_FAILED",
     _plain(_PROXY, Failure.PROXY_FAILED, "the proxy cannot be reached")),
    (r"ERR_TUNNEL_CONNECTION_FAILED",
     _plain(_PROXY, Failure.PROXY_FAILED, "the proxy refuses CONNECT")),
    (r"proxy authentication required", _login_wanted),
    # A status in place of 101: browsers, Node's ws, Python's websockets and websocket-client.
    (r"unexpected (?:response code|server response):?\s*\(?(?P<status>[2345]\d\d)\b", _status),
    (r"rejected websocket connection: HTTP (?P<status>[2345]\d\d)\b", _status),
    (r"(?:unexpected status code|handshake status)\W{1,3}(?P<status>[2345]\d\d)\b", _status),
    (r"InvalidStatus(?:Code)?\b[^\n]{0,80}?\b(?P<status>[2345]\d\d)\b", _status),
    # Names.
    (r"EAI_AGAIN|temporary failure in name resolution", _plain(_DNS, Failure.DNS_SERVER_FAILED)),
    ((r"ENOTFOUND|name or service not known|nodename nor servname|no such host"
     r"|ERR_NAME_NOT_RESOLVED"),
     _plain(_DNS, Failure.DNS_NXDOMAIN)),
    # Certificates, the reason before the general complaint.
    (r"CERT_NOT_YET_VALID|certificate is not yet valid", _plain(_TLS, Failure.TLS_NOT_YET_VALID)),
    (r"CERT_HAS_EXPIRED|certificate has expired", _plain(_TLS, Failure.TLS_EXPIRED)),
    (r"ERR_CERT_DATE_INVALID", _plain(_TLS, Failure.TLS_EXPIRED, _EITHER_DATE)),
    ((r"ALTNAME_INVALID|altnames|hostname mismatch|ERR_CERT_COMMON_NAME_INVALID"
     r"|certificate is valid for"),
     _plain(_TLS, Failure.TLS_WRONG_HOST)),
    ((r"self[- ]signed certificate|SELF_SIGNED|unable to verify the first certificate"
     r"|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT|unable to get (?:local )?issuer"
     r"|ERR_CERT_AUTHORITY_INVALID|CERTIFICATE_VERIFY_FAILED|signed by unknown authority"),
     _plain(_TLS, Failure.TLS_UNTRUSTED)),
    (r"ERR_SSL_PROTOCOL_ERROR|wrong version number|\bEPROTO\b", _plain(_TLS, Failure.TLS_FAILED)),
    # Connections.
    (r"ECONNREFUSED|ERR_CONNECTION_REFUSED|connection refused|actively refused",
     _plain(_TCP, Failure.CONNECTION_REFUSED)),
    ((r"ETIMEDOUT|ERR_(?:CONNECTION_)?TIMED_OUT|connect(?:ion)? time(?:d |-)?out"
     r"|timed out during opening handshake"),
     _plain(_TCP, Failure.GENERIC_TIMEOUT)),
    (r"EHOSTUNREACH|ERR_ADDRESS_UNREACHABLE|no route to host",
     _plain(_TCP, Failure.HOST_UNREACHABLE)),
    (r"ENETUNREACH|ERR_INTERNET_DISCONNECTED|network is unreachable",
     _plain(_TCP, Failure.NETWORK_UNREACHABLE)),
    # The end of a connection that was up.
    ((r"\b(?:close[ds]?|code|received)[\"']?(?:\s+(?:with|code|frame|was)){0,3}"
     r"[\"']?\s{0,3}[:=(]?\s{0,3}(?P<code>10[01]\d|[34]\d{3})\b(?![.:\d-])"), _closed),
    (r"ECONNRESET|ERR_CONNECTION_RESET|socket hang up|connection reset",
     _plain(_TCP, Failure.CONNECTION_RESET)),
    ((r"\b(?:no answer|no response|gave up|giving up|time(?:d |-)?out)\b"
     r"(?:[^\n\d]{0,40}(?P<number>\d{1,6}(?:\.\d+)?)\s?(?P<unit>ms|s|sec|seconds)\b)?"), _waited),
    (r"WebSocket connection to [^\n]{0,300} failed|InvalidStatus|bad handshake",
     _plain("websocket_upgrade", Failure.UNKNOWN_FAILURE, _NO_REASON, vague=True)),
)  # fmt: skip
_SHAPES = tuple((re.compile(shape, re.IGNORECASE), say) for shape, say in _TABLE)
_WORDS = (
    "ice-servers", "token", "unauthori", "forbidden", "allowed", "mode", "argument", "message",
    "agent", "media", "failure", "failed", "handler", "err_", "proxy", "tunnel", "unexpected",
    "rejected", "handshake", "invalid", "eai_", "name resolution", "enotfound", "not known",
    "servname", "such host", "cert", "altname", "mismatch", "self-signed", "self_signed",
    "self signed", "issuer", "authority", "version number", "eproto", "econn", "refused",
    "timeout", "timed", "time-out", "time out", "unreach", "no route", "close", "code", "received",
    "hang up", "reset", "no answer", "no response", "gave up", "giving up",
)  # fmt: skip
_REASON = re.compile(
    r"reason[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?P<reason>[^\"'\n,}]{1,120})", re.IGNORECASE
)
_RECEIVED_REASON = re.compile(r"received \d{4} \([^)\n]{1,60}\) (?P<reason>[^;\n]{1,120})")
_ENDPOINT = re.compile(
    r"(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)\s{1,3}"
    r"(?P<endpoint>[\w.:-]{3,253})"
)
