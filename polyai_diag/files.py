"""Files that are whole or are not there: half a report reads like a whole one."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a file to be written; where the disk is full in the middle of it, leave none.

    Raises OSError.
    """
    path = Path(path)
    file = path.open("wb")
    try:
        with file:
            yield file
    except OSError:
        if path.is_file():  # and no pipe or device
            with contextlib.suppress(OSError):
                path.resolve().unlink()
        raise


def write_whole(path: str | Path, text: str) -> None:
    """Write a text, all of it or nothing. Raises OSError."""
    with whole_file(path) as file:
        file.write(text.encode())
