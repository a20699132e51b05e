"""The closed vocabulary of failures, and how an exception becomes one.

A failure of the network is a fact to keep, not an exception to raise. Whatever cannot be
placed is `unknown_failure`, kept with its text: a gap in this list, to be closed.
"""

from __future__ import annotations

import errno
import socket
import ssl
from enum import StrEnum


class Failure(StrEnum):
    """What went wrong with one exchange; the values are public."""

    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    CONNECTION_CLOSED = "connection_closed"
    HOST_UNREACHABLE = "host_unreachable"
    NETWORK_UNREACHABLE = "network_unreachable"
    ADDRESS_NOT_AVAILABLE = "address_not_available"
    PERMISSION_DENIED = "permission_denied"
    GENERIC_TIMEOUT = "generic_timeout"
    INTERRUPTED = "interrupted"

    DNS_NXDOMAIN = "dns_nxdomain"
    DNS_NO_ANSWER = "dns_no_answer"
    DNS_SERVER_FAILED = "dns_server_failed"

    TLS_UNTRUSTED = "tls_untrusted"
    TLS_EXPIRED = "tls_expired"
    TLS_NOT_YET_VALID = "tls_not_yet_valid"
    TLS_WRONG_HOST = "tls_wrong_host"
    TLS_FAILED = "tls_failed"

    PROXY_FAILED = "proxy_failed"
    HTTP_STATUS = "http_status"
    HTTP_REDIRECT = "http_redirect"
    HTTP_MALFORMED = "http_malformed"

    WEBSOCKET_CLOSED = "websocket_closed"
    FRAME_INVALID = "frame_invalid"
    GATEWAY_ERROR = "gateway_error"

    TOKEN_MISSING = "token_missing"
    TOKEN_MALFORMED = "token_malformed"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_NOT_YET_VALID = "token_not_yet_valid"

    STUN_MALFORMED = "stun_malformed"
    STUN_BAD_REQUEST = "stun_bad_request"
    STUN_UNAUTHORIZED = "stun_unauthorized"
    STUN_FORBIDDEN = "stun_forbidden"
    STUN_ALLOCATION_MISMATCH = "stun_allocation_mismatch"
    STUN_STALE_NONCE = "stun_stale_nonce"
    STUN_UNSUPPORTED_FAMILY = "stun_unsupported_family"
    STUN_WRONG_CREDENTIALS = "stun_wrong_credentials"
    STUN_UNSUPPORTED_TRANSPORT = "stun_unsupported_transport"
    STUN_QUOTA_REACHED = "stun_quota_reached"
    STUN_OUT_OF_CAPACITY = "stun_out_of_capacity"
    STUN_ERROR = "stun_error"

    SDP_REJECTED = "sdp_rejected"
    OPUS_MISSING = "opus_missing"
    MEDIA_DIRECTION = "media_direction"
    ICE_NO_CANDIDATES = "ice_no_candidates"
    ICE_FAILED = "ice_failed"
    DTLS_FAILED = "dtls_failed"
    DTLS_FINGERPRINT_MISMATCH = "dtls_fingerprint_mismatch"
    NO_RTP = "no_rtp"
    SILENCE = "silence"
    PROBE_SOUND_LOST = "probe_sound_lost"
    CALL_ENDED = "call_ended"
    CONSENT_LOST = "consent_lost"

    BROWSER_OUTDATED = "browser_outdated"
    INSECURE_CONTEXT = "insecure_context"
    WEBRTC_MISSING = "webrtc_missing"
    DEVICE_MISSING = "device_missing"
    DEVICE_BUSY = "device_busy"
    DEVICE_FAILED = "device_failed"
    POLICY_BLOCKED = "policy_blocked"
    PLAYBACK_BLOCKED = "playback_blocked"

    UNKNOWN_FAILURE = "unknown_failure"


CERTIFICATE_DATES = (Failure.TLS_EXPIRED, Failure.TLS_NOT_YET_VALID)
"""What a wrong clock can be behind."""

# Python picks the class by the number; some libraries raise the class without one.
_BY_CLASS = {
    TimeoutError: Failure.GENERIC_TIMEOUT,
    ConnectionRefusedError: Failure.CONNECTION_REFUSED,
    ConnectionError: Failure.CONNECTION_RESET,  # reset, aborted, broken pipe
    PermissionError: Failure.PERMISSION_DENIED,
}

_BY_ERRNO = {
    errno.EHOSTUNREACH: Failure.HOST_UNREACHABLE,
    errno.EHOSTDOWN: Failure.HOST_UNREACHABLE,
    errno.ENETUNREACH: Failure.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Failure.NETWORK_UNREACHABLE,
    errno.EADDRNOTAVAIL: Failure.ADDRESS_NOT_AVAILABLE,
}

# Windows' proactor loop speaks in system error codes (winerror.h), not in Winsock's.
_BY_WINERROR = {
    64: Failure.CONNECTION_RESET,  # ERROR_NETNAME_DELETED
    121: Failure.GENERIC_TIMEOUT,  # ERROR_SEM_TIMEOUT
    1225: Failure.CONNECTION_REFUSED,
    1231: Failure.NETWORK_UNREACHABLE,
    1232: Failure.HOST_UNREACHABLE,
    1236: Failure.CONNECTION_RESET,  # ERROR_CONNECTION_ABORTED
}

# OpenSSL's X509_V_ERR_* numbers (x509_vfy.h), as ssl.SSLCertVerificationError.verify_code.
_BY_VERIFY_CODE = {
    9: Failure.TLS_NOT_YET_VALID,
    10: Failure.TLS_EXPIRED,
    62: Failure.TLS_WRONG_HOST,
    64: Failure.TLS_WRONG_HOST,
}

_BY_STUN_CODE = {
    400: Failure.STUN_BAD_REQUEST,
    401: Failure.STUN_UNAUTHORIZED,
    403: Failure.STUN_FORBIDDEN,
    437: Failure.STUN_ALLOCATION_MISMATCH,
    438: Failure.STUN_STALE_NONCE,
    440: Failure.STUN_UNSUPPORTED_FAMILY,
    441: Failure.STUN_WRONG_CREDENTIALS,
    442: Failure.STUN_UNSUPPORTED_TRANSPORT,
    486: Failure.STUN_QUOTA_REACHED,
    508: Failure.STUN_OUT_OF_CAPACITY,
}


def classify(exc: OSError) -> Failure:
    """Place what the operating system or TLS raised (`TimeoutError` is an `OSError`)."""
    if isinstance(exc, ssl.SSLError):
        return _classify_tls(exc)
    if isinstance(exc, socket.gaierror):
        return _classify_dns(exc)
    for kind, failure in _BY_CLASS.items():
        if isinstance(exc, kind):
            return failure
    on_windows = _BY_WINERROR.get(getattr(exc, "winerror", None) or 0)
    return on_windows or _BY_ERRNO.get(exc.errno or 0, Failure.UNKNOWN_FAILURE)


def classify_stun(code: int) -> Failure:
    """Place a STUN or TURN error code (RFC 8489 §14.8, RFC 8656 §19)."""
    return _BY_STUN_CODE.get(code, Failure.STUN_ERROR)


def _classify_tls(exc: ssl.SSLError) -> Failure:
    match exc:
        case ssl.SSLCertVerificationError():
            # Raised for a host name by hand, it carries no code.
            return _BY_VERIFY_CODE.get(getattr(exc, "verify_code", 0), Failure.TLS_UNTRUSTED)
        case ssl.SSLEOFError():
            return Failure.CONNECTION_RESET
        case ssl.SSLZeroReturnError():
            return Failure.CONNECTION_CLOSED
        case _:
            return Failure.TLS_FAILED


def _classify_dns(exc: socket.gaierror) -> Failure:
    if exc.errno == socket.EAI_NONAME:
        return Failure.DNS_NXDOMAIN
    if exc.errno in (socket.EAI_AGAIN, socket.EAI_FAIL):
        return Failure.DNS_SERVER_FAILED
    return Failure.DNS_NO_ANSWER
