"""Keep secrets out of whatever is shown, and hide addresses where asked. Pure.

Secrets that are known are replaced in every form they are met in, and so is a piece of one; what
merely looks like one (an ICE password in an SDP, a bearer header, a JWT) is replaced by its shape.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import logging
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from polyai_diag.model import STEP_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from polyai_diag.model import Json
    from polyai_diag.secret import Secret

HIDDEN = "[redacted]"
MOST_READ = 64_000  # characters of one text that are looked at
_LONGEST_LOGIN = 300  # in a URL: what is told by its end
_SHORTEST = 4  # a shorter "secret" would blank out ordinary words
_PIECE = 12  # characters in a row: no longer chance, and still far from enough to guess the rest
_UNBROKEN = re.compile(r"[\w+-]{20,}", re.ASCII)  # of a form: what is no word, no host name
_MAY_HOLD_PIECE = re.compile(rf"[\w+-]{{{_PIECE},}}", re.ASCII)

_KEYS = (
    r"(?:auth_?token|access_?token|token|credential|password|secret|ice-?pwd"
    r"|(?:proxy-)?authorization)"
)
_SHAPES = tuple(
    re.compile(shape, re.IGNORECASE | re.DOTALL)
    for shape in (
        r"(a=ice-pwd:)[^\s\\\"]+",
        r"(a=crypto:)[^\r\n\\\"]+",
        # A JSON string, perhaps inside another one: it ends at the quote that it began with.
        rf"([\"']{_KEYS}\\{{0,8}}[\"']\s*:\s*(\\{{0,8}}[\"']))(?:(?!\2)(?:\\.|[^\\]))*",
        r"((?:proxy-)?authorization\s*[:=]\s*)[^\r\n\"']+",
        r"(bearer\s+)[^\s\"',;]{8,}",  # a shorter word is more likely prose
        rf"([?&#](?:{_KEYS}|key|jwt)=)[^&\s\"'#]+",
        r"(://[^/\s:@]{0,256}:)[^/\s]{1,256}(?=@)",
        r"(\b(?:stuns?|turns?):[^/\s:@]{0,256}:)[^/\s]{1,256}(?=@)",
        r"((?<![\w-]))eyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*)?",
    )
)
_SECRET_KEY = re.compile(r"auth_?token|credential|password|(?:proxy-)?authorization", re.IGNORECASE)


class Redactor:
    """Replaces known secrets, and what looks like one, in text and in nested data."""

    def __init__(self, secrets: Iterable[Secret | None] = ()) -> None:
        self._known: list[str] = []  # the longest first: one may stand within another
        self._pieces: set[str] = set()
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: Secret | None) -> None:
        """Hide this one too, from now on."""
        if secret is not None and len(secret.reveal().strip()) >= _SHORTEST:
            forms = _forms(secret.reveal())
            self._known = sorted({*self._known, *forms}, key=len, reverse=True)
            self._pieces |= {piece for form in forms for piece in _pieces(form)}

    def text(self, text: str) -> str:
        """Return the text without secrets; of one that is far too long, its beginning."""
        if len(text) <= MOST_READ:
            return self._hidden(text)
        # What is cut off may halve a secret, and half of it is not known: it goes as well.
        halved = max(_LONGEST_LOGIN, len(self._known[0]) if self._known else 0)
        return self._hidden(text[:MOST_READ])[:-halved]

    def _hidden(self, text: str) -> str:
        for known in self._known:
            text = text.replace(known, HIDDEN)
        if self._pieces:
            text = _MAY_HOLD_PIECE.sub(self._without_pieces, text)
        for shape in _SHAPES:
            text = shape.sub(rf"\g<1>{HIDDEN}", text)
        return text

    def _without_pieces(self, run: re.Match[str]) -> str:
        """Replace what is a piece of a secret, as long as it goes on."""
        text, kept, start = run[0], [], 0
        while start <= len(text) - _PIECE:
            end = start
            while text[end : end + _PIECE] in self._pieces:
                end += 1
            if end > start:
                kept.append(HIDDEN)
                start = end + _PIECE - 1
            else:
                kept.append(text[start])
                start += 1
        return "".join(kept) + text[start:]

    def data(self, value: Json) -> Json:
        """Return nested data without secrets, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self._value(str(key), v) for key, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.data(item) for item in value]
        return value

    def _value(self, key: str, value: Json) -> Json:
        if isinstance(value, str) and _SECRET_KEY.fullmatch(key):
            return HIDDEN
        return self.data(value)


class LogFilter(logging.Filter):
    """Keeps what looks like a secret out of a library's own log, whoever listens to it."""

    _shapes = Redactor()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, its text without secrets."""
        record.msg, record.args = self._shapes.text(record.getMessage()), ()
        return True


def _forms(secret: str) -> set[str]:
    """Return the secret as it may be met: trimmed, URL-encoded, base64, escaped in a string."""
    raw = {secret, secret.strip()}
    as_bytes = {s.encode("utf-8", "surrogatepass") for s in raw}
    encoded = {quote(b, safe=safe) for b in as_bytes for safe in ("/", "")}
    encoded |= {quote_plus(b) for b in as_bytes}
    encoded |= {re.sub("%..", lambda m: m[0].lower(), text) for text in encoded}
    based = {form for b in as_bytes for form in _based(b)}
    escaped = {json.dumps(s, ensure_ascii=plain)[1:-1] for s in raw for plain in (True, False)}
    escaped |= {repr(s)[1:-1] for s in raw} | {repr(b)[2:-1] for b in as_bytes}
    return raw | encoded | based | escaped


def _based(secret: bytes) -> Iterator[str]:
    """Yield its base64 alone and as it stands within something longer, at each of three offsets.

    A character that carries bits of a neighbour's is left out (RFC 4648 §4).
    """
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(secret).decode()
        yield whole
        yield whole.rstrip("=")
        for offset in range(3):
            first, last = -(-8 * offset // 6), 8 * (offset + len(secret)) // 6
            within = encode(bytes(offset) + secret + bytes(2)).decode()[first:last]
            if len(within) >= _PIECE:
                yield within


def _pieces(form: str) -> Iterator[str]:
    """Yield each row of so many characters of what has no break in it."""
    for run in _UNBROKEN.findall(form):
        for start in range(len(run) - _PIECE + 1):
            yield run[start : start + _PIECE]


# --- addresses and host names -----------------------------------------------------------------

_ADDRESS = re.compile(
    r"(?<![\w.])(?:"
    r"\[(?P<bracketed>[0-9a-fA-F:.]+)\]"
    r"|(?P<v4>\d{1,3}(?:\.\d{1,3}){3})"
    r"|(?<!:)(?P<v6>(?:[0-9a-fA-F]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}))"
    r")(?!\w|\.\d|:[0-9a-fA-F]{0,4}:)"  # a fingerprint is a longer row of such pairs
)
_LABELS = r"[A-Za-z0-9_](?:[\w-]*\.)*[\w-]+"
_DOTTED = r"[A-Za-z0-9_](?:[\w-]*\.)+[A-Za-z][\w-]*"
_HOST = re.compile(
    rf"://(?:[^/\s@]*@)?(?P<in_url>{_LABELS})"
    rf"|\b(?:stuns?|turns?):(?P<in_ice_url>{_LABELS})"
    rf"|commonName=(?:\*\.)?(?P<in_certificate>{_DOTTED})"
    rf"|(?<![\w.@/-])(?P<with_port>{_DOTTED})(?=:\d)"
    rf"|\A(?P<alone>{_DOTTED})\.?\Z"
)
# A machine that is called so tells nothing, and these words mean something else in a record.
_SCHEMES = ("http", "https", "ws", "wss", "stun", "stuns", "turn", "turns")
_NO_NAMES = {*STEP_NAMES, *_SCHEMES, "localhost", "udp", "tcp", "tls", "dtls"}


def anonymize(record: dict[str, Any]) -> dict[str, Any]:
    """Replace addresses and host names in a record, the same one always by the same alias.

    Host names are those that the record itself shows as such: in URLs, before a port, in a
    certificate, as this machine's. What the rules compare (names, statuses, failures) stays.
    """
    hide = _Aliases(_host_names(record)).hide

    def hidden(fields: dict[str, Any], *names: str) -> dict[str, Any]:
        return {**fields, **{name: _mapped(fields[name], hide) for name in names}}

    steps = [
        {
            **hidden(step, "reason", "data"),
            "observations": [hidden(o, "endpoint", "notes") for o in step["observations"]],
        }
        for step in record["steps"]
    ]
    return {**hidden(record, "call", "target", "environment"), "steps": steps}


class _Aliases:
    """Gives each address and each of the names an alias, in the order they are met."""

    def __init__(self, names: set[str]) -> None:
        self._aliases: dict[str, str] = {}
        longest_first = "|".join(re.escape(n) for n in sorted(names, key=len, reverse=True))
        self._names = re.compile(
            rf"(?<![\w-])(?<!\w\.)(?:{longest_first or '(?!)'})(?![\w-]|\.\w)", re.IGNORECASE
        )

    def hide(self, text: str) -> str:
        named = self._names.sub(lambda m: self._alias("host", m[0].lower()), text)
        return _ADDRESS.sub(self._address, named)

    def _address(self, match: re.Match[str]) -> str:
        text = match["bracketed"] or match[0]
        try:
            return self._alias("ip", str(ipaddress.ip_address(text)))
        except ValueError:
            return match[0]

    def _alias(self, kind: str, value: str) -> str:
        if value not in self._aliases:
            number = sum(1 for known in self._aliases.values() if known.startswith(kind)) + 1
            self._aliases[value] = f"{kind}-{number}"
        return self._aliases[value]


def _host_names(record: dict[str, Any]) -> set[str]:
    looked_up = (
        observation["endpoint"]
        for step in record["steps"]
        for observation in step["observations"]
        if observation["operation"] == "dns_lookup"
    )
    found = {record["environment"].get("hostname") or "", *looked_up}
    for text in _texts([record[part] for part in ("steps", "target", "environment")]):
        found |= {str(match[match.lastgroup or 0]) for match in _HOST.finditer(text)}
    return {
        name
        for name in (name.lower().strip(".") for name in found)
        if name and name not in _NO_NAMES and not _ADDRESS.fullmatch(name)
    }


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from (*_texts(key), *_texts(item))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _mapped(value: Json, change: Callable[[str], str]) -> Json:
    """Change the texts in nested data; keys only where they can hold an address or a name."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {
            change(key) if "." in key or ":" in key else key: _mapped(item, change)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_mapped(item, change) for item in value]
    return value
