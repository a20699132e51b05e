"""Guide section 3: UDP, STUN, TURN, ICE and DTLS."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from polyai_diag.causes.engine import Facts, Layer, Seen, cause, describe
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Evidence, Guide
from polyai_diag.target import IceUrl, TargetError, parse_ice_url

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATORS_LEAST = 2
"""One silent server may be down; two of different operators are not by chance."""

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
_UDP_UNANSWERED = (
    Failure.GENERIC_TIMEOUT,
    Failure.CONNECTION_REFUSED,
    Failure.HOST_UNREACHABLE,
    Failure.NETWORK_UNREACHABLE,
    Failure.PERMISSION_DENIED,
)
_CUT_OFF = (
    Failure.GENERIC_TIMEOUT,
    Failure.CONNECTION_CLOSED,
    Failure.CONNECTION_REFUSED,
    Failure.CONNECTION_RESET,
    Failure.STUN_MALFORMED,
)


@cause(
    "udp-blocked",
    acts=Actor.NETWORK,
    layer=Layer.UDP,
    guide=Guide.ICE,
    title="UDP is blocked between this network and the internet",
    remedy=(
        "Ask the network team to allow outbound UDP to the STUN and TURN servers. Until then "
        "configure TURN over TCP or TLS: a call works through it, with more delay."
    ),
    reference="RFC 8445 §2, RFC 8656 §3.1",
    breaks=("call",),
    explains=("stun-unreachable", "ice-failed", "turn-not-configured"),
)
def udp_blocked(facts: Facts) -> Iterator[Evidence | Seen]:
    """No UDP server of two operators or more answers, while TCP to the same host works.

    A firewall that rejects answers by ICMP, in the servers' name: that is no answer of theirs.
    """
    silent, operators = _silent_udp(facts)
    control = _control(facts, {seen.host for seen in silent})
    if not silent or len(operators) < OPERATORS_LEAST or control is None:
        return
    for seen in silent:
        if seen.observation.operation == "ice_connect":
            yield seen.says("The gateway's own media addresses do not answer over UDP either")
        else:
            sent = seen.note("sent")
            asked = f"{sent} requests over UDP" if sent else "asked over UDP"
            is_silent = seen.observation.failure is Failure.GENERIC_TIMEOUT
            said = "no answer" if is_silent else f"rejected ({seen.observation.failure})"
            yield seen.says(f"{seen.observation.endpoint}: {asked}, {said}")
    yield control


def _silent_udp(facts: Facts) -> tuple[list[Seen], set[str]]:
    """What was asked over UDP, if none of it answered; and how many operators that was."""
    asked = [*facts.seen("stun_binding"), *_turn_udp(facts)]
    direct = list(_direct_checks(facts))
    answered = any(s.observation.failure not in _UDP_UNANSWERED for s in asked)
    if not asked or answered or any(_succeeded(s) for s in direct):
        return [], set()
    operators = {seen.host for seen in asked} | ({"the gateway's media"} if direct else set())
    return [*asked, *direct], operators


def _turn_udp(facts: Facts) -> Iterator[Seen]:
    for seen in facts.seen("turn_challenge"):
        url = _ice_url(seen)
        if url is not None and url.transport == "udp":
            yield seen


def _direct_checks(facts: Facts) -> Iterator[Seen]:
    """ICE checks from this machine's own sockets to the gateway."""
    for seen in facts.seen("ice_connect"):
        if any(pair["local_type"] != "relay" for pair in seen.note("pairs") or ()):
            yield seen


def _succeeded(seen: Seen) -> bool:
    pairs = seen.note("pairs") or ()
    return any(p["local_type"] != "relay" and p["state"] == "succeeded" for p in pairs)


def _control(facts: Facts, hosts: set[str]) -> Evidence | None:
    """Something else that works at the same time: best to the same host, else to the gateway."""
    connected = [*facts.succeeded("tcp_connect"), *facts.succeeded("tls_handshake")]
    for seen in connected:
        if seen.step in ("stun", "turn") and seen.host in hosts:
            where = seen.observation.endpoint
            return seen.says(f"Control: TCP to the same host works ({where}); the host is up")
    for seen in connected:
        if seen.step == "gateway":
            return seen.says("Control (weaker): TCP to the gateway works; this host is online")
    return None


@cause(
    "stun-unreachable",
    acts=Actor.NETWORK,
    layer=Layer.UDP,
    guide=Guide.ICE,
    title="A STUN or TURN server does not answer over UDP",
    remedy="Check the server's address; have outbound UDP to its port allowed.",
    reference="RFC 8489 §6.2.1",
    breaks=("call",),
)
def stun_unreachable(facts: Facts) -> Iterator[Evidence | Seen]:
    """This server is silent or refuses."""
    for seen in facts.failed("stun_binding"):
        others = any(o.host != seen.host for o in facts.succeeded("stun_binding"))
        compared = "; others answer" if others else ""
        yield seen.says(f"{describe(seen.observation)}{compared}")
    yield from facts.failed("dns_lookup", step="stun")
    if not any(facts.succeeded("nat_mapping")):
        yield from facts.failed("nat_mapping")


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
        url = _ice_url(seen)
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


def _allocated(facts: Facts) -> Iterator[Seen]:
    return facts.succeeded("turn_allocate")


def _ice_url(seen: Seen) -> IceUrl | None:
    try:
        return parse_ice_url(str(seen.note("url") or seen.observation.endpoint))
    except TargetError:
        return None
