"""A machine that is busy with something else."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOR_S = 60  # it ends by itself where nobody is left to end it
_BUSY = f"import time; end = time.monotonic() + {_FOR_S}\nwhile time.monotonic() < end: pass"


@contextlib.contextmanager
def busy_cores(cores: int) -> Iterator[None]:
    """Keep so many cores busy, for a `with` block."""
    with contextlib.ExitStack() as running:
        for _ in range(cores):
            working = running.enter_context(subprocess.Popen([sys.executable, "-c", _BUSY]))
            running.callback(working.kill)
        yield
