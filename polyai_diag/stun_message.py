"""STUN and TURN messages as bytes and back (RFC 8489, RFC 8656, RFC 5780).

A strict face for `aioice.stun`, which does the encoding: whatever a network sends either parses,
or raises StunMalformed and nothing else. `Message.attributes` maps the standards' names to
values: addresses are `(host, port)`, ERROR-CODE is `(code, reason)`, NONCE and DATA are bytes,
REALM, USERNAME and SOFTWARE are text. Attributes that aioice does not know are added here.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Any

from aioice import stun
from aioice.stun import Class, Message, Method

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "CHANGE_IP",
    "CHANGE_PORT",
    "FAMILY_IPV4",
    "FAMILY_IPV6",
    "TRANSPORT_TCP",
    "TRANSPORT_UDP",
    "Class",
    "Message",
    "Method",
    "StreamSplitter",
    "StunMalformed",
    "channel_data",
    "error",
    "every",
    "indication",
    "is_channel_data",
    "long_term_key",
    "looks_like_stun",
    "parse",
    "parse_channel_data",
    "request",
    "response",
    "sign",
    "unknown_required",
]

TRANSPORT_TCP = 6 << 24
"""REQUESTED-TRANSPORT: the IP protocol's number in its first byte (RFC 8656 §18.7)."""
TRANSPORT_UDP = 17 << 24
FAMILY_IPV4 = 1
"""REQUESTED-ADDRESS-FAMILY (RFC 8656 §18.6)."""
FAMILY_IPV6 = 2
CHANGE_IP = 0x4
"""CHANGE-REQUEST: answer from the other address (RFC 5780 §7.2)."""
CHANGE_PORT = 0x2

_MAX_BYTES = 65_552  # what a length in 16 bits can say, and the header
_MESSAGE_INTEGRITY = 0x0008
_FINGERPRINT = 0x8028
_REASONS = {
    300: "Try Alternate",
    400: "Bad Request",
    401: "Unauthenticated",
    403: "Forbidden",
    420: "Unknown Attribute",
    437: "Allocation Mismatch",
    438: "Stale Nonce",
    440: "Address Family not Supported",
    441: "Wrong Credentials",
    442: "Unsupported Transport Protocol",
    443: "Peer Address Family Mismatch",
    486: "Allocation Quota Reached",
    500: "Server Error",
    508: "Insufficient Capacity",
}


class StunMalformed(ValueError):  # noqa: N818 - named after the failure that it becomes
    """These bytes are not the STUN message or ChannelData that they should be."""


# --- attributes that aioice lacks -------------------------------------------------------------


def _exactly(length: int, data: bytes) -> bytes:
    if len(data) != length:
        raise ValueError(f"attribute of {len(data)} bytes where {length} are due")
    return data


def _pack_family(family: int) -> bytes:
    return struct.pack("!B3x", family)


def _unpack_family(data: bytes) -> int:
    return _exactly(4, data)[0]


def _pack_types(types: tuple[int, ...]) -> bytes:
    return struct.pack(f"!{len(types)}H", *types)


def _unpack_types(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"!{len(data) // 2}H", data)


def _pack_even_port(reserve_next: bool) -> bytes:
    return b"\x80" if reserve_next else b"\x00"


def _unpack_even_port(data: bytes) -> bool:
    return bool(_exactly(1, data)[0] & 0x80)


def _token(data: bytes) -> bytes:
    return _exactly(8, data)


# aioice looks its attributes up in these two tables, to write as well as to read.
_ADDED: list[stun.AttributeEntry] = [
    (0x000A, "UNKNOWN-ATTRIBUTES", _pack_types, _unpack_types),
    (0x0017, "REQUESTED-ADDRESS-FAMILY", _pack_family, _unpack_family),
    (0x0018, "EVEN-PORT", _pack_even_port, _unpack_even_port),
    (0x001A, "DONT-FRAGMENT", stun.pack_none, stun.unpack_none),
    (0x0022, "RESERVATION-TOKEN", _token, _token),
    (0x0026, "PADDING", stun.pack_bytes, stun.unpack_bytes),
    (0x0027, "RESPONSE-PORT", stun.pack_unsigned_short, stun.unpack_unsigned_short),
    (0x8023, "ALTERNATE-SERVER", stun.pack_address, stun.unpack_address),
    # Nobody's number, and nobody need know it (RFC 8489 §14): it makes a request longer, no answer.
    (0xFFF0, "FILLING", stun.pack_bytes, stun.unpack_bytes),
]
for _entry in _ADDED:
    stun.ATTRIBUTES_BY_TYPE[_entry[0]] = _entry
    stun.ATTRIBUTES_BY_NAME[_entry[1]] = _entry


# --- reading ----------------------------------------------------------------------------------


def looks_like_stun(data: bytes) -> bool:
    """Whether this can be told for STUN among other traffic: zero bits and cookie (RFC 8489 §5)."""
    return len(data) >= stun.HEADER_LENGTH and data[0] < 0x40 and data[4:8] == _COOKIE_BYTES


def parse(data: bytes) -> Message:
    """Read one whole STUN message; of an attribute given twice the first counts (RFC 8489 §14).

    FINGERPRINT is checked; MESSAGE-INTEGRITY is not, ask `Message.check_message_integrity(key)`.
    What follows MESSAGE-INTEGRITY is left out, as nobody signed it.
    Raises StunMalformed, and nothing else, for anything wrong.
    """
    if len(data) > _MAX_BYTES:
        raise StunMalformed(f"message of {len(data)} bytes; {_MAX_BYTES} are the most")
    if not looks_like_stun(data):
        raise StunMalformed("not a STUN header with the magic cookie")
    _check_layout(data)
    try:
        message = stun.parse_message(data)
        for attribute_type, value in reversed(list(_signed_attributes(data))):
            if attribute_type in stun.ATTRIBUTES_BY_TYPE:
                name, unpacked = _unpack(attribute_type, value, message.transaction_id)
                message.attributes[name] = unpacked
    except (ValueError, struct.error) as exc:
        raise StunMalformed(str(exc)) from exc
    code = message.error_code
    if message.message_class is Class.ERROR and (code is None or not 300 <= code <= 699):
        raise StunMalformed(f"error response with ERROR-CODE {code}")
    return message


def unknown_required(data: bytes) -> tuple[int, ...]:
    """Return the types that a receiver must understand but this module does not (RFC 8489 §14).

    Raises StunMalformed as `parse` does.
    """
    parse(data)
    return tuple(
        attribute_type
        for attribute_type, _ in _signed_attributes(data)
        if attribute_type < 0x8000 and attribute_type not in stun.ATTRIBUTES_BY_TYPE
    )


def every(data: bytes, name: str) -> list[Any]:
    """Return each value of a repeated attribute: XOR-PEER-ADDRESS, say (RFC 8656 §10.1).

    Raises StunMalformed as `parse` does.
    """
    transaction_id = parse(data).transaction_id
    wanted = stun.ATTRIBUTES_BY_NAME[name][0]
    return [
        _unpack(attribute_type, value, transaction_id)[1]
        for attribute_type, value in _signed_attributes(data)
        if attribute_type == wanted
    ]


_COOKIE_BYTES = struct.pack("!I", stun.COOKIE)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = stun.HEADER_LENGTH
    while position < len(data):
        attribute_type, length = struct.unpack_from("!HH", data, position)
        yield attribute_type, data[position + 4 : position + 4 + length]
        position += 4 + length + stun.padding_length(length)


def _signed_attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    for attribute_type, value in _attributes(data):
        yield attribute_type, value
        if attribute_type == _MESSAGE_INTEGRITY:
            return


def _unpack(attribute_type: int, value: bytes, transaction_id: bytes) -> tuple[str, Any]:
    _, name, _, unpack = stun.ATTRIBUTES_BY_TYPE[attribute_type]
    return name, unpack(value, transaction_id) if name.startswith("XOR-") else unpack(value)


def _check_layout(data: bytes) -> None:
    (length,) = struct.unpack_from("!H", data, 2)
    if length % 4 or length != len(data) - stun.HEADER_LENGTH:
        raise StunMalformed(f"header says {length} bytes, {len(data)} with the header came")
    position = stun.HEADER_LENGTH
    while position < len(data):
        attribute_type, length = struct.unpack_from("!HH", data, position)
        position += 4 + length + stun.padding_length(length)
        if position > len(data):
            raise StunMalformed(f"attribute 0x{attribute_type:04x} runs past the message's end")
        if attribute_type == _FINGERPRINT and position != len(data):
            raise StunMalformed("FINGERPRINT is not the last attribute")


# --- writing ----------------------------------------------------------------------------------


def request(method: Method, attributes: Mapping[str, Any] | None = None) -> Message:
    """Make a request with a transaction id of its own. `bytes(message)` is what goes out."""
    return Message(method, Class.REQUEST, attributes=dict(attributes or {}))


def indication(method: Method, attributes: Mapping[str, Any]) -> Message:
    """Make an indication: it gets no answer (RFC 8489 §3)."""
    return Message(method, Class.INDICATION, attributes=dict(attributes))


def response(to: Message, attributes: Mapping[str, Any]) -> Message:
    """Make the success response to a request."""
    return Message(to.message_method, Class.RESPONSE, to.transaction_id, dict(attributes))


def error(to: Message, code: int, attributes: Mapping[str, Any] | None = None) -> Message:
    """Make the error response to a request, with the standard's reason (RFC 8489 §14.8)."""
    body = {"ERROR-CODE": (code, _REASONS[code]), **(attributes or {})}
    return Message(to.message_method, Class.ERROR, to.transaction_id, body)


def long_term_key(username: str, realm: str, password: str) -> bytes:
    """Compute the key of long-term credentials (RFC 8489 §9.2.2), MD5 as the standard has it.

    The text is hashed as given: browsers and coturn do not normalise it either.
    """
    text = f"{username}:{realm}:{password}".encode()
    return hashlib.md5(text, usedforsecurity=False).digest()


def sign(message: Message, *, username: str, realm: str, nonce: bytes, key: bytes) -> None:
    """Add USERNAME, REALM, NONCE, MESSAGE-INTEGRITY and FINGERPRINT: the last step before sending.

    A message signed before is signed anew.
    """
    message.attributes |= {"USERNAME": username, "REALM": realm, "NONCE": nonce}
    message.add_message_integrity(key)


# --- ChannelData and streams ------------------------------------------------------------------


def is_channel_data(data: bytes) -> bool:
    """Whether these bytes begin as ChannelData does (RFC 8656 §12, channels 0x4000 to 0x7FFF).

    RFC 8656 stops at 0x4FFF; coturn's clients still use all that RFC 5766 §11 gave them.
    """
    return len(data) >= 4 and 0x40 <= data[0] <= 0x7F


def channel_data(number: int, payload: bytes, *, padded: bool = False) -> bytes:
    """Frame `payload` for a channel; `padded` for TCP and TLS (RFC 8656 §12.4, §12.5)."""
    if not 0x4000 <= number <= 0x7FFF:
        raise ValueError(f"channel 0x{number:04x} is not between 0x4000 and 0x7FFF")
    padding = stun.padding_length(len(payload)) if padded else 0
    return struct.pack("!HH", number, len(payload)) + payload + bytes(padding)


def parse_channel_data(data: bytes) -> tuple[int, bytes]:
    """Return channel number and payload; up to three bytes of padding are allowed.

    Raises StunMalformed.
    """
    if not is_channel_data(data):
        raise StunMalformed("not ChannelData")
    number, length = struct.unpack_from("!HH", data)
    if not 0 <= len(data) - 4 - length <= 3:
        raise StunMalformed(f"ChannelData says {length} bytes, {len(data) - 4} came")
    return number, data[4 : 4 + length]


class StreamSplitter:
    """Cuts a TCP or TLS byte stream into STUN messages and ChannelData (RFC 8656 §12.5).

    It never holds more than one unfinished message, 64 KiB.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending(self) -> bytes:
        """What came after the last whole message: worth a look when the stream ends here."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came and return the messages that are whole now, ChannelData unpadded.

        Raises StunMalformed for what is neither; the stream is of no use after that.
        """
        self._buffer += data
        whole = []
        position = 0
        while (sizes := self._sizes(position)) and position + sizes[1] <= len(self._buffer):
            whole.append(bytes(self._buffer[position : position + sizes[0]]))
            position += sizes[1]
        del self._buffer[:position]
        return whole

    def _sizes(self, position: int) -> tuple[int, int] | None:
        """Return the next message's length, without and with padding; None while it is unknown."""
        head = bytes(self._buffer[position : position + 8])
        if head and head[0] > 0x7F:
            raise StunMalformed("neither STUN nor ChannelData")
        if is_channel_data(head):
            (length,) = struct.unpack_from("!H", head, 2)
            return 4 + length, 4 + length + stun.padding_length(length)
        if len(head) < 8:
            return None
        (length,) = struct.unpack_from("!H", head, 2)
        if head[4:] != _COOKIE_BYTES or length % 4:
            raise StunMalformed("neither STUN nor ChannelData")
        return stun.HEADER_LENGTH + length, stun.HEADER_LENGTH + length
