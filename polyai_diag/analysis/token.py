"""What a token tells by itself, unverified: nobody here holds the key. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from polyai_diag.failures import Failure

MAX_TOKEN_CHARACTERS = 16 * 1024
CLOCK_LEEWAY_S = 30


@dataclass(frozen=True)
class TokenFacts:
    """Kind, length and dates of a token; never the token."""

    kind: str  # "none", "connector token", "Studio JWT"
    length: int
    failure: Failure | None = None
    detail: str = ""
    expires: datetime | None = None


def read_token(token: str | None, now: datetime) -> TokenFacts:
    """Look a token over: its form, and a JWT's dates against `now` (RFC 7519 §4.1).

    A JWT's signature is not checked.
    """
    if not token or not token.strip():
        return TokenFacts("none", len(token or ""), Failure.TOKEN_MISSING, "no token was given")
    jwt_like = token.strip().startswith("eyJ") or token.strip().count(".") == 2
    kind = "Studio JWT" if jwt_like else "connector token"
    fault = _form_fault(token)
    if fault is not None:
        return TokenFacts(kind, len(token), Failure.TOKEN_MALFORMED, fault)
    return _read_jwt(token, now) if jwt_like else TokenFacts(kind, len(token))


def _form_fault(token: str) -> str | None:
    if len(token) > MAX_TOKEN_CHARACTERS:
        return f"longer than {MAX_TOKEN_CHARACTERS} characters"
    if token != token.strip():
        return "blanks or a line end around it"
    if token.lower().startswith("bearer "):
        return "it begins with 'Bearer '; give the token alone"
    if token[0] in "\"'" or token[-1] in "\"'":
        return "quotes around it"
    if not token.isascii() or not token.isprintable() or " " in token:
        return "blanks, invisible or non-ASCII characters in it"
    return None


def _read_jwt(token: str, now: datetime) -> TokenFacts:
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, RecursionError):
        segments = token.count(".") + 1
        detail = f"a JWT has three segments that can be read; this has {segments}"
        return TokenFacts("Studio JWT", len(token), Failure.TOKEN_MALFORMED, detail)
    expires = _date(claims, "exp")
    begins = max(filter(None, (_date(claims, "nbf"), _date(claims, "iat"))), default=None)
    leeway = timedelta(seconds=CLOCK_LEEWAY_S)
    if expires is not None and now - expires > leeway:
        detail = f"expired {_span(now - expires)} ago ({_shown(expires)})"
        return TokenFacts("Studio JWT", len(token), Failure.TOKEN_EXPIRED, detail, expires)
    if begins is not None and begins - now > leeway:
        detail = f"valid only in {_span(begins - now)} ({_shown(begins)})"
        return TokenFacts("Studio JWT", len(token), Failure.TOKEN_NOT_YET_VALID, detail, expires)
    return TokenFacts("Studio JWT", len(token), expires=expires)


def _date(claims: dict[str, Any], name: str) -> datetime | None:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    minutes = seconds // 60
    if minutes < 2:
        return f"{seconds} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // (24 * 60)} days"


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
