"""ICE, DTLS and how a call ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.causes.engine import Facts, Layer, Seen, cause, describe
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Evidence, Guide

if TYPE_CHECKING:
    from collections.abc import Iterator


@cause(
    "ice-no-candidates",
    acts=Actor.NETWORK,
    layer=Layer.ICE,
    guide=Guide.ICE,
    title="One side offers no usable candidates",
    remedy="With relay only, a TURN server must work first; else check this machine's interfaces.",
    reference="RFC 8445 §5.1.1",
    breaks=("call", "signaling"),
)
def ice_no_candidates(facts: Facts) -> Iterator[Evidence | Seen]:
    """None gathered here, or none offered there."""
    none = [Failure.ICE_NO_CANDIDATES]
    for seen in facts.failed("ice_gather", failures=none):
        yield seen.says("This side gathered no candidates")
    for seen in facts.failed("ice_connect", failures=none):
        yield seen.says("The gateway offered no candidate that can be paired")


@cause(
    "ice-failed",
    acts=Actor.NETWORK,
    layer=Layer.ICE,
    guide=Guide.ICE,
    title="ICE finds no way between this machine and the gateway",
    remedy="Configure a TURN server over TCP or TLS; have outbound UDP allowed.",
    reference="RFC 8445 §8.1.2",
    breaks=("call",),
)
def ice_failed(facts: Facts) -> Iterator[Evidence | Seen]:
    """Candidates on both sides, and no pair succeeded."""
    for seen in facts.failed("ice_connect", failures=[Failure.ICE_FAILED]):
        pairs = len(seen.note("pairs") or ())
        yield seen.says(f"{pairs} candidate pairs checked, none works ({seen.note('detail')})")


@cause(
    "call-ended-early",
    acts=Actor.GATEWAY,
    layer=Layer.ICE,
    guide=Guide.ICE,
    title="The gateway ends the call early",
    remedy="Send PolyAI this report: callSid and the second are in it.",
    breaks=("audio",),
)
def call_ended_early(facts: Facts) -> Iterator[Evidence | Seen]:
    """The gateway's `close` while the call was held."""
    for seen in facts.failed("call_hold", failures=[Failure.CALL_ENDED]):
        after_s = seen.observation.duration_ms / 1000
        yield seen.says(f"After {after_s:.0f} s of holding, {seen.note('detail')}")


@cause(
    "dtls-failed",
    acts=Actor.NETWORK,
    layer=Layer.DTLS,
    guide=Guide.ICE,
    title="The encryption handshake (DTLS) fails after ICE has connected",
    remedy=(
        "Ask the network team whether a firewall passes STUN and drops DTLS on the same port; "
        "try the call relay-only over TLS, which hides it."
    ),
    reference="RFC 8827 §6.5, RFC 5763 §5",
    breaks=("call",),
)
def dtls_failed(facts: Facts) -> Iterator[Evidence | Seen]:
    """ICE is up and the handshake is not finished; a wrong fingerprint is named."""
    for seen in facts.failed("dtls_handshake"):
        if seen.observation.failure is Failure.DTLS_FINGERPRINT_MISMATCH:
            shown, agreed = seen.note("fingerprint_shown"), seen.note("fingerprints_agreed")
            yield seen.says(f"The certificate shown ({shown}) is not the one agreed ({agreed})")
        else:
            yield seen.says(f"ICE connected; {describe(seen.observation)}")
