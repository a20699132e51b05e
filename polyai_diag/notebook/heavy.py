"""What takes seconds to import, aiortc and scipy above all: loaded while the panel is looked at."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyai_diag.runner import Runner
    from polyai_diag.sandbox import Sandbox
    from polyai_diag.target import Target


def new_runner(target: Target, **given: Any) -> Runner:
    """Return a Runner, which takes what it takes."""
    from polyai_diag.runner import Runner  # noqa: PLC0415 - this is what this file is for

    return Runner(target, **given)


def new_sandbox(faults: Sequence[str]) -> Sandbox:
    """Return a sandbox with these faults."""
    from polyai_diag.sandbox import Sandbox  # noqa: PLC0415 - this is what this file is for

    return Sandbox(faults=faults)


@cache
def load_in_background() -> threading.Thread:
    """Begin to import all of it, once a process."""
    thread = threading.Thread(target=_load, name="polyai-diag imports", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    from polyai_diag.plan import PLAN, loaded  # noqa: PLC0415 - this is what this file is for

    with suppress(ImportError):  # the run that needs it says so
        from polyai_diag.runner import Runner  # noqa: F401, PLC0415
        from polyai_diag.sandbox import Sandbox  # noqa: F401, PLC0415

        loaded(PLAN)
