"""Guide section 2: the negotiation of Opus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.causes.engine import Facts, Layer, Seen, cause
from polyai_diag.model import Actor, Evidence, Guide

if TYPE_CHECKING:
    from collections.abc import Iterator


def _compared(facts: Facts, cause_id: str) -> Iterator[Evidence]:
    for seen in facts.failed("sdp_compare", cause=cause_id):
        yield seen.says(f"Offer and answer: {seen.note('detail')}")


@cause(
    "opus-rejected",
    acts=Actor.GATEWAY,
    layer=Layer.SDP,
    guide=Guide.NO_AUDIO,
    title="The answer has no Opus audio",
    remedy="Offer opus/48000/2 in an audio section; if it was offered, send PolyAI this report.",
    reference="RFC 7587 §7, RFC 3264 §6",
    breaks=("opus",),
)
def opus_rejected(facts: Facts) -> Iterator[Evidence | Seen]:
    """The audio section is rejected, or answered without Opus."""
    yield from _compared(facts, "opus-rejected")


@cause(
    "opus-misconfigured",
    acts=Actor.CUSTOMER,
    layer=Layer.SDP,
    guide=Guide.NO_AUDIO,
    title="Opus is agreed in a form that is not opus/48000/2",
    remedy="Let both sides use opus/48000/2, whatever the sound's own rate and channels are.",
    reference="RFC 7587 §7",
    breaks=("opus",),
)
def opus_misconfigured(facts: Facts) -> Iterator[Evidence | Seen]:
    """Another clock rate or channel count than RFC 7587 has."""
    yield from _compared(facts, "opus-misconfigured")


@cause(
    "media-direction",
    acts=Actor.CUSTOMER,
    layer=Layer.SDP,
    guide=Guide.NO_AUDIO,
    title="One side does not send, or does not receive",
    remedy="Offer and answer the audio as sendrecv.",
    reference="RFC 3264 §6.1",
    breaks=("opus",),
)
def media_direction(facts: Facts) -> Iterator[Evidence | Seen]:
    """The direction agreed carries audio one way at most."""
    yield from _compared(facts, "media-direction")
