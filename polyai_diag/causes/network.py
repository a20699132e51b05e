"""The network before the gateway: names, portals, connections, certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.analysis.addresses import PUBLIC
from polyai_diag.analysis.trust import is_foreign
from polyai_diag.causes.control import ONLINE
from polyai_diag.causes.engine import Facts, Layer, Seen, cause
from polyai_diag.causes.turn_ways import counts
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.model import Evidence

_BAD_CERTIFICATE = {
    Failure.TLS_UNTRUSTED: "signed by an authority that is not known here",
    Failure.TLS_EXPIRED: "expired",
    Failure.TLS_NOT_YET_VALID: "not valid yet: is this machine's clock right?",
    Failure.TLS_WRONG_HOST: "made for another host",
}


@cause(
    "dns-failure",
    acts=Actor.NETWORK,
    layer=Layer.NETWORK,
    title="The gateway's name cannot be looked up",
    remedy="Check the URL's spelling; if it is right, have the network's DNS server looked at.",
    reference="RFC 1035",
    breaks=("gateway",),
    compared_with=("dns_lookup", "tls_chain"),
    alone="the name may be wrong, or its own name servers fail",
)
def dns_failure(facts: Facts) -> Iterator[Evidence | Seen]:
    """No such name, no server, or no answer: which, and which resolver said so."""
    for seen in facts.failed("dns_lookup", step="gateway"):
        name = seen.observation.endpoint
        queries = list(facts.failed("dns_query", name=name))
        yield seen.says(f"{name}: {_why_no_address(seen, queries)}")
        for query in queries:
            said = query.note("rcode") or "no answer"
            yield query.says(f"Resolver {query.observation.endpoint}, {query.note('type')}: {said}")
        for query in facts.succeeded("dns_query", name=name):
            if query.note("addresses"):
                yield query.compares(f"resolver {query.observation.endpoint} gives an address")


def _why_no_address(lookup: Seen, queries: list[Seen]) -> str:
    """The system's own word is the same for a server that fails and for one that is silent."""
    if lookup.observation.failure is Failure.DNS_NXDOMAIN:
        return "no such name"
    failures = {query.observation.failure for query in queries}
    if Failure.DNS_NXDOMAIN in failures:
        return "no such name"
    if Failure.DNS_SERVER_FAILED in failures:
        return "the DNS server fails"
    silent = (Failure.GENERIC_TIMEOUT, Failure.DNS_SERVER_FAILED)
    if failures or lookup.observation.failure in silent:
        return "no DNS server answers"
    return "no address"


@cause(
    "dns-answer-wrong",
    acts=Actor.NETWORK,
    layer=Layer.NETWORK,
    title="The network's DNS gives a false address for the gateway",
    remedy=(
        "Ask the network team why their DNS answers so (a filter, a portal, a stale entry), and "
        "have the gateway's name resolved as the public DNS does."
    ),
    reference="RFC 6890",
    breaks=("gateway",),
    explains=(
        "gateway-unreachable",
        "tls-certificate-invalid",
        "wrong-endpoint",
        "websocket-refused",
        "proxy-blocks-websocket",
        "ice-servers-unavailable",
    ),
    compared_with=("tls_chain", "portal_check"),
    alone="the owner of the name may mean it so",
)
def dns_answer_wrong(facts: Facts) -> Iterator[Evidence | Seen]:
    """A public name, an address that the internet has not, and no gateway there.

    Where the gateway answers at such an address, a company has just put its own way to it.
    """
    if not facts.broken("gateway"):
        return
    for seen in facts.succeeded("dns_lookup", step="gateway"):
        pairs = zip(seen.note("addresses") or (), seen.note("kinds") or (), strict=False)
        false = [f"{address} ({kind})" for address, kind in pairs if kind != PUBLIC]
        if false and seen.note("public_name"):
            said = ", ".join(false[:4])
            yield seen.says(f"{seen.observation.endpoint} is a public name, and DNS says {said}")
            for query in facts.succeeded("dns_query", name=seen.observation.endpoint):
                if query.note("addresses"):
                    answer = ", ".join(query.note("addresses"))
                    yield query.says(f"Resolver {query.observation.endpoint} says {answer}")


@cause(
    "captive-portal",
    acts=Actor.CUSTOMER,
    layer=Layer.NETWORK,
    title="This network wants a login before it lets anything out (captive portal)",
    remedy="Open any http:// page in a browser on this machine, log in to the network, try again.",
    reference="RFC 8952, RFC 6585 §6",
    breaks=("gateway",),
    explains=(
        "dns-answer-wrong",
        "dns-failure",
        "gateway-unreachable",
        "tls-intercepted",
        "tls-certificate-invalid",
        "wrong-endpoint",
        "websocket-refused",
        "proxy-blocks-websocket",
        "ice-servers-unavailable",
    ),
)
def captive_portal(facts: Facts) -> Iterator[Evidence | Seen]:
    """Plain HTTP is answered by somebody else, who sends the client elsewhere."""
    if any(facts.succeeded("portal_check", known_page=True)):
        return
    another = (Failure.HTTP_REDIRECT, Failure.HTTP_STATUS, Failure.HTTP_MALFORMED)
    for seen in facts.failed("portal_check", failures=another):
        yield seen.says(f"{seen.observation.endpoint}: {seen.note('detail')}")


def broken_tls(facts: Facts) -> Iterator[Seen]:
    """Handshakes with the gateway that were cut off, or never answered."""
    broken = (Failure.GENERIC_TIMEOUT, Failure.CONNECTION_RESET)
    yield from facts.failed("tls_handshake", failures=broken, step="gateway")


@cause(
    "gateway-unreachable",
    acts=Actor.NETWORK,
    layer=Layer.NETWORK,
    title="The gateway cannot be reached",
    remedy="Have outbound TCP to the gateway's host and port allowed (443 for PolyAI's).",
    breaks=("gateway",),
    explains=("ice-servers-unavailable",),
    compared_with=ONLINE,
)
def gateway_unreachable(facts: Facts) -> Iterator[Evidence | Seen]:
    """TCP fails to every address of a host, or breaks before TLS is up."""
    up = {seen.note("host") for seen in facts.succeeded("tcp_connect", step="gateway")}
    for seen in facts.failed("tcp_connect", step="gateway"):
        if seen.note("host") not in up:
            yield seen
    if not any(facts.succeeded("proxy_connect", step="gateway")):
        yield from broken_tls(facts)


def _effect_of_interception(facts: Facts) -> Severity:
    """Where the handshake went well, the system's store vouches: then it only explains."""
    refused = any(facts.failed("tls_handshake", step="gateway"))
    return Severity.CRITICAL if refused else Severity.INFO


@cause(
    "tls-intercepted",
    acts=Actor.NETWORK,
    layer=Layer.NETWORK,
    title="Something on the way opens TLS (an inspecting proxy)",
    remedy=(
        "Have the gateway's host exempted from TLS inspection; or trust the inspector's authority "
        "in the system, or here with --ca-file."
    ),
    reference="RFC 8446 §1",
    breaks=("gateway",),
    effect=_effect_of_interception,
    explains=(
        "tls-certificate-invalid",
        "ice-servers-unavailable",
        "turn-unreachable",
        "turn-tls-intercepted",
    ),
)
def tls_intercepted(facts: Facts) -> Iterator[Evidence | Seen]:
    """One and the same foreign issuer signs for hosts that have nothing to do with each other."""
    by_signer: dict[str, dict[str, Seen]] = {}
    for chain in facts.succeeded("tls_chain", step="gateway"):
        if is_foreign(chain.note("vouched_by")):
            by_signer.setdefault(chain.note("signer"), {})[chain.observation.endpoint] = chain
    for signer, chains in by_signer.items():
        if len(chains) > 1:
            first, *others = chains.values()
            hosts = " and ".join(chains)
            yield first.says(f"{hosts} show certificates of one and the same issuer: {signer}")
            for other in others:
                where = other.observation.endpoint
                yield other.compares(f"{where} has nothing to do with the gateway")


@cause(
    "tls-certificate-invalid",
    acts=Actor.NETWORK,
    layer=Layer.NETWORK,
    title="A server's certificate cannot be trusted",
    remedy=(
        "For a private authority give its certificate with --ca-file; otherwise ask the network "
        "team whether a proxy inspects TLS, and the server's owner for a valid certificate."
    ),
    reference="RFC 5280 §6, RFC 9525",
    breaks=("gateway", "call"),
    explains=("ice-servers-unavailable", "turn-unreachable"),
    per_host=True,
    compared_with=("tls_handshake", "tls_chain", "tls_control"),
)
def tls_certificate_invalid(facts: Facts) -> Iterator[Evidence | Seen]:
    """Expired, not yet valid, of another host, or of an unknown authority: which."""
    for seen in facts.failed("tls_handshake", failures=_BAD_CERTIFICATE):
        if seen.step == "turn" and not counts(facts, seen):
            continue
        failure = seen.observation.failure or Failure.TLS_UNTRUSTED
        chain = next(facts.succeeded("tls_chain", endpoint=seen.observation.endpoint), None)
        said = _BAD_CERTIFICATE[failure]
        yield seen.says(f"{seen.observation.endpoint}: the certificate is {said}")
        if chain is not None and chain.note("chain"):
            yield chain.says(_about(chain))


def _about(chain: Seen) -> str:
    """Whose certificate it is, from when to when, and who has signed it."""
    leaf = chain.note("chain")[0]
    signed = "by itself" if chain.note("self_signed") else f"by {leaf['issuer']}"
    vouched = chain.note("vouched_by")
    root = (
        f"{vouched} vouches"
        if vouched
        else "no root known here vouches: a private authority, \
an inspecting proxy, or a certificate between that the server does not send"
    )
    dates = f"{leaf['not_before']} to {leaf['not_after']}"
    return f"It is {leaf['subject']}, {dates}, signed {signed}; {root}"
