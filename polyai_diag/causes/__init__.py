"""Causes: what the observations mean.

Importing this package enters every cause in the catalogue.
"""

from polyai_diag.causes import audio, gateway, ice, unauthorized
from polyai_diag.causes.engine import CAUSES, Cause, describe, judge, root_causes, verdict

__all__ = [
    "CAUSES",
    "Cause",
    "audio",
    "describe",
    "gateway",
    "ice",
    "judge",
    "root_causes",
    "unauthorized",
    "verdict",
]
