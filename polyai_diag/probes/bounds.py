"""How much of what the network sends is kept: it must fill neither the report nor the time."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from polyai_diag.redact import MOST_READ

if TYPE_CHECKING:
    from polyai_diag.model import Json

MAX_TEXT = 500
MAX_ITEMS = 500


class Room:
    """What may still be looked at, in characters; a value without text counts as one."""

    def __init__(self, characters: int) -> None:
        self.left = characters

    def takes(self, value: Json) -> Json:
        """Return a value as far as there is room for it: without the rest of its items."""
        if isinstance(value, dict):
            return {
                key: self.takes(item)
                for key, item in islice(value.items(), MAX_ITEMS)
                if self._has(len(str(key)))
            }
        if isinstance(value, list | tuple):
            return [self.takes(item) for item in value[:MAX_ITEMS] if self._has(1)]
        if isinstance(value, str):
            self.left -= min(len(value), MOST_READ)
        return value

    def _has(self, characters: int) -> bool:
        self.left -= min(characters, MOST_READ)
        return self.left >= 0


def bounded(value: Json) -> Json:
    """Cut long texts and long lists, wherever they stand."""
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, dict):
        return {cut(str(key)): bounded(item) for key, item in islice(value.items(), MAX_ITEMS)}
    if isinstance(value, list | tuple):
        return [bounded(item) for item in value[:MAX_ITEMS]]
    return value


def cut(text: str) -> str:
    """Cut a text, and make it one that UTF-8 can hold."""
    shown = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
    return shown.encode("utf-8", "replace").decode()  # JSON can bring lone surrogates
