"""The tokens that the sandbox's gateway takes: one connector token, and JWTs that it signed."""

from __future__ import annotations

import hmac
import secrets
import time
from typing import Any

import jwt

_LEEWAY_S = 10  # what servers usually grant to clocks that differ a little
_ALGORITHM = "HS256"


class Tokens:
    """A connector token, and the key that Studio JWTs are signed with."""

    def __init__(self) -> None:
        self.connector = f"sandbox-{secrets.token_urlsafe(24)}"
        self._key = secrets.token_bytes(32)

    def studio(self, **offsets_s: int) -> str:
        """Sign a Studio JWT whose dates (`exp`, `nbf`, `iat`) lie so many seconds from now."""
        now_s = int(time.time())
        claims: dict[str, Any] = {name: now_s + offset_s for name, offset_s in offsets_s.items()}
        return jwt.encode({"iss": "sandbox", **claims}, self._key, algorithm=_ALGORITHM)

    def accept(self, token: object, now_s: float) -> bool:
        """Whether this is one of them, and in date at `now_s` (Unix time)."""
        given = token if isinstance(token, str) else ""
        if hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self.connector.encode()):
            return True
        return self._in_date(given, now_s)

    def _in_date(self, token: str, now_s: float) -> bool:
        try:
            claims: dict[str, float] = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                # PyJWT would judge the dates by this machine's clock.
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            return False
        begins_s = max(claims.get("nbf", 0), claims.get("iat", 0))
        return begins_s - _LEEWAY_S <= now_s < claims.get("exp", now_s) + _LEEWAY_S
