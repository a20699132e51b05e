"""What the operating system, TLS, DNS and STUN say, placed in the closed list."""

from __future__ import annotations

import errno
import socket
import ssl
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.failures import Failure, classify, classify_stun

BY_ERRNO = {
    "ECONNREFUSED": "connection_refused",
    "ECONNRESET": "connection_reset",
    "EPIPE": "connection_reset",
    "ECONNABORTED": "connection_reset",
    "EHOSTUNREACH": "host_unreachable",
    "EHOSTDOWN": "host_unreachable",
    "ENETUNREACH": "network_unreachable",
    "ENETDOWN": "network_unreachable",
    "EADDRNOTAVAIL": "address_not_available",
    "EACCES": "permission_denied",
    "EPERM": "permission_denied",
    "ETIMEDOUT": "generic_timeout",
}
# winerror.h; Winsock's own numbers (10061…) are what `errno` holds there.
WINDOWS = {
    64: "connection_reset",  # the network name is no longer available
    121: "generic_timeout",  # the semaphore timeout period has expired
    1225: "connection_refused",
    1231: "network_unreachable",
    1232: "host_unreachable",
    1236: "connection_reset",
}
# RFC 8489 §14.8 and RFC 8656 §19.
BY_STUN_CODE = {
    400: "stun_bad_request",
    401: "stun_unauthorized",
    403: "stun_forbidden",
    437: "stun_allocation_mismatch",
    438: "stun_stale_nonce",
    440: "stun_unsupported_family",
    441: "stun_wrong_credentials",
    442: "stun_unsupported_transport",
    486: "stun_quota_reached",
    508: "stun_out_of_capacity",
}


def _certificate_error(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    return error


def test_the_vocabulary_is_snake_case_and_names_itself() -> None:
    assert issubclass(Failure, StrEnum)
    assert all(member.value == member.name.lower() for member in Failure)


@pytest.mark.parametrize(("name", "failure"), BY_ERRNO.items())
def test_errors_of_the_operating_system(name: str, failure: str) -> None:
    number = getattr(errno, name)
    assert classify(OSError(number, "text")) == failure


@pytest.mark.parametrize(
    ("exc", "failure"),
    [
        (ConnectionRefusedError(), "connection_refused"),
        (ConnectionResetError(), "connection_reset"),
        (ConnectionAbortedError(), "connection_reset"),
        (BrokenPipeError(), "connection_reset"),
        (PermissionError(), "permission_denied"),
        (TimeoutError(), "generic_timeout"),
    ],
)
def test_errors_raised_without_a_number_are_told_by_their_class(exc: OSError, failure: str) -> None:
    assert classify(exc) == failure


@pytest.mark.parametrize(("number", "failure"), WINDOWS.items())
def test_errors_of_windows_by_their_own_numbers(number: int, failure: str) -> None:
    exc = OSError("the text")
    exc.winerror = number  # type: ignore[attr-defined, unused-ignore] # only Windows declares it
    assert classify(exc) == failure


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (9, "tls_not_yet_valid"),
        (10, "tls_expired"),
        (62, "tls_wrong_host"),
        (64, "tls_wrong_host"),
        (18, "tls_untrusted"),  # self-signed
        (19, "tls_untrusted"),  # self-signed in the chain
        (20, "tls_untrusted"),  # issuer not known
    ],
)
def test_certificates_by_the_reason_that_openssl_gives(code: int, failure: str) -> None:
    assert classify(_certificate_error(code)) == failure


@pytest.mark.parametrize(
    ("exc", "failure"),
    [
        (ssl.SSLError(1, "wrong version number"), "tls_failed"),
        (ssl.SSLEOFError(8, "EOF in violation of protocol"), "connection_reset"),
        (ssl.SSLZeroReturnError(6, "closed"), "connection_closed"),
        (ssl.SSLCertVerificationError(1, "no verify_code on it"), "tls_untrusted"),
        (ssl.CertificateError("host name"), "tls_untrusted"),
    ],
)
def test_tls(exc: ssl.SSLError, failure: str) -> None:
    assert classify(exc) == failure


@pytest.mark.parametrize(
    ("number", "failure"),
    [
        (socket.EAI_NONAME, "dns_nxdomain"),
        (socket.EAI_AGAIN, "dns_server_failed"),
        (socket.EAI_FAIL, "dns_server_failed"),
        (getattr(socket, "EAI_NODATA", 0), "dns_no_answer"),
    ],
)
def test_dns(number: int, failure: str) -> None:
    assert classify(socket.gaierror(number, "text")) == failure


@pytest.mark.parametrize(("code", "failure"), BY_STUN_CODE.items())
def test_stun_codes(code: int, failure: str) -> None:
    assert classify_stun(code) == failure


@given(st.integers().filter(lambda code: code not in BY_STUN_CODE))
def test_any_other_stun_code_is_a_stun_error(code: int) -> None:
    assert classify_stun(code) is Failure.STUN_ERROR


@given(
    st.sampled_from([OSError, socket.gaierror, ssl.SSLError, ssl.SSLCertVerificationError]),
    st.integers(-(2**40), 2**40),
)
def test_any_number_is_placed_somewhere(kind: type[OSError], number: int) -> None:
    assert classify(kind(number, "text")) in Failure
    assert classify(kind()) in Failure
    assert classify(kind("text alone")) in Failure


def test_what_nobody_knows_is_unknown() -> None:
    assert classify(OSError(errno.ENOTTY, "not a terminal")) is Failure.UNKNOWN_FAILURE
    assert classify(OSError()) is Failure.UNKNOWN_FAILURE
