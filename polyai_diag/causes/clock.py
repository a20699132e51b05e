"""This machine's clock against the gateway's, and what each says of a token or a certificate."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from polyai_diag.analysis.token_dates import date_fault
from polyai_diag.causes.engine import Facts, Layer, Seen, cause
from polyai_diag.failures import CERTIFICATE_DATES, Failure
from polyai_diag.model import Actor, Evidence, Guide

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

TOLERANCE_S = 30.0
"""A clock that is off by less turns no verdict: tokens and certificates are read as leniently."""

_DATES = (Failure.TOKEN_EXPIRED, Failure.TOKEN_NOT_YET_VALID)


def token_failure(facts: Facts, token: Seen) -> Failure | None:
    """What is wrong with the token: of its dates, what the gateway's clock says where it differs.

    A clock read from whoever answers without a certificate decides nothing about a token.
    """
    failure = token.observation.failure
    clock = _clock(facts, verified=True)
    if clock is None or failure not in (None, *_DATES):
        return failure
    return date_fault(token.observation.notes, gateway_time(facts, clock))


def gateway_time(facts: Facts, clock: Seen) -> datetime:
    """The time of the run by the gateway's clock."""
    return facts.judged_at + timedelta(seconds=clock.note("offset_s"))


def _clock(facts: Facts, *, verified: bool) -> Seen | None:
    """The gateway's clock, where it differs from this machine's by more than is forgiven."""
    for seen in facts.succeeded("clock_read", verified=verified):
        if abs(seen.note("offset_s")) - seen.note("uncertainty_s") > TOLERANCE_S:
            return seen
    return None


@cause(
    "clock-skew",
    acts=Actor.CUSTOMER,
    layer=Layer.TOKEN,
    guide=Guide.UNAUTHORIZED,
    title="This machine's clock is wrong",
    remedy=(
        "Set this machine's clock by NTP (automatic date and time), then fetch a new token and "
        "try again."
    ),
    reference="RFC 7519 §4.1.4, RFC 9110 §6.6.1",
    breaks=("gateway", "signaling"),
    explains=(
        "token-expired",
        "token-not-yet-valid",
        "token-rejected",
        "tls-certificate-invalid",
        "ice-servers-unavailable",
    ),
)
def clock_skew(facts: Facts) -> Iterator[Evidence | Seen]:
    """The two clocks give different verdicts on the token's dates, or on a certificate's."""
    turned = [*_turned_tokens(facts), *_turned_certificates(facts)]
    for clock, what in turned:
        yield clock.says(
            f"The gateway's clock (HTTP Date {clock.note('date')}) is {_apart(clock)}: {what}"
        )
    if turned:
        for token in facts.failed("token_read", failures=_DATES):
            yield token.says(f"By this machine's clock the token is {token.note('detail')}")


def _turned_tokens(facts: Facts) -> Iterator[tuple[Seen, str]]:
    clock = _clock(facts, verified=True)
    for token in facts.seen("token_read"):
        here, there = token.observation.failure, token_failure(facts, token)
        if clock is not None and here != there:
            said = {Failure.TOKEN_EXPIRED: "expired", Failure.TOKEN_NOT_YET_VALID: "not valid yet"}
            verdicts = [said.get(f, "in date") if f else "in date" for f in (here, there)]
            yield clock, f"the token is {verdicts[0]} by ours, {verdicts[1]} by the gateway's"


def _turned_certificates(facts: Facts) -> Iterator[tuple[Seen, str]]:
    """A wrong clock fails TLS first: then the gateway's is read without a certificate."""
    clock = _clock(facts, verified=False)
    refused = any(facts.failed("tls_handshake", failures=CERTIFICATE_DATES, step="gateway"))
    if clock is None or not refused:
        return
    there_s = gateway_time(facts, clock).timestamp()
    for chain in facts.succeeded("tls_chain", step="gateway"):
        if chain.note("control"):
            continue
        if chain.note("not_before") <= there_s <= chain.note("not_after"):
            yield clock, "its certificate is in date by the gateway's clock and not by ours"


def _apart(clock: Seen) -> str:
    offset_s = clock.note("offset_s")
    seconds = abs(offset_s)
    days, hours, minutes = seconds / 86_400, seconds / 3600, seconds / 60
    span = (
        f"{days:.0f} days"
        if days >= 2
        else f"{hours:.1f} h"
        if hours >= 2
        else f"{minutes:.0f} min"
    )
    return f"{span} {'ahead of' if offset_s > 0 else 'behind'} this machine's"
