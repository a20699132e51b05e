"""TLS: whom we trust, and what a server agrees on."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi

from polyai_diag.target import TargetError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from polyai_diag.probes.trace import Seen

TLS_TIMEOUT_S = 5.0


def tls_context(ca_file: str | None, *, alpn: str | None = None) -> ssl.SSLContext:
    """Return a client context that trusts the system's authorities, the shipped ones, `ca_file`'s.

    Reading hundreds of certificates takes longer than a handshake: one context serves all runs
    of a process, until one of the files changes. Raises TargetError when `ca_file` cannot be read
    as certificates. `alpn` is the protocol that it offers (RFC 7301).
    """
    system = ssl.get_default_verify_paths()
    files = (ca_file, system.cafile, system.capath)
    return _loaded(ca_file, alpn, tuple(_stamp(file) for file in files))


@functools.lru_cache(maxsize=8)
def _loaded(ca_file: str | None, alpn: str | None, _stamps: tuple[object, ...]) -> ssl.SSLContext:
    context = _system_context()
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    context.load_verify_locations(certifi.where())
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as exc:
            reason = os.strerror(exc.errno) if type(exc) is not ssl.SSLError and exc.errno else exc
            raise TargetError(f"--ca-file {ca_file}: no certificates read ({reason})") from None
    return context


def _stamp(file: str | None) -> object:
    """Return what changes when a file does."""
    with contextlib.suppress(OSError):
        if file is not None:
            found = Path(file).stat()
            return file, found.st_mtime_ns, found.st_size
    return file


def _system_context() -> ssl.SSLContext:
    """Trust what the system trusts: its files (SSL_CERT_FILE too), or its key store."""
    if sys.platform in ("darwin", "win32"):
        import truststore  # noqa: PLC0415 - asks the key store that OpenSSL cannot read

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.create_default_context()


@contextlib.asynccontextmanager
async def within_tls_timeout(seen: Seen) -> AsyncIterator[None]:
    """Bound a TLS handshake, and say in `seen` what the silence was. Raises TimeoutError."""
    try:
        async with asyncio.timeout(TLS_TIMEOUT_S):
            yield
    except TimeoutError:
        seen.note(detail=f"TCP connected, and no answer to TLS in {TLS_TIMEOUT_S:.0f} s")
        raise


def note_tls(seen: Seen, connection: ssl.SSLObject | None) -> None:
    """Keep what TLS agreed on, and whose certificate was shown."""
    if connection is None:
        return
    certificate: dict[str, Any] = dict(connection.getpeercert() or {})
    seen.note(
        version=connection.version(),
        alpn=connection.selected_alpn_protocol(),
        issuer=_name(certificate.get("issuer", ())),
        subject=_name(certificate.get("subject", ())),
        not_after=certificate.get("notAfter"),
    )


def _name(parts: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    return ", ".join(f"{key}={value}" for part in parts for key, value in part)
