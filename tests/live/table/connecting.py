"""UDP, TURN and ICE, in other disguises."""

from __future__ import annotations

from tests.live.cases import Case, stun_only

CONNECTING = [
    Case(
        "UDP blocked, no TURN configured",
        ("udp-blocked",),
        frozenset({"udp-blocked"}),
        frozenset({"stun-unreachable", "turn-not-configured", "ice-failed"}),
        target=stun_only,
    ),
    *(
        Case(
            f"{fault}, no TURN configured",
            (fault,),
            frozenset({"turn-not-configured"}),
            frozenset({"ice-failed"}),
            target=stun_only,
        )
        for fault in ("media-ports-blocked", "ice-failed")
    ),
    *(
        Case(
            f"{fault}, relay only",
            (fault,),
            frozenset({fault}),
            target=lambda _: {"relay_only": True},
        )
        for fault in ("ice-failed", "ice-disconnected")
    ),
    *(
        Case(
            f"{fault}, the agent answers",
            (fault,),
            frozenset({fault}),
            sandbox={"allow_echo": False},
        )
        for fault in ("ice-disconnected", "call-ended-early")
    ),
    Case(
        "ice-no-candidates, the gateway trickles",
        ("ice-no-candidates",),
        frozenset({"ice-no-candidates"}),
        sandbox={"trickle": True},
    ),
    Case(
        "relay only, credentials rejected",
        ("turn-credentials-rejected",),
        frozenset({"turn-credentials-rejected"}),
        target=lambda _: {"relay_only": True},
    ),
]
