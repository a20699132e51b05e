"""Where this tool itself broke, in words fit for a report."""

from __future__ import annotations

import traceback


def our_bug(exc: BaseException) -> str:
    """Say what broke and where: type and place, not the message, which may hold anything."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    kind = type(exc).__name__
    places = traceback.extract_tb(exc.__traceback__)
    if not places:
        return kind
    file = places[-1].filename.replace("\\", "/").rpartition("/")[-1]
    return f"{kind} in {file}, line {places[-1].lineno}, in {places[-1].name}"
