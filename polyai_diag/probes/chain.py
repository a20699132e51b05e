"""The certificates that a server shows, and whose root vouches for them.

Read on a connection of its own and without a verdict: `ssl` shows no chain before Python 3.13,
and none at all where it refuses one.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import SSL, crypto

from polyai_diag.analysis.trust import GIVEN, SHIPPED, SYSTEM, is_foreign
from polyai_diag.failures import Failure

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from polyai_diag.model import Json
    from polyai_diag.probes.route import Route
    from polyai_diag.probes.trace import Known, Trace

CHAIN_TIMEOUT_S = 3.0  # all that comes after the gateway waits for it
MAX_SHOWN = 12
MAX_CERTIFICATES = 20  # a chain that is longer is not walked to its root
MAX_NAME = 160

KNOWN: Known = {
    SSL.Error: lambda _: Failure.TLS_FAILED,
    ValueError: lambda _: Failure.TLS_FAILED,  # a certificate that cannot be parsed
}


@dataclass(frozen=True)
class Chain:
    """What one server showed; `signer` tells whether two were signed by the same hand."""

    host: str
    signer: str
    vouched_by: str | None
    self_signed: bool

    @property
    def foreign(self) -> bool:
        """Whether no authority vouches that the public trusts, or that the user has given."""
        return is_foreign(self.vouched_by)


async def read_chain(
    route: Route,
    trace: Trace,
    *,
    ca_file: str | None,
    control: bool = False,
    alpn: str = "http/1.1",
    **notes: Json,
) -> Chain | None:
    """Show the chain of a host, leaf first; None when there is no TLS to be had."""
    sock = await route.open()
    if sock is None:
        return None
    endpoint = f"{route.host}:{route.port}"
    try:
        with trace.observe("tls_chain", endpoint, known=KNOWN, **notes) as seen:
            if control:
                seen.note(control=True)
            async with asyncio.timeout(CHAIN_TIMEOUT_S):
                connection = await _handshake(sock, route.host, alpn)
            shown = connection.get_peer_cert_chain(as_cryptography=True) or []
            chain = _judged(route.host, shown, ca_file)
            seen.note(
                version=connection.get_protocol_version_name(),
                alpn=connection.get_alpn_proto_negotiated().decode("ascii", "replace") or None,
                vouched_by=chain.vouched_by,
                signer=chain.signer,
                self_signed=chain.self_signed,
                certificates=len(shown),
                chain=[describe(certificate) for certificate in shown[:MAX_SHOWN]],
                not_before=_seconds(shown[0].not_valid_before_utc),
                not_after=_seconds(shown[0].not_valid_after_utc),
            )
            return chain
    finally:
        sock.close()
    return None


async def _handshake(sock: socket.socket, host: str, alpn: str) -> SSL.Connection:
    """Shake hands without checking anything. Raises SSL.Error, OSError."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_alpn_protos([alpn.encode()])
    connection = SSL.Connection(context, None)
    if not _is_address(host):
        connection.set_tlsext_host_name(host.encode("idna"))
    connection.set_connect_state()
    loop = asyncio.get_running_loop()
    while True:
        try:
            connection.do_handshake()
        except SSL.WantReadError:
            await _flush(connection, sock)
            data = await loop.sock_recv(sock, 16 * 1024)
            if not data:
                raise ConnectionResetError from None
            connection.bio_write(data)
        else:
            await _flush(connection, sock)
            return connection


async def _flush(connection: SSL.Connection, sock: socket.socket) -> None:
    with contextlib.suppress(SSL.WantReadError):
        while data := connection.bio_read(16 * 1024):
            await asyncio.get_running_loop().sock_sendall(sock, data)


def _judged(host: str, shown: Sequence[x509.Certificate], ca_file: str | None) -> Chain:
    leaf = shown[0]
    return Chain(
        host,
        signer=_signer(leaf),
        vouched_by=_vouched_by(shown, ca_file),
        self_signed=leaf.issuer == leaf.subject,
    )


def _signer(leaf: x509.Certificate) -> str:
    """Name who signed it, by name and key (RFC 5280 §4.2.1.1)."""
    name = _name(leaf.issuer)
    with contextlib.suppress(x509.ExtensionNotFound):
        extension = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
        key = extension.value.key_identifier
        return f"{name} ({key.hex()[:16]})" if key else name
    return name


def _vouched_by(shown: Sequence[x509.Certificate], ca_file: str | None) -> str | None:
    """Return whose root the chain leads to, None where to nobody's that can be read as a file."""
    system = ssl.get_default_verify_paths()
    stores = (
        (SHIPPED, certifi.where(), None),
        (GIVEN, ca_file, None),
        (SYSTEM, system.cafile, system.capath),
    )
    for name, file, folder in stores:
        if _leads_to(shown, file, folder):
            return name
    return None


def _leads_to(shown: Sequence[x509.Certificate], file: str | None, folder: str | None) -> bool:
    """Whether the authorities in a file or folder vouch for the chain, its dates left aside."""
    if not file and not folder:
        return False
    store = crypto.X509Store()
    store.load_locations(file, folder)
    store.set_time(_within(shown[0]))
    leaf, *others = (crypto.X509.from_cryptography(c) for c in shown[:MAX_CERTIFICATES])
    try:
        crypto.X509StoreContext(store, leaf, others).verify_certificate()
    except crypto.X509StoreContextError:
        return False
    return True


def _within(leaf: x509.Certificate) -> datetime:
    """Return now, or the nearest moment at which the certificate is valid."""
    now = datetime.now(UTC)
    edge = timedelta(seconds=1)
    begin, end = leaf.not_valid_before_utc + edge, leaf.not_valid_after_utc - edge
    return min(max(now, begin), end)


def describe(certificate: x509.Certificate) -> dict[str, Any]:
    """Return a certificate's names, dates and hash, fit for a report."""
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    return {
        "subject": _name(certificate.subject),
        "issuer": _name(certificate.issuer),
        "not_before": f"{certificate.not_valid_before_utc:%Y-%m-%d}",
        "not_after": f"{certificate.not_valid_after_utc:%Y-%m-%d}",
        "days_left": left.days,
        "sha256": certificate.fingerprint(SHA256()).hex()[:16],
    }


def _name(name: x509.Name) -> str:
    return name.rfc4514_string()[:MAX_NAME]


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
