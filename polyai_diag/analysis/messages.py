"""What the gateway says no with: its codes, and the messages that some clients show alone. Pure."""

from __future__ import annotations

import re

CAUSE_OF_CODE = {
    "UNAUTHORIZED": "token-rejected",
    "FORBIDDEN": "request-forbidden",
    "INVALID_ARGUMENT": "request-invalid",
    "INVALID_MESSAGE": "request-invalid",
    "AGENT_FAILURE": "agent-failure",
    "MEDIA_BRIDGE_FAILURE": "media-bridge-failure",
    "HANDLER_ERROR": "gateway-error",
}
TOKEN_REQUIRED = re.compile(r"auth token (?:is )?required", re.IGNORECASE)

_MOST_CHARACTERS = 500
_MESSAGES = tuple(
    (re.compile(rf"\b(?:{words})\b", re.IGNORECASE), code)
    for words, code in (
        (TOKEN_REQUIRED.pattern, "UNAUTHORIZED"),
        (r"invalid (?:auth|authentication|authorization|access) token", "UNAUTHORIZED"),
        (r"unauthori[sz]ed|authentication failed", "UNAUTHORIZED"),
        (r"(?:echo )?mode is not allowed|forbidden|permission denied by gateway", "FORBIDDEN"),
        (r"(?:unknown|invalid|unsupported) mode|invalid argument", "INVALID_ARGUMENT"),
        (r"invalid message", "INVALID_MESSAGE"),
        (r"failed to start (?:the )?agent|agent (?:failure|failed to start)", "AGENT_FAILURE"),
        (r"media (?:bridge|path) (?:failure|failed)", "MEDIA_BRIDGE_FAILURE"),
        (r"handler error|failed to process (?:the )?offer", "HANDLER_ERROR"),
    )
)


def code_in(text: str) -> str | None:
    """Return the gateway's error code that a text names as such (`UNAUTHORIZED: …`)."""
    found = _CODE.search(text[:_MOST_CHARACTERS])
    return found[0] if found else None


def known_message(text: str) -> tuple[str, str] | None:
    """Return the code that goes with a known message in a text, and the message's own words."""
    start = text[:_MOST_CHARACTERS]
    for shape, code in _MESSAGES:
        if found := shape.search(start):
            return code, found[0]
    return None


_CODE = re.compile(rf"\b(?:{'|'.join(CAUSE_OF_CODE)})\b")
