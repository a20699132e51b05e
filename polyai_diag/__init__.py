"""Diagnostics for voice calls to the PolyAI WebRTC gateway.

from polyai_diag import Target, diagnose
report = await diagnose(Target("us-1", token))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from polyai_diag.analysis.frames import lint_frame
    from polyai_diag.analysis.sdp_compare import compare_sdp
    from polyai_diag.analysis.sdp_lint import lint_sdp
    from polyai_diag.api import analyze_recording, diagnose, diagnose_sync, to_frame
    from polyai_diag.model import Issue
    from polyai_diag.report import Report, ReportError
    from polyai_diag.secret import Secret
    from polyai_diag.steps.audio import check_audio
    from polyai_diag.steps.call import check_call
    from polyai_diag.steps.gateway import check_gateway
    from polyai_diag.steps.nat import check_nat
    from polyai_diag.steps.opus import check_opus
    from polyai_diag.steps.signaling import check_signaling
    from polyai_diag.steps.stun import check_stun
    from polyai_diag.steps.token import check_token
    from polyai_diag.steps.turn import check_turn
    from polyai_diag.target import IceServer, Target, TargetError

# Importing is cheap: a name is loaded from its room when it is first asked for.
_ROOMS = {
    "polyai_diag.analysis.frames": ("lint_frame",),
    "polyai_diag.analysis.sdp_compare": ("compare_sdp",),
    "polyai_diag.analysis.sdp_lint": ("lint_sdp",),
    "polyai_diag.api": ("analyze_recording", "diagnose", "diagnose_sync", "to_frame"),
    "polyai_diag.model": ("Issue",),
    "polyai_diag.target": ("IceServer", "Target", "TargetError"),
    "polyai_diag.report": ("Report", "ReportError"),
    "polyai_diag.secret": ("Secret",),
    "polyai_diag.steps.audio": ("check_audio",),
    "polyai_diag.steps.call": ("check_call",),
    "polyai_diag.steps.gateway": ("check_gateway",),
    "polyai_diag.steps.nat": ("check_nat",),
    "polyai_diag.steps.opus": ("check_opus",),
    "polyai_diag.steps.signaling": ("check_signaling",),
    "polyai_diag.steps.stun": ("check_stun",),
    "polyai_diag.steps.token": ("check_token",),
    "polyai_diag.steps.turn": ("check_turn",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "IceServer",
    "Issue",
    "Report",
    "ReportError",
    "Secret",
    "Target",
    "TargetError",
    "__version__",
    "analyze_recording",
    "check_audio",
    "check_call",
    "check_gateway",
    "check_nat",
    "check_opus",
    "check_signaling",
    "check_stun",
    "check_token",
    "check_turn",
    "compare_sdp",
    "diagnose",
    "diagnose_sync",
    "lint_frame",
    "lint_sdp",
    "to_frame",
]


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_ROOM_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
