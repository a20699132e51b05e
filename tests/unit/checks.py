"""Results of a browser's check, made by hand."""

from __future__ import annotations

from typing import Any

from polyai_diag.model import Severity

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO


def saw(
    operation: str,
    failure: str | None = None,
    *,
    step: str = "browser",
    endpoint: str = "somewhere",
    **notes: Any,
) -> dict[str, Any]:
    """Return an observation as the page tells it."""
    timed = {"started_ms": 1.0, "duration_ms": 2.0}
    told = {"step": step, "operation": operation, "endpoint": endpoint}
    return {**told, **timed, "failure": failure, "notes": notes}


def check(*observations: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a result with these observations, of Chrome on Windows."""
    return {
        "browser_check": 1,
        "tool": "polyai-diag 0.1.0",
        "started": "2026-03-01T12:00:00.000Z",
        "duration_ms": 9000.0,
        "ended": "finished",
        "running": None,
        "place": "page",
        "browser": {"name": "chrome", "brand": "Chrome", "version": "130.0", "system": "windows"},
        "target": {"url": "wss://gateway.example/api/v1/webrtc/signal", "ice_urls": []},
        "call": {"call_sid": "polyai-diag-1", "session_id": "s-1"},
        "errors": [],
        "observations": list(observations),
        "statistics": [],
        "samples": [],
        "descriptions": {},
        **more,
    }


def denied(by: str) -> dict[str, Any]:
    return saw("microphone_open", "permission_denied", error="NotAllowedError", denied_by=by)


def csp(directive: str, endpoint: str) -> dict[str, Any]:
    return saw("csp_violation", "policy_blocked", endpoint=endpoint, directive=directive)


CONNECTED = saw("dtls_handshake", step="call")

CASES: list[tuple[list[dict[str, Any]], dict[str, Severity]]] = [
    ([], {}),
    ([saw("secure_context", "insecure_context")], {"insecure-context": CRITICAL}),
    ([saw("browser_version", "browser_outdated")], {"browser-unsupported": CRITICAL}),
    (
        [saw("browser_version", "browser_outdated"), CONNECTED],
        {"browser-unsupported": WARNING},
    ),
    ([denied("person")], {"microphone-denied": CRITICAL}),
    ([saw("permissions_policy", "policy_blocked")], {"microphone-denied": CRITICAL}),
    ([saw("microphone_open", "device_missing")], {"microphone-missing": CRITICAL}),
    ([saw("microphone_open", "device_busy")], {"microphone-busy": CRITICAL}),
    ([saw("microphone_open", "device_failed")], {"microphone-busy": CRITICAL}),
    ([saw("microphone_listen", "silence")], {"microphone-silent": CRITICAL}),
    ([saw("microphone_listen", band_edge_hz=4000)], {"microphone-narrowband": WARNING}),
    ([saw("microphone_listen", band_edge_hz=8000)], {"microphone-narrowband": INFO}),
    ([saw("microphone_listen", active_level_dbfs=-26)], {}),
    ([saw("microphone_listen", active_level_dbfs=-58)], {"audio-too-quiet": WARNING}),
    (
        [saw("microphone_listen", clipped_runs=900, clipped_share=0.1)],
        {"audio-clipped": WARNING},
    ),
    ([saw("speaker_test", "playback_blocked")], {"playback-blocked": CRITICAL}),
    ([saw("speaker_test", heard="no")], {}),
    ([saw("overhearing", rise_db=20, correlation=0.9)], {"agent-hears-itself": WARNING}),
    ([saw("overhearing", rise_db=20, correlation=0.2)], {}),
    ([saw("overhearing", rise_db=3, correlation=0.9)], {}),
    ([saw("webrtc_support", "webrtc_missing")], {"browser-blocks-webrtc": CRITICAL}),
    (
        [saw("webrtc_support", "ice_no_candidates", overridden=True)],
        {"browser-blocks-webrtc": CRITICAL},
    ),
    ([saw("opus_support", "opus_missing")], {"browser-lacks-opus": CRITICAL}),
    ([saw("frame_policy", microphone=False)], {}),
    ([saw("permission_query", "unknown_failure")], {"unexplained": CRITICAL}),
]
"""What was seen, and each cause that it shows, with its severity."""
