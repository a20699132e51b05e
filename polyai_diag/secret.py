"""A value that does not show itself."""

from __future__ import annotations

import hashlib


class Secret:
    """A token or credential that shows itself to `reveal()` alone: not to print, repr or pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself: to send it, never to show it."""
        return self._value

    @property
    def fingerprint(self) -> str:
        """First 8 hex digits of its SHA-256: enough to see whether two are the same."""
        return hashlib.sha256(self._value.encode("utf-8", "surrogatepass")).hexdigest()[:8]

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a Secret cannot be pickled")
