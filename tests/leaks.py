"""Where a secret shows in a text: itself, encoded, or a piece of it."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PIECE = 12  # characters in a row


def leaks(text: str, secrets: Iterable[str]) -> list[str]:
    """Return each secret that the text gives away, with the piece that does."""
    pieces = {p: secret for secret in secrets for form in forms(secret) for p in _pieces(form)}
    found: dict[str, str] = {}
    for run in re.findall(rf"[^\s\"<>]{{{min(map(len, pieces), default=PIECE)},}}", text):
        for length in {len(piece) for piece in pieces}:
            for start in range(len(run) - length + 1):
                piece = run[start : start + length]
                if piece in pieces:
                    found.setdefault(pieces[piece], piece)
    return [f"{secret}: {piece}" for secret, piece in found.items()]


def forms(secret: str) -> Iterator[str]:
    """Yield a secret as it may be met on a wire or in a log."""
    yield from (secret, quote(secret, safe=""), quote_plus(secret), repr(secret.encode())[2:-1])
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in ("", "x", "xx"):  # what stands before it shifts every letter
            coded = encode(f"{before}{secret}".encode()).decode()
            yield coded[4 if before else 0 : len(coded) - 4]


def said_back(secret: str) -> str:
    """Return a text as a careless server writes it, with the secret in each of its forms."""
    half = len(secret) // 2
    coded = [*forms(secret)]
    return f"refused {secret} ({secret[:half]}… …{secret[half:]}) {' '.join(coded)}"


def _pieces(form: str) -> Iterator[str]:
    for start in range(max(1, len(form) - PIECE + 1)):
        yield form[start : start + PIECE]
