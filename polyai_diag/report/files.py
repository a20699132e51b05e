"""Files that are whole or are not there: half a report reads like a whole one."""

from __future__ import annotations

import contextlib
from pathlib import Path


def write_whole(path: str | Path, text: str) -> None:
    """Write a text; where the disk is full in the middle of it, leave no file. Raises OSError."""
    path = Path(path)
    file = path.open("w", encoding="utf-8")
    try:
        with file:
            file.write(text)
    except OSError:
        if path.is_file():  # and no pipe or device
            with contextlib.suppress(OSError):
                path.resolve().unlink()
        raise
