"""Guide section 2: the packets, the sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.causes.engine import Facts, Layer, Seen, cause
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Evidence, Guide

if TYPE_CHECKING:
    from collections.abc import Iterator


@cause(
    "no-audio-received",
    acts=Actor.NETWORK,
    layer=Layer.RTP,
    guide=Guide.NO_AUDIO,
    title="Connected, and no audio packets arrive",
    remedy="Send PolyAI this report: the call is up, and the gateway sends nothing.",
    reference="RFC 3550 §5.1",
    breaks=("call", "audio"),
)
def no_audio_received(facts: Facts) -> Iterator[Evidence | Seen]:
    """ICE and DTLS are up, and RTP stays away."""
    operations = ("rtp_receive", "audio_loopback", "audio_listen")
    for seen in facts.failed(*operations, failures=[Failure.NO_RTP]):
        yield seen.says(f"The call is connected: {seen.note('detail')}")
