"""Where the functions of a notebook call: the sandbox, or a real gateway."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from polyai_diag.target import Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SANDBOX = "sandbox"
TOKEN_VARIABLE = "POLYAI_TOKEN"  # noqa: S105 - its name, not its value


@asynccontextmanager
async def calling(gateway: str = SANDBOX, fault: str = "") -> AsyncIterator[Target]:
    """Give what to call: `sandbox` with a fault, or a region or URL with POLYAI_TOKEN's token.

    Raises FaultError for a fault that the sandbox cannot play, TargetError for a URL that is none.
    """
    if gateway != SANDBOX:
        yield Target(gateway, os.environ.get(TOKEN_VARIABLE))
        return
    from polyai_diag.sandbox import Sandbox  # noqa: PLC0415 - a real gateway needs none of it

    async with Sandbox(faults=(fault,) if fault else ()) as sandbox:
        yield sandbox.target()
