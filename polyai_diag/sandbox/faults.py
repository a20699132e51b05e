"""The faults that the sandbox can play: what each is, and which server setting makes it.

Nothing outside the sandbox reads this table: what is diagnosed must show on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyai_diag.model import InputError
from polyai_diag.sandbox.turn_service import TurnFaults

if TYPE_CHECKING:
    from collections.abc import Iterable


class FaultError(InputError):
    """A fault that the sandbox cannot play; the text is one line and names those it can."""


@dataclass(frozen=True)
class GatewayFaults:
    """What the gateway does wrong on purpose."""

    reject_tokens: bool = False
    """Every token is wrong, at the ICE servers' endpoint and in the offer."""
    move_signaling: bool = False
    """Signaling is served at another path than the one that clients are told."""
    answer_nothing: bool = False
    """An offer is taken, and no frame follows."""
    drop_udp: bool = False
    """UDP between clients and the media port is dropped; the TURN server's relayed UDP passes."""
    swallow_dtls: bool = False
    """DTLS records vanish, STUN passes (RFC 7983 §7 tells them apart)."""
    reject_audio: bool = False
    """The answer rejects every media section (RFC 3264 §6)."""
    send_silence: bool = False
    """What is sent is Opus-coded digital silence."""


@dataclass(frozen=True)
class Fault:
    """One fault in words, and the settings of GatewayFaults and TurnFaults that make it."""

    text: str
    gateway: tuple[str, ...] = ()
    turn: tuple[str, ...] = ()


TABLE = {
    "token-rejected": Fault("The gateway refuses every token.", ("reject_tokens",)),
    "wrong-endpoint": Fault(
        "The signaling URL is wrong: its path answers 404.", ("move_signaling",)
    ),
    "signaling-timeout": Fault(
        "The gateway takes the offer and never answers.", ("answer_nothing",)
    ),
    "udp-blocked": Fault(
        "A firewall drops UDP; TURN over TCP and TLS works.", ("drop_udp",), ("drop_udp",)
    ),
    "turn-credentials-rejected": Fault(
        "The TURN server refuses the credentials.", turn=("reject_credentials",)
    ),
    "dtls-failed": Fault("ICE connects, the DTLS handshake gets no answer.", ("swallow_dtls",)),
    "opus-rejected": Fault("The answer rejects the audio section.", ("reject_audio",)),
    "silent-audio": Fault("Audio arrives on time, and is silence.", ("send_silence",)),
}
FAULTS = tuple(TABLE)


def chosen(ids: Iterable[str]) -> list[Fault]:
    """Look the faults up. Raises FaultError for an id that is not in FAULTS."""
    faults = []
    for fault_id in ids:
        if fault_id not in TABLE:
            raise FaultError(
                f"the sandbox cannot play the fault {fault_id!r}; accepted: {', '.join(FAULTS)}"
            )
        faults.append(TABLE[fault_id])
    return faults


def gateway_faults(faults: Iterable[Fault]) -> GatewayFaults:
    """Put together what the gateway does wrong."""
    return GatewayFaults(**{name: True for fault in faults for name in fault.gateway})


def turn_faults(faults: Iterable[Fault]) -> TurnFaults:
    """Put together what the STUN and TURN server does wrong."""
    return TurnFaults(**{name: True for fault in faults for name in fault.turn})
