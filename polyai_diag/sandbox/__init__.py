"""A whole gateway on this machine, and everything that can be broken in it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from polyai_diag.sandbox.faults import FAULTS, FaultError

if TYPE_CHECKING:
    from polyai_diag.sandbox.sandbox import Sandbox

__all__ = ["FAULTS", "FaultError", "Sandbox"]


def __getattr__(name: str) -> Any:
    """Import `Sandbox`, and aiortc with it, when it is asked for."""
    if name == "Sandbox":
        return importlib.import_module("polyai_diag.sandbox.sandbox").Sandbox
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
