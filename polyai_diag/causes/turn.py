"""TURN: each URL to its own stage, and what its server says no to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from polyai_diag.causes.engine import Facts, Layer, Seen, cause
from polyai_diag.causes.udp import ice_url, udp_blocked
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Evidence, Guide

if TYPE_CHECKING:
    from collections.abc import Iterator

_TURN_CONNECTING = ("tcp_connect", "tls_handshake", "turn_challenge", "dns_lookup")
_REJECTED = (
    Failure.STUN_UNAUTHORIZED,
    Failure.STUN_BAD_REQUEST,  # some servers answer a bad credential so
    Failure.STUN_WRONG_CREDENTIALS,
)
_REFUSED = (
    Failure.STUN_FORBIDDEN,
    Failure.STUN_UNSUPPORTED_FAMILY,
    Failure.STUN_UNSUPPORTED_TRANSPORT,
    Failure.STUN_ALLOCATION_MISMATCH,
    Failure.STUN_STALE_NONCE,  # again, after the nonce was renewed
    Failure.STUN_ERROR,
)
_CUT_OFF = (
    Failure.GENERIC_TIMEOUT,
    Failure.CONNECTION_CLOSED,
    Failure.CONNECTION_REFUSED,
    Failure.CONNECTION_RESET,
    Failure.STUN_MALFORMED,
)


@cause(
    "turn-unreachable",
    acts=Actor.NETWORK,
    layer=Layer.TURN,
    guide=Guide.ICE,
    title="A TURN server cannot be reached",
    remedy="Check the URL's host, port and transport; have that port allowed outbound.",
    reference="RFC 8656 §3.1",
    breaks=("call",),
    explains=("ice-no-candidates",),
)
def turn_unreachable(facts: Facts) -> Iterator[Evidence | Seen]:
    """A URL fails before its server has granted or refused a relay; the stage is named.

    UDP that fails because all UDP does is udp-blocked's, not this server's.
    """
    udp_is_silent = bool(list(udp_blocked(facts)))
    cut_off = facts.failed("turn_allocate", failures=_CUT_OFF)
    for seen in (*facts.failed(*_TURN_CONNECTING, step="turn"), *cut_off):
        if seen.note("far_end"):
            continue
        url = ice_url(seen)
        if udp_is_silent and url is not None and url.transport == "udp":
            continue
        named = seen.note("url") or seen.observation.endpoint
        working = sorted({s.observation.endpoint for s in _allocated(facts) if s.host == seen.host})
        others = f"; works: {', '.join(working)}" if working else "; no other transport works"
        yield seen.says(f"{named}: {seen.observation.operation} {seen.observation.failure}{others}")


@cause(
    "turn-credentials-rejected",
    acts=Actor.CUSTOMER,
    layer=Layer.TURN,
    guide=Guide.ICE,
    title="The TURN server rejects the credentials",
    remedy="Fetch fresh credentials from the gateway; check user name and password for a swap.",
    reference="RFC 8489 §9.2.5",
    breaks=("call",),
    explains=("ice-no-candidates", "ice-failed"),
)
def turn_credentials_rejected(facts: Facts) -> Iterator[Evidence | Seen]:
    """A signed request was refused. The unsigned one always is: that is the challenge."""
    for seen in facts.failed("turn_allocate", failures=_REJECTED):
        if not _expired(seen, facts.judged_at):
            yield seen.says(f"{seen.observation.endpoint}: {seen.note('detail')}")


@cause(
    "turn-credentials-expired",
    acts=Actor.CUSTOMER,
    layer=Layer.TURN,
    guide=Guide.ICE,
    title="The TURN credentials have expired",
    remedy="Fetch fresh credentials from the gateway before each call; they live 24 hours.",
    reference="RFC 8489 §9.2.5",
    breaks=("call",),
    explains=("ice-no-candidates", "ice-failed"),
)
def turn_credentials_expired(facts: Facts) -> Iterator[Evidence | Seen]:
    """Refused, and the time in the user name has passed."""
    for seen in facts.failed("turn_allocate", failures=_REJECTED):
        expired = _expired(seen, facts.judged_at)
        if expired is not None:
            yield seen.says(f"{seen.observation.endpoint}: expired {expired:%Y-%m-%d %H:%M} UTC")


def _expired(seen: Seen, now: datetime) -> datetime | None:
    """Return the time in a REST user name (`time`, `time:user`, `user:time`) if it has passed."""
    for part in str(seen.note("username") or "").split(":"):
        if part.isascii() and part.isdigit() and len(part) == 10:
            moment = datetime.fromtimestamp(int(part), UTC)
            return moment if moment < now else None
    return None


@cause(
    "turn-refused",
    acts=Actor.GATEWAY,
    layer=Layer.TURN,
    guide=Guide.ICE,
    title="The TURN server refuses to relay for this client",
    remedy="Ask the TURN server's owner: its policy refuses this client, family or transport.",
    reference="RFC 8656 §7.2",
    breaks=("call",),
    explains=("ice-no-candidates",),
)
def turn_refused(facts: Facts) -> Iterator[Evidence | Seen]:
    """403, 440, 442 or another error response on Allocate."""
    yield from facts.failed("turn_allocate", failures=_REFUSED, far_end=False)


@cause(
    "turn-quota-reached",
    acts=Actor.GATEWAY,
    layer=Layer.TURN,
    guide=Guide.ICE,
    title="The TURN server's quota is used up",
    remedy="Wait for other calls to end, or have the quota raised.",
    reference="RFC 8656 §7.2",
    breaks=("call",),
    explains=("ice-no-candidates",),
)
def turn_quota_reached(facts: Facts) -> Iterator[Evidence | Seen]:
    """486, other than to the probe's own second allocation."""
    quota = [Failure.STUN_QUOTA_REACHED]
    yield from facts.failed("turn_allocate", failures=quota, far_end=False)


@cause(
    "turn-out-of-capacity",
    acts=Actor.GATEWAY,
    layer=Layer.TURN,
    guide=Guide.ICE,
    title="The TURN server has no relayed address left",
    remedy="Try again later; tell the TURN server's owner that its port range is used up.",
    reference="RFC 8656 §7.2",
    breaks=("call",),
    explains=("ice-no-candidates",),
)
def turn_out_of_capacity(facts: Facts) -> Iterator[Evidence | Seen]:
    """508."""
    full = [Failure.STUN_OUT_OF_CAPACITY]
    yield from facts.failed("turn_allocate", failures=full, far_end=False)


@cause(
    "turn-not-configured",
    acts=Actor.CUSTOMER,
    layer=Layer.TURN,
    guide=Guide.ICE,
    title="No TURN server is configured, and nothing direct gets through",
    remedy="Configure a TURN server, over TCP or TLS where UDP is blocked.",
    reference="RFC 8445 §2",
    breaks=("call",),
    explains=("ice-failed",),
)
def turn_not_configured(facts: Facts) -> Iterator[Evidence | Seen]:
    """Every direct pair failed, and there is no relay to fall back to."""
    urls = facts.record.target.get("ice_urls") or ()
    if any(str(url).lower().startswith("turn") for url in urls):
        return
    for seen in facts.failed("ice_connect", failures=[Failure.ICE_FAILED]):
        yield seen.says("No direct pair works, and no TURN server is configured")


def _allocated(facts: Facts) -> Iterator[Seen]:
    return facts.succeeded("turn_allocate")
