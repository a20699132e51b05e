"""A certificate authority of the sandbox's own, and TLS with what it issues."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import trustme

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class Authority:
    """An authority that nobody knows but those who are given its certificate.

    `in_steps`: it signs for another authority, which signs for the hosts.
    """

    def __init__(self, organization: str, *, in_steps: bool = False) -> None:
        root = trustme.CA(organization_name=organization)
        self._ca = root.create_child_ca() if in_steps else root
        self.pem = root.cert_pem.bytes()

    def server_context(
        self, *names: str, valid_days: tuple[float, float] | None = None
    ) -> ssl.SSLContext:
        """Return a context with a new certificate for these hosts.

        `valid_days` are its first and its last day, counted from now; without, it is valid.
        Raises ValueError for what is no host name.
        """
        first, last = (datetime.now(UTC) + timedelta(days=d) for d in valid_days or (-1, 90))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued = self._ca.issue_cert(*names, not_before=first, not_after=last)
        issued.configure_cert(context)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return a context that trusts this authority alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.pem.decode())
        return context


def self_signed_context() -> ssl.SSLContext:
    """Return a context with a certificate that its own key has signed, and that names no host."""
    itself = trustme.CA(organization_name="A server by itself")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = trustme.LeafCert(itself.private_key_pem.bytes(), itself.cert_pem.bytes(), [])
    certificate.configure_cert(context)
    return context
