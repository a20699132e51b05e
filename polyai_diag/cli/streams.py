"""Standard output and standard error where nobody can write to them any more."""

from __future__ import annotations

import contextlib
import errno
import os
import sys

UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EPIPE}


def complain(said: str) -> None:
    """Say one line on standard error, where it takes one."""
    with contextlib.suppress(OSError):
        print(f"polyai-diag: {said}", file=sys.stderr, flush=True)


def give_up_standard_output() -> None:
    """Let vanish what it still holds: Python would try to write that at its end, and complain."""
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
