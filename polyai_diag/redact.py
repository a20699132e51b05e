"""Keep secrets out of whatever is shown, and hide addresses where asked. Pure.

Secrets that are known are replaced in every form they are met in; what merely looks like one
(an ICE password in an SDP, a bearer header, a JWT) is replaced by its shape.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from polyai_diag.model import Json
    from polyai_diag.secret import Secret

HIDDEN = "[redacted]"
_SHORTEST = 4  # a shorter "secret" would blank out ordinary words

_SHAPES = tuple(
    re.compile(shape, re.IGNORECASE)
    for shape in (
        r"(a=ice-pwd:)[^\s\\\"]+",
        r"(a=crypto:)[^\r\n\\\"]+",
        r"((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?)[^\r\n\"']+",
        r"(bearer\s+)[^\s\"',]+",
        r"([?&](?:token|access_token|auth_token|key|password)=)[^&\s\"'#]+",
        r"([\"'](?:authToken|token|credential|password|secret)[\"']\s*:\s*[\"'])[^\"']*",
        r"(://[^/\s:@]*:)[^/\s@]+(?=@)",
        r"()\beyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*)?",
    )
)


class Redactor:
    """Replaces known secrets, and what looks like one, in text and in nested data."""

    def __init__(self, secrets: Iterable[Secret | None] = ()) -> None:
        self._known: set[str] = set()
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: Secret | None) -> None:
        """Hide this one too, from now on."""
        if secret is not None and len(secret.reveal().strip()) >= _SHORTEST:
            self._known |= _forms(secret.reveal())

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        for known in sorted(self._known, key=len, reverse=True):
            text = text.replace(known, HIDDEN)
        for shape in _SHAPES:
            text = shape.sub(rf"\1{HIDDEN}", text)
        return text

    def data(self, value: Json) -> Json:
        """Return nested data without secrets, keys included."""
        return _mapped(value, self.text)


def anonymize(record: dict[str, Any]) -> dict[str, Any]:
    """Replace addresses and host names in a record, the same one always by the same alias.

    Host names are those that the record itself names (target, endpoints, machine).
    """
    aliases: dict[str, str] = {}
    names = sorted(_host_names(record), key=len, reverse=True)

    def alias(kind: str, value: str) -> str:
        if value not in aliases:
            number = sum(1 for known in aliases.values() if known.startswith(kind)) + 1
            aliases[value] = f"{kind}-{number}"
        return aliases[value]

    def hide(text: str) -> str:
        for name in names:
            text = re.sub(
                rf"(?<![\w.-]){re.escape(name)}(?![\w-])", lambda m: alias("host", m[0]), text
            )
        return _ADDRESS.sub(lambda m: alias("ip", m[0]) if _is_address(m[0]) else m[0], text)

    hidden: dict[str, Any] = _mapped(record, hide)
    return hidden


_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7})(?![\w:])"
)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _host_names(record: dict[str, Any]) -> set[str]:
    endpoints = [o["endpoint"] for s in record["steps"] for o in s["observations"]]
    endpoints += [record["target"].get("url", ""), *record["target"].get("ice_urls", [])]
    found = {match[1] for text in endpoints for match in _HOST.finditer(text)}
    found |= {record["environment"].get("hostname") or ""}
    return {name for name in found if name and name != "localhost" and not _is_address(name)}


_HOST = re.compile(
    r"(?:^|://|\b(?:stuns?|turns?):|\s)([A-Za-z0-9](?:[\w-]*\.)+[A-Za-z][\w-]*)(?=[:/?\s]|$)"
)


def _forms(secret: str) -> set[str]:
    """Return the secret as it may be met: trimmed, URL-encoded, base64 with or without padding."""
    raw = {secret, secret.strip()}
    encoded = {f(s) for s in raw for f in (quote, quote_plus, lambda s: quote(s, safe=""))}
    as_bytes = {s.encode("utf-8", "surrogatepass") for s in raw}
    based = {f(b).decode() for b in as_bytes for f in (base64.b64encode, base64.urlsafe_b64encode)}
    return raw | encoded | based | {b.rstrip("=") for b in based}


def _mapped(value: Json, change: Callable[[str], str]) -> Json:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_mapped(k, change): _mapped(v, change) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(item, change) for item in value]
    return value
