"""Causes: what the observations mean.

Importing this package enters every cause in the catalogue.
"""

from polyai_diag.causes import (
    browser,
    clock,
    gateway,
    ice,
    lateness,
    network,
    opus,
    packets,
    signaling,
    sound,
    turn,
    turn_config,
    turn_relay,
    turn_tls,
    udp,
    unauthorized,
)
from polyai_diag.causes.browser_joined import judge
from polyai_diag.causes.engine import CAUSES, Cause, describe, root_causes, verdict

__all__ = [
    "CAUSES",
    "Cause",
    "browser",
    "clock",
    "describe",
    "gateway",
    "ice",
    "judge",
    "lateness",
    "network",
    "opus",
    "packets",
    "root_causes",
    "signaling",
    "sound",
    "turn",
    "turn_config",
    "turn_relay",
    "turn_tls",
    "udp",
    "unauthorized",
    "verdict",
]
