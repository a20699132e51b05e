"""Guide section 1: the token, and what the gateway says to the offer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.causes.clock import token_failure
from polyai_diag.causes.engine import Facts, Layer, Seen, cause
from polyai_diag.causes.refusals import ENDED_BY_IT, answer_to_offer, errors, in_words
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Evidence, Guide

if TYPE_CHECKING:
    from collections.abc import Iterator

_STEPS_THAT_NEED_A_TOKEN = ("gateway", "signaling")
"""The first fails for the token alone where every region refuses it."""
_HIDES = ("token-rejected", "ice-servers-unavailable", "signaling-closed")
"""A gateway may hang up on a bad token without an error."""


def _is_the_gateways_reason(facts: Facts, explained: str) -> bool:
    """Whether the token is why there are no ICE servers, or why the gateway hung up."""
    match explained:
        case "ice-servers-unavailable":
            return all(map(_for_the_token, facts.failed("ice_servers_fetch")))
        case "signaling-closed":
            return not any(_taken(facts))
        case _:
            return True


def _for_the_token(fetch: Seen) -> bool:
    """Whether ICE servers were refused for the token, or it could not even be sent."""
    unfit = fetch.observation.failure is Failure.TOKEN_MALFORMED
    return unfit or fetch.note("status") in (401, 403)


def _unauthorized(facts: Facts) -> Iterator[Seen]:
    """The gateway's two ways to say that it does not take the token.

    A region that refuses it proves nothing where another takes it: a token belongs to one. Nor
    does the refusal of ICE servers where the offer was answered.
    """
    yield from errors(facts, "UNAUTHORIZED")
    if not any(_taken(facts)) and answer_to_offer(facts) is None:
        yield from facts.failed("ice_servers_fetch", status=401)


def _taken(facts: Facts) -> Iterator[Seen]:
    """Where the token, as it was given, brought ICE servers."""
    return (s for s in facts.succeeded("ice_servers_fetch") if not s.note("mended"))


def _token_fault(facts: Facts, failure: Failure) -> Iterator[Evidence | Seen]:
    found = [seen for seen in facts.seen("token_read") if token_failure(facts, seen) is failure]
    for seen in found:
        by_gateway = seen.observation.failure is not failure
        fault = "by the gateway's clock it is out of date" if by_gateway else seen.note("detail")
        yield seen.says(f"The token: {fault}")
    if found:
        yield from _said(_unauthorized(facts))


def _said(refusals: Iterator[Seen]) -> Iterator[Evidence]:
    for seen in refusals:
        if seen.observation.operation == "ice_servers_fetch":
            told = f"{seen.observation.endpoint} answered {seen.note('status')}"
            yield seen.says(f"{told}: the token is not good in this region")
        else:
            yield in_words(seen)


@cause(
    "token-missing",
    acts=Actor.CUSTOMER,
    layer=Layer.TOKEN,
    guide=Guide.UNAUTHORIZED,
    title="No token was sent",
    remedy="Put the connector token into the offer's authToken field, at the top of the frame.",
    breaks=_STEPS_THAT_NEED_A_TOKEN,
    explains=_HIDES,
    explains_if=_is_the_gateways_reason,
)
def token_missing(facts: Facts) -> Iterator[Evidence | Seen]:
    """No token was given, or an empty one."""
    yield from _token_fault(facts, Failure.TOKEN_MISSING)


@cause(
    "token-malformed",
    acts=Actor.CUSTOMER,
    layer=Layer.TOKEN,
    guide=Guide.UNAUTHORIZED,
    title="The token is damaged",
    remedy=(
        "Copy the token again, alone: no blanks, quotes, line ends, nor the word Bearer; "
        "--mend-token sends it without them where that is safe."
    ),
    reference="RFC 7519 §3",
    breaks=_STEPS_THAT_NEED_A_TOKEN,
    explains=_HIDES,
    explains_if=_is_the_gateways_reason,
)
def token_malformed(facts: Facts) -> Iterator[Evidence | Seen]:
    """Its form is wrong, whatever the gateway says."""
    yield from _token_fault(facts, Failure.TOKEN_MALFORMED)
    for seen in facts.succeeded("ice_servers_fetch", mended=True):
        yield seen.says("The same token without what clings to it is taken by the gateway")


@cause(
    "token-expired",
    acts=Actor.CUSTOMER,
    layer=Layer.TOKEN,
    guide=Guide.UNAUTHORIZED,
    title="The token has expired",
    remedy="Fetch a new token from PolyAI Studio, or use a connector token, which does not expire.",
    reference="RFC 7519 §4.1.4",
    breaks=_STEPS_THAT_NEED_A_TOKEN,
    explains=_HIDES,
    explains_if=_is_the_gateways_reason,
)
def token_expired(facts: Facts) -> Iterator[Evidence | Seen]:
    """Its `exp` has passed."""
    yield from _token_fault(facts, Failure.TOKEN_EXPIRED)


@cause(
    "token-not-yet-valid",
    acts=Actor.CUSTOMER,
    layer=Layer.TOKEN,
    guide=Guide.UNAUTHORIZED,
    title="The token is not valid yet",
    remedy="Set this machine's clock, or wait until the token's date; then try again.",
    reference="RFC 7519 §4.1.5",
    breaks=_STEPS_THAT_NEED_A_TOKEN,
    explains=_HIDES,
    explains_if=_is_the_gateways_reason,
)
def token_not_yet_valid(facts: Facts) -> Iterator[Evidence | Seen]:
    """Its `nbf` or `iat` lies in the future."""
    yield from _token_fault(facts, Failure.TOKEN_NOT_YET_VALID)


@cause(
    "token-rejected",
    acts=Actor.CUSTOMER,
    layer=Layer.TOKEN,
    guide=Guide.UNAUTHORIZED,
    title="The gateway rejects the token",
    remedy=(
        "Check that the token belongs to this agent and this region. A Studio token goes stale "
        "when the agent is deployed again: fetch a new one."
    ),
    breaks=(*_STEPS_THAT_NEED_A_TOKEN, "call", "audio"),
    explains=("ice-servers-unavailable", "signaling-closed", *ENDED_BY_IT),
    explains_if=_is_the_gateways_reason,
)
def token_rejected(facts: Facts) -> Iterator[Evidence | Seen]:
    """Well-formed, in date, sent, and refused."""
    if any(token_failure(facts, seen) for seen in facts.seen("token_read")):
        return
    refusals = list(_unauthorized(facts))
    yield from _said(iter(refusals))
    for fetched in _taken(facts):
        if refusals:
            yield fetched.says(
                "The same token is taken for ICE servers: it is genuine, and refused by the "
                "agent, its deployment or the offer"
            )


@cause(
    "request-forbidden",
    acts=Actor.CUSTOMER,
    layer=Layer.SIGNALING,
    guide=Guide.UNAUTHORIZED,
    title="The gateway forbids this request",
    remedy="Leave the mode out, or ask PolyAI to allow it for this account.",
    breaks=("signaling", "call", "audio"),
    explains=ENDED_BY_IT,
)
def request_forbidden(facts: Facts) -> Iterator[Evidence | Seen]:
    """FORBIDDEN, other than to the audio step's own wish for an echo."""
    for seen in errors(facts, "FORBIDDEN"):
        mode = seen.note("mode")
        yield seen.says(f"Offer with mode {mode} answered FORBIDDEN") if mode else in_words(seen)


@cause(
    "request-invalid",
    acts=Actor.CUSTOMER,
    layer=Layer.SIGNALING,
    guide=Guide.UNAUTHORIZED,
    title="The gateway cannot take the offer as it is",
    remedy="Compare the offer with the documentation: `polyai-diag analyze FILE` names its faults.",
    breaks=("signaling", "call", "audio"),
    explains=ENDED_BY_IT,
)
def request_invalid(facts: Facts) -> Iterator[Evidence | Seen]:
    """INVALID_ARGUMENT or INVALID_MESSAGE."""
    for code in ("INVALID_ARGUMENT", "INVALID_MESSAGE"):
        yield from _said(errors(facts, code))
