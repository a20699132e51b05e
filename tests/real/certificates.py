"""Certificate chains as servers get them wrong, issued by hand (RFC 5280)."""

import datetime as dt
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
LIFE = dt.timedelta(days=30)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate as a file holds it."""
        return self.certificate.public_bytes(Encoding.PEM)


def issued(name: str, by: Issued | None = None, *, authority: bool = True) -> Issued:
    """Issue a certificate, signed by itself where nobody else is named; a leaf is for HOST."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LIFE)
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        host = x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))])
        builder = builder.add_extension(host, critical=False)
    return Issued(builder.sign(by.key if by else key, SHA256()), key)


def chain(length: int) -> list[Issued]:
    """Return a leaf, and the authorities above it up to the root, `length` in all."""
    issuers = [issued("root")]
    while len(issuers) < length - 1:
        issuers.append(issued(f"authority {len(issuers)}", issuers[-1]))
    leaf = issued("leaf", issuers[-1], authority=False)
    return [leaf, *reversed(issuers)]


def serving(folder: Path, shown: list[Issued]) -> ssl.SSLContext:
    """Return a server's context that shows these certificates, the leaf first."""
    file = folder / "shown.pem"
    key = shown[0].key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(key + b"".join(one.pem for one in shown))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def trusting(folder: Path, root: Issued) -> str:
    """Return a file for `--ca-file`."""
    file = folder / "root.pem"
    file.write_bytes(root.pem)
    return str(file)
