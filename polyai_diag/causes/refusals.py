"""What the gateway refuses with an error, on the offer or later."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.causes.engine import Facts, Seen
    from polyai_diag.model import Evidence

ENDED_BY_IT = (
    "ice-failed",
    "media-ports-blocked",
    "turn-not-configured",
    "turn-relay-blackhole",
    "symmetric-nat",
    "dtls-failed",
)
"""What a call looks like from here that the gateway has given up after its answer."""


def errors(facts: Facts, code: str | None = None) -> Iterator[Seen]:
    """Errors that answered an offer, or ended a call: of this code, or of any."""
    for seen in facts.failed("offer_answer", "call_watch", "call_hold"):
        if seen.note("code") and code in (None, seen.note("code")):
            yield seen


def answer_to_offer(facts: Facts) -> Seen | None:
    """Return the exchange that brought the gateway's answer; its no to an echo is none."""
    return next((s for s in facts.succeeded("offer_answer") if not s.note("code")), None)


def in_words(seen: Seen) -> Evidence:
    """Tell an error in words."""
    told = f"{seen.note('code')}: {seen.note('message')}"
    if seen.observation.operation == "offer_answer":
        return seen.says(f"Offer answered {told}")
    return seen.says(f"{seen.note('after_answer_s')} s after its answer the gateway said {told}")
