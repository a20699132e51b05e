"""What a token tells by itself, unverified: nobody here holds the key. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jwt

from polyai_diag.analysis.token_dates import DATE_CLAIMS, date_fault, seconds_of
from polyai_diag.analysis.token_form import is_blank, read_form
from polyai_diag.failures import Failure
from polyai_diag.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from polyai_diag.model import Json

_MAX_NAME_CHARACTERS = 200
_MAX_NAMES = 5
_SEGMENTS = ("header", "payload", "signature")
_BASE64URL = re.compile("[A-Za-z0-9_-]*={0,2}")
_MILLISECONDS = (946_684_800_000, 4_102_444_800_000)  # the years 2000 to 2100, were they seconds
_CENTURY_DAYS = 36_525


@dataclass(frozen=True)
class TokenFacts:
    """Kind, length and claims of a token; never the token, but for `mended`, which is a Secret.

    `exp`, `nbf` and `iat` are unix seconds as written in it; `dates` says them in words.
    `mended` is the token without what clings to it, where the rest of it is well-formed;
    `mended_by` names what was taken off.
    """

    kind: str  # "none", "connector token", "Studio JWT"
    length: int
    failure: Failure | None = None
    detail: str = ""
    expires: datetime | None = None
    exp: float | None = None
    nbf: float | None = None
    iat: float | None = None
    iss: str = ""
    aud: str = ""
    dates: tuple[str, ...] = ()
    mended: Secret | None = None
    mended_by: tuple[str, ...] = ()

    @property
    def notes(self) -> dict[str, Json]:
        """Return what an observation `token_read` keeps of it: what is absent is left out."""
        told = {name: getattr(self, name) for name in (*DATE_CLAIMS, "iss", "aud")}
        lists = {"dates": list(self.dates), "mended_by": list(self.mended_by)}
        found = {k: v for k, v in (told | lists).items() if v not in (None, "", [])}
        return {"kind": self.kind, "length": self.length, **found}


def read_token(token: str | None, now: datetime) -> TokenFacts:
    """Look a token over: its form, and a JWT's dates against `now` (RFC 7519 §4.1).

    A JWT's signature is not checked.
    """
    length = len(token or "")
    if not token or is_blank(token):
        return TokenFacts("none", length, Failure.TOKEN_MISSING, "no token was given")
    form = read_form(token)
    if form.placeholder:
        detail = f"{form.placeholder} in place of a token"
        return TokenFacts("none", length, Failure.TOKEN_MALFORMED, detail)
    if not form.core:
        detail = "; ".join(("nothing but what clings to a token", *form.around))
        return TokenFacts("none", length, Failure.TOKEN_MALFORMED, detail)
    facts = _read_core(form.core, form.within, now)
    if not form.around:
        return facts
    safe = facts.failure is not Failure.TOKEN_MALFORMED
    return replace(
        facts,
        length=length,
        failure=Failure.TOKEN_MALFORMED,
        detail="; ".join((*form.around, *filter(None, [facts.detail]))),
        mended=Secret(form.core) if safe else None,
        mended_by=form.around if safe else (),
    )


def _read_core(core: str, faults: tuple[str, ...], now: datetime) -> TokenFacts:
    """Read a token that nothing clings to."""
    if not (core.startswith("eyJ") or core.count(".") == 2):
        kind = "connector token"
    else:
        kind = "Studio JWT"
        faults = faults or tuple(_segment_faults(core))
        if not faults:
            return _read_jwt(core, now)
    failure = Failure.TOKEN_MALFORMED if faults else None
    return TokenFacts(kind, len(core), failure, "; ".join(faults))


# --- a JWT's segments -------------------------------------------------------------------------


def _segment_faults(core: str) -> Iterator[str]:
    """Name the segments that are missing or cannot be read (RFC 7515 §3.1, RFC 7516 §3.1)."""
    segments = core.split(".")
    if len(segments) == 5 and "enc" in (_object(segments[0]) or {}):
        yield "an encrypted JWT (JWE, five segments): a signed one of three is wanted"
        return
    if len(segments) > 3:
        yield f"{len(segments)} segments where a JWT has three"
    elif len(segments) < 3:
        missing = " and ".join(f"the {name}" for name in _SEGMENTS[len(segments) :])
        verb = "is" if len(segments) == 2 else "are"
        yield f"{len(segments)} of a JWT's three segments: {missing} {verb} missing"
    for name, segment in zip(_SEGMENTS, segments[:3], strict=False):
        fault = _segment_fault(name, segment)
        if fault:
            yield f"its {name} {fault}"


def _segment_fault(name: str, segment: str) -> str:
    if not segment:
        return "is empty"
    try:
        decoded = _decoded(segment)
        if name == "signature":
            return ""
        held = json.loads(decoded)
    except binascii.Error:
        return "is not base64url (RFC 4648 §5), or it was cut"
    except (ValueError, RecursionError):
        return "is not JSON"
    return "" if isinstance(held, dict) else "is not a JSON object"


def _decoded(segment: str) -> bytes:
    if not _BASE64URL.fullmatch(segment):
        raise binascii.Error
    bare = segment.rstrip("=")
    return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))


def _object(segment: str) -> dict[str, Any] | None:
    try:
        held = json.loads(_decoded(segment))
    except (ValueError, RecursionError):
        return None
    return held if isinstance(held, dict) else None


# --- its claims -------------------------------------------------------------------------------


def _read_jwt(core: str, now: datetime) -> TokenFacts:
    try:
        claims = jwt.decode(core, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        detail = "its header breaks the rules of a JWT (RFC 7515 §4)"
        return TokenFacts("Studio JWT", len(core), Failure.TOKEN_MALFORMED, detail)
    dates = {name: seconds_of(claims.get(name)) for name in DATE_CLAIMS}
    failure = date_fault(dates, now)
    return TokenFacts(
        "Studio JWT",
        len(core),
        failure,
        _date_detail(failure, dates, now.timestamp()),
        expires=_moment(dates["exp"]),
        iss=_names(claims.get("iss")),
        aud=_names(claims.get("aud")),
        exp=dates["exp"],
        nbf=dates["nbf"],
        iat=dates["iat"],
        dates=tuple(_date_sentences(claims, now.timestamp())),
    )


def _names(value: Any) -> str:
    """Return `iss` or `aud` as bounded text; `aud` may be a list (RFC 7519 §4.1.3)."""
    names = value if isinstance(value, list) else [value]
    text = ", ".join(name for name in names[:_MAX_NAMES] if isinstance(name, str))
    return text[:_MAX_NAME_CHARACTERS].encode("utf-8", "replace").decode()


# --- its dates in words -----------------------------------------------------------------------


def _date_detail(failure: Failure | None, dates: Mapping[str, float | None], now_s: float) -> str:
    if failure is None:
        return ""
    late = dates["exp"] if failure is Failure.TOKEN_EXPIRED else None
    if late is not None:
        return _expiry(late, now_s)
    begin, name = max((b, n) for n, b in dates.items() if n != "exp" and b is not None)
    return _in_milliseconds(name, begin) or f"valid only in {_span(begin - now_s)}{_shown(begin)}"


def _date_sentences(claims: Mapping[str, Any], now_s: float) -> Iterator[str]:
    words = {"exp": _expiry, "nbf": _begin, "iat": _issue}
    for name, say in words.items():
        number = seconds_of(claims.get(name))
        if number is not None:
            yield _in_milliseconds(name, number) or say(number, now_s)
        elif name in claims:
            yield f"{name} is not a number, so no date (RFC 7519 §2)"
        elif name == "exp":
            yield "no expiry in it"
    exp, nbf, iat = (seconds_of(claims.get(name)) for name in DATE_CLAIMS)
    if exp is not None and any(begin is not None and exp < begin for begin in (nbf, iat)):
        yield "it ends before it begins: exp is earlier than iat or nbf"


def _expiry(exp: float, now_s: float) -> str:
    if exp >= now_s:
        return f"valid for another {_span(exp - now_s)}{_shown(exp)}"
    return f"expired {_span(now_s - exp)} ago{_shown(exp)}"


def _begin(nbf: float, now_s: float) -> str:
    if nbf > now_s:
        return f"valid only in {_span(nbf - now_s)}{_shown(nbf)}"
    return f"valid since {_span(now_s - nbf)} ago{_shown(nbf)}"


def _issue(iat: float, now_s: float) -> str:
    if iat > now_s:
        return f"issued in the future, in {_span(iat - now_s)}{_shown(iat)}"
    return f"issued {_span(now_s - iat)} ago{_shown(iat)}"


def _in_milliseconds(name: str, number: float) -> str:
    if not _MILLISECONDS[0] <= number < _MILLISECONDS[1]:
        return ""
    meant = _shown(number / 1000)
    return f"{name} is in milliseconds{meant}; seconds are due (RFC 7519 §2)"


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    days = minutes // (24 * 60)
    if minutes < 2:
        return f"{int(seconds)} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{days} days" if days < _CENTURY_DAYS else "100 years or more"


def _moment(unix_s: float | None) -> datetime | None:
    try:
        return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _shown(unix_s: float) -> str:
    moment = _moment(unix_s)
    return f" ({moment:%Y-%m-%d %H:%M} UTC)" if moment else ""
