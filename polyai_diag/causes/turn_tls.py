"""TLS to a TURN server that something on the way opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.analysis.addresses import unrelated
from polyai_diag.analysis.trust import is_foreign
from polyai_diag.causes.engine import Facts, Layer, Seen, cause
from polyai_diag.causes.turn_ways import counts, url_of
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Evidence, Guide, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator


def _effect_of_interception(facts: Facts) -> Severity:
    """Where the handshake went well, the system's store vouches: then it only explains."""
    refused = any(counts(facts, seen) for seen in _refused(facts))
    if not refused:
        return Severity.INFO
    return Severity.CRITICAL if facts.broken("call") else Severity.WARNING


@cause(
    "turn-tls-intercepted",
    acts=Actor.NETWORK,
    layer=Layer.TURN,
    guide=Guide.ICE,
    title="Something on the way opens TLS to the TURN server (an inspecting proxy)",
    remedy=(
        "Have the TURN server's host exempted from TLS inspection: TURN inside TLS is no HTTPS, "
        "and an inspector breaks it even where its authority is trusted."
    ),
    reference="RFC 8446 §1, RFC 8656 §3.1",
    breaks=("call",),
    effect=_effect_of_interception,
    explains=("tls-certificate-invalid", "turn-unreachable"),
    per_host=True,
)
def turn_tls_intercepted(facts: Facts) -> Iterator[Evidence | Seen]:
    """The same foreign issuer signs for the TURN server and for a host that is no kin of it."""
    foreign = [c for c in facts.succeeded("tls_chain") if is_foreign(c.note("vouched_by"))]
    for chain in foreign:
        if chain.note("url") is None:
            continue
        signer = chain.note("signer")
        for other in foreign:
            if other.note("signer") == signer and _is_no_kin(chain, other):
                where = f"{chain.observation.endpoint} and {other.observation.endpoint}"
                yield chain.says(f"{where} show certificates of one and the same issuer: {signer}")
                yield other.compares(f"{other.observation.endpoint} is no kin of it")
                break


def _is_no_kin(chain: Seen, other: Seen) -> bool:
    """Controls are chosen so that no private authority signs for them."""
    is_control = bool(other.note("control")) and other.host != chain.host
    return is_control or unrelated(chain.host, other.host)


def _refused(facts: Facts) -> Iterator[Seen]:
    for seen in facts.failed("tls_handshake", failures=[Failure.TLS_UNTRUSTED], step="turn"):
        if any(chain.note("url") == url_of(seen) for chain in facts.succeeded("tls_chain")):
            yield seen
