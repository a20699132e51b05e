"""ICE, DTLS and how a call ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.causes.engine import Facts, Layer, Seen, cause, describe
from polyai_diag.causes.repeats import as_before
from polyai_diag.causes.turn import turn_unreached
from polyai_diag.causes.udp import turn_is_configured
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Evidence, Guide

if TYPE_CHECKING:
    from collections.abc import Iterator


NEEDED_UDP_BYTES = 1200
"""What DTLS and RTP send at the most: a way that takes so much carries the call."""


@cause(
    "media-ports-blocked",
    acts=Actor.NETWORK,
    layer=Layer.UDP,
    guide=Guide.ICE,
    title="UDP to the gateway's media ports does not get through",
    remedy=(
        "Have outbound UDP to the gateway's media addresses and ports allowed; until then a TURN "
        "server carries the call, with more delay."
    ),
    reference="RFC 8445 §2",
    breaks=("call",),
    explains=("ice-failed",),
)
def media_ports_blocked(facts: Facts) -> Iterator[Evidence | Seen]:
    """STUN answers over UDP, checks to the gateway's candidates do not.

    Where they do not through a relay either, the gateway is silent, and no port is blocked; where
    no relay is configured, that is what is missing.
    """
    answering = next(facts.succeeded("stun_binding"), None)
    if answering is None:
        return
    for seen in facts.failed("direct_check"):
        asked = ", ".join(seen.note("asked") or ())
        yield seen.says(f"{asked}: no answer over UDP from here to {seen.note('checks')} checks")
        for relayed in facts.succeeded("ice_connect"):
            yield relayed.compares("the gateway answers the same checks through the relay")
        yield answering.compares(f"{answering.observation.endpoint} answers over UDP")
    silent = facts.failed("ice_connect", failures=[Failure.ICE_FAILED])
    for seen in silent if turn_is_configured(facts) else ():
        pairs = [pair for pair in seen.note("pairs") or () if pair.get("obstacle") is None]
        direct = {p["remote_address"] for p in pairs if p["local_type"] != "relay"}
        if direct and all(pair["local_type"] != "relay" for pair in pairs):
            yield seen.says(
                f"{', '.join(sorted(direct))}: no answer over UDP. A firewall here, or the "
                "gateway: without a relay there is nothing to compare with"
            )
            yield answering.compares(f"{answering.observation.endpoint} answers over UDP")


@cause(
    "ice-no-candidates",
    acts=Actor.NETWORK,
    layer=Layer.ICE,
    guide=Guide.ICE,
    title="One side offers no usable candidates",
    remedy=(
        "With relay only, a TURN server must work first; else check this machine's interfaces. "
        "Where it is the gateway's side, send PolyAI this report."
    ),
    reference="RFC 8445 §5.1.1",
    breaks=("call", "signaling"),
    explains=("turn-not-configured",),
    alone="it may be the TURN server, or the gateway",
)
def ice_no_candidates(facts: Facts) -> Iterator[Evidence | Seen]:
    """None gathered here, none offered there, or only ones that cannot be reached: which."""
    none = [Failure.ICE_NO_CANDIDATES]
    for seen in facts.failed("ice_gather", failures=none):
        yield seen.says("This side gathered no candidates")
    for seen in facts.failed("ice_connect", failures=none):
        if not _unreachable(seen):
            yield seen.says("The gateway offered no candidate that can be paired")
    for seen in facts.failed("ice_connect", failures=[*none, Failure.ICE_FAILED]):
        for candidate, why in _unreachable(seen):
            yield seen.says(f"The gateway offers {candidate}: {why}")


def _unreachable(seen: Seen) -> list[tuple[str, str]]:
    """Return the gateway's candidates and why they cannot be reached, if none of them can."""
    obstacles = seen.note("obstacles") or ()
    if not all(obstacles):
        return []
    return list(zip(seen.note("remote_candidates") or (), obstacles, strict=False))


@cause(
    "ice-failed",
    acts=Actor.NETWORK,
    layer=Layer.ICE,
    guide=Guide.ICE,
    title="ICE finds no way between this machine and the gateway",
    remedy=(
        "Without a TURN server configure one over TCP or TLS. Where the gateway is silent through "
        "a relay as well, send PolyAI this report."
    ),
    reference="RFC 8445 §8.1.2",
    breaks=("call",),
    compared_with=("stun_binding", "turn_allocate"),
)
def ice_failed(facts: Facts) -> Iterator[Evidence | Seen]:
    """Candidates on both sides that could be paired, and no pair succeeded."""
    for seen in facts.failed("ice_connect", failures=[Failure.ICE_FAILED]):
        if _unreachable(seen):
            continue
        pairs = seen.note("pairs") or ()
        yield seen.says(f"{len(pairs)} candidate pairs checked, none works ({seen.note('detail')})")
        relayed = {p["remote_address"] for p in pairs if p["local_type"] == "relay"}
        if relayed:
            said = f"{', '.join(sorted(relayed))}: silent through the relay"
            yield seen.compares(f"{said}, so this network alone is not at fault")


@cause(
    "ice-disconnected",
    acts=Actor.NETWORK,
    layer=Layer.ICE,
    guide=Guide.ICE,
    title="The media path is lost in mid-call",
    remedy=(
        "Look at what changed at that second: Wi-Fi roaming, a VPN that reconnects, a firewall "
        "that ends UDP flows after a while. The call cannot move on: it must be placed again."
    ),
    reference="RFC 7675 §5.1",
    breaks=("call", "audio"),
)
def ice_disconnected(facts: Facts) -> Iterator[Evidence | Seen]:
    """Checks of the nominated pair and packets stay away, while nobody has ended the call."""
    for seen in facts.failed("call_hold", "call_watch", failures=[Failure.CONSENT_LOST]):
        websocket = "answers" if seen.note("websocket_answers") else "does not answer either"
        yield seen.says(
            f"{seen.note('after_connecting_s')} s after it connected the media path died: "
            f"{seen.note('detail')}, and the WebSocket {websocket}{as_before(facts, seen)}"
        )
        if seen.note("websocket_answers"):
            yield seen.compares("the WebSocket still answers at that moment")


@cause(
    "call-ended-early",
    acts=Actor.GATEWAY,
    layer=Layer.ICE,
    guide=Guide.ICE,
    title="The gateway ends the call early",
    remedy=(
        "Send PolyAI this report: callSid and the second are in it. A run with --hold and "
        "--earlier, given this report, tells whether the second repeats: then it is a timer."
    ),
    breaks=("call", "audio"),
)
def call_ended_early(facts: Facts) -> Iterator[Evidence | Seen]:
    """The gateway's `close`, its DTLS close, or its silence, in mid-call."""
    for seen in facts.failed("call_hold", "call_watch", failures=[Failure.CALL_ENDED]):
        answered_s, connected_s = seen.note("after_answer_s"), seen.note("after_connecting_s")
        when = "In mid-call"
        if answered_s is not None:
            when = f"{answered_s} s after the answer"
        elif connected_s is not None:
            when = f"{connected_s} s after the media was connected"
        yield seen.says(f"{when} {seen.note('detail')}{as_before(facts, seen)}")


def _stalls(facts: Facts, explained: str) -> bool:
    """Whether a TURN server is out of reach for the size of packets: TCP connects, TLS stalls."""
    unreached = [seen.observation for seen in turn_unreached(facts)]
    return explained != "turn-unreachable" or all(
        one.operation == "tls_handshake" and one.failure is Failure.GENERIC_TIMEOUT
        for one in unreached
    )


@cause(
    "mtu-blackhole",
    acts=Actor.NETWORK,
    layer=Layer.NETWORK,
    guide=Guide.ICE,
    title="Large packets vanish on the way (an MTU black hole)",
    remedy=(
        "Let ICMP 'fragmentation needed' (IPv4) and 'packet too big' (IPv6) pass the firewall, or "
        "clamp TCP's MSS on the VPN or router; until then lower this machine's MTU."
    ),
    reference="RFC 2923 §2.1, RFC 8899",
    breaks=("gateway", "signaling", "call"),
    explains=(
        "gateway-unreachable",
        "signaling-timeout",
        "turn-unreachable",
        "dtls-failed",
        "no-audio-received",
    ),
    explains_if=_stalls,
)
def mtu_blackhole(facts: Facts) -> Iterator[Evidence | Seen]:
    """What stalls passes in smaller packets; over UDP at a size that the call needs.

    Where DTLS was lost any size that vanishes counts: its certificates fill whole packets.
    """
    for seen in facts.failed("mtu_probe"):
        failing, largest = seen.note("failing_bytes"), seen.note("largest_bytes")
        over_udp = seen.note("leg") == "udp"
        harmless = over_udp and not any(facts.failed("dtls_handshake"))
        if None in (failing, largest) or (harmless and failing > NEEDED_UDP_BYTES):
            continue
        to = f"{'UDP' if over_udp else 'TCP'} to {seen.observation.endpoint}"
        yield seen.says(f"{to}: {seen.note('detail')}")
        yield seen.compares(f"{largest} bytes pass on the same way")


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
    alone="it may be the gateway; another call, relay-only over TLS, would tell",
)
def dtls_failed(facts: Facts) -> Iterator[Evidence | Seen]:
    """ICE is up and the handshake is not finished; a wrong fingerprint is named."""
    for seen in facts.failed("dtls_handshake"):
        if seen.observation.failure is Failure.DTLS_FINGERPRINT_MISMATCH:
            shown, agreed = seen.note("fingerprint_shown"), _agreed_by_the_same_hash(seen)
            yield seen.says(f"The certificate shown ({shown}) is not the one agreed ({agreed})")
            continue
        yield seen.says(f"ICE connected; {describe(seen.observation)}")
        if seen.note("relay_transport") in ("tcp", "tls"):
            yield seen.compares("hidden in a relay over TCP, where no firewall here can tell DTLS")


def _agreed_by_the_same_hash(seen: Seen) -> str:
    """Return the fingerprint of the answer that the one shown is to be held against."""
    name = str(seen.note("fingerprint_shown")).split(" ", 1)[0].lower()
    agreed = [str(text) for text in seen.note("fingerprints_agreed") or ()]
    return ", ".join([one for one in agreed if one.lower().startswith(f"{name} ")] or agreed)
