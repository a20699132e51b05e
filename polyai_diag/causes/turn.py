"""TURN: each URL to its own stage, and what its server says no to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.analysis.turn_username import expires_at
from polyai_diag.causes.engine import Facts, Layer, Seen, cause
from polyai_diag.causes.turn_ways import counts, is_configured, near, url_of
from polyai_diag.causes.udp import ice_url, udp_blocked
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Evidence, Guide, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

_CONNECTING = ("dns_lookup", "tcp_connect", "proxy_connect", "tls_handshake", "turn_challenge")
_ASKING = ("turn_challenge", "turn_allocate")
_REJECTED = (
    Failure.STUN_UNAUTHORIZED,
    Failure.STUN_BAD_REQUEST,  # some servers answer a bad credential so
    Failure.STUN_WRONG_CREDENTIALS,
)
_FULL = (Failure.STUN_QUOTA_REACHED, Failure.STUN_OUT_OF_CAPACITY)
_REFUSED = (
    Failure.STUN_FORBIDDEN,
    Failure.STUN_UNSUPPORTED_FAMILY,
    Failure.STUN_UNSUPPORTED_TRANSPORT,
    Failure.STUN_ALLOCATION_MISMATCH,
    Failure.STUN_STALE_NONCE,  # again, after the nonce was renewed
    Failure.STUN_ERROR,  # 300 again after it was followed, 420, 5xx: the detail says which
)
_CUT_OFF = (
    Failure.GENERIC_TIMEOUT,
    Failure.CONNECTION_CLOSED,
    Failure.CONNECTION_REFUSED,
    Failure.CONNECTION_RESET,
    Failure.STUN_MALFORMED,
)
_STAGES = {
    "dns_lookup": "name lookup",
    "tcp_connect": "TCP",
    "proxy_connect": "the proxy",
    "tls_handshake": "TLS",
    "turn_challenge": "the first request",
    "turn_allocate": "the signed request",
}


def _effect_of_unreachable(facts: Facts) -> Severity:
    """A dead URL is a warning while its server works by another."""
    working = {s.host for s in facts.succeeded("turn_allocate") if is_configured(s)}
    dead = any(seen.host not in working for seen in turn_unreached(facts))
    return Severity.CRITICAL if dead and facts.broken("call") else Severity.WARNING


@cause(
    "turn-unreachable",
    acts=Actor.NETWORK,
    layer=Layer.TURN,
    guide=Guide.ICE,
    title="A TURN server cannot be reached",
    remedy="Check the URL's host, port and transport; have that port allowed outbound.",
    reference="RFC 8656 §3.1",
    breaks=("call",),
    effect=_effect_of_unreachable,
    explains=("ice-no-candidates", "stun-unreachable"),
    compared_with=("turn_allocate", "stun_binding", "tcp_connect", "tls_control", "tls_chain"),
)
def turn_unreachable(facts: Facts) -> Iterator[Evidence | Seen]:
    """A URL fails before its server has granted or refused a relay; the stage is named.

    UDP that fails because all UDP does is udp-blocked's, not this server's.
    """
    for seen in turn_unreached(facts):
        by = (
            f" through {seen.note('through')}"
            if seen.observation.operation == "proxy_connect"
            else ""
        )
        stage = _STAGES[seen.observation.operation]
        said = seen.note("detail") or seen.observation.failure
        same_host = (s for s in facts.succeeded("turn_allocate") if s.host == seen.host)
        working = sorted({url_of(s) for s in same_host})
        others = f"works: {', '.join(working)}" if working else "no other transport works"
        yield seen.says(f"{url_of(seen)}{by}: {stage} fails ({said}); {others}")


def turn_unreached(facts: Facts) -> Iterator[Seen]:
    """What failed on the way to a configured URL that nothing else leads to."""
    udp_is_silent = bool(list(udp_blocked(facts)))
    refused = (*_REFUSED, *_FULL)
    connecting = facts.failed(*_CONNECTING, step="turn")
    cut_off = facts.failed("turn_allocate", failures=_CUT_OFF)
    for seen in near((*connecting, *cut_off)):
        if seen.observation.failure in refused or not counts(facts, seen):
            continue
        url = ice_url(seen)
        if not (udp_is_silent and url is not None and url.transport == "udp"):
            yield seen


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
    for seen in _asked(facts, _REJECTED):
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
    for seen in _asked(facts, _REJECTED):
        expired = _expired(seen, facts.judged_at)
        if expired is not None:
            yield seen.says(f"{seen.observation.endpoint}: expired {expired:%Y-%m-%d %H:%M} UTC")


def _expired(seen: Seen, now: datetime) -> datetime | None:
    """Return the time in the user name if it has passed."""
    moment = expires_at(seen.note("username"))
    return moment if moment is not None and moment < now else None


def _asked(facts: Facts, failures: Iterable[Failure], *operations: str) -> Iterator[Seen]:
    """What servers said no to, of what is configured; the prober's second wish left out."""
    asked = facts.failed(*(operations or ("turn_allocate",)), failures=failures)
    return (seen for seen in near(asked) if counts(facts, seen))


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
    """403, 440, 442 or another error response on Allocate; or the relay cannot be kept."""
    for seen in (*_asked(facts, _REFUSED, *_ASKING), *_not_kept(facts)):
        said = seen.note("detail") or seen.observation.failure
        what = "refresh" if seen.observation.operation == "turn_refresh" else "relayed address"
        yield seen.says(f"{url_of(seen)}: no {what} ({said})")


def _not_kept(facts: Facts) -> Iterator[Seen]:
    return filter(is_configured, facts.failed("turn_refresh", failures=(*_REFUSED, *_REJECTED)))


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
    """486, other than to what the prober itself took."""
    for seen in _asked(facts, [Failure.STUN_QUOTA_REACHED], *_ASKING):
        yield seen.says(f"{url_of(seen)}: {seen.note('detail')}; which quota, it does not say")


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
    for seen in _asked(facts, [Failure.STUN_OUT_OF_CAPACITY], *_ASKING):
        yield seen.says(f"{url_of(seen)}: {seen.note('detail')}")
