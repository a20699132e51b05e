"""The STUN codec: the standard's vectors, round trips, and bytes from an enemy."""

import contextlib
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag import stun_message as stun
from polyai_diag.stun_message import Class, Message, Method, StreamSplitter, StunMalformed

SHORT_TERM_PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"

RFC5769_REQUEST = bytes.fromhex("""
    00010058 2112a442 b7e7a701 bc34d686 fa87dfae
    80220010 5354554e 20746573 7420636c 69656e74
    00240004 6e0001ff
    80290008 932ff9b1 51263b36
    00060009 6576746a 3a683676 59202020
    00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2
    80280004 e57a3bcf
""")
RFC5769_IPV4_RESPONSE = bytes.fromhex("""
    0101003c 2112a442 b7e7a701 bc34d686 fa87dfae
    8022000b 74657374 20766563 746f7220
    00200008 0001a147 e112a643
    00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7
    80280004 c07d4c96
""")
RFC5769_IPV6_RESPONSE = bytes.fromhex("""
    01010048 2112a442 b7e7a701 bc34d686 fa87dfae
    8022000b 74657374 20766563 746f7220
    00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9
    00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41
    80280004 c8fb0b4c
""")
RFC5769_LONG_TERM_REQUEST = bytes.fromhex("""
    00010060 2112a442 78ad3433 c6ad72c0 29da412e
    00060012 e3839ee3 8388e383 aae38383 e382afe3 82b90000
    0015001c 662f2f34 39396b39 35346436 4f4c3334 6f4c3946 53547679 36347341
    0014000b 6578616d 706c652e 6f726700
    00080014 f6702465 6dd64a3e 02b8e071 2e85c9a2 8ca89666
""")
VECTORS = [
    RFC5769_REQUEST,
    RFC5769_IPV4_RESPONSE,
    RFC5769_IPV6_RESPONSE,
    RFC5769_LONG_TERM_REQUEST,
]


def message_of(*attributes: tuple[int, bytes], kind: int = 0x0001) -> bytes:
    body = b""
    for number, value in attributes:
        body += struct.pack("!HH", number, len(value)) + value + bytes(-len(value) % 4)
    return struct.pack("!HHI12s", kind, len(body), 0x2112A442, b"transaction!") + body


# --- RFC 5769 ---------------------------------------------------------------------------------


def test_request_vector() -> None:
    message = stun.parse(RFC5769_REQUEST)
    assert (message.message_method, message.message_class) == (Method.BINDING, Class.REQUEST)
    assert message.attributes["SOFTWARE"] == "STUN test client"
    assert message.attributes["USERNAME"] == "evtj:h6vY"
    assert message.attributes["PRIORITY"] == 0x6E0001FF
    assert message.check_message_integrity(SHORT_TERM_PASSWORD)
    assert not message.check_message_integrity(b"another password")


@pytest.mark.parametrize(
    ("vector", "address"),
    [
        (RFC5769_IPV4_RESPONSE, ("192.0.2.1", 32853)),
        (RFC5769_IPV6_RESPONSE, ("2001:db8:1234:5678:11:2233:4455:6677", 32853)),
    ],
)
def test_response_vectors(vector: bytes, address: tuple[str, int]) -> None:
    message = stun.parse(vector)
    assert message.message_class is Class.RESPONSE
    assert message.attributes["XOR-MAPPED-ADDRESS"] == address
    assert message.check_message_integrity(SHORT_TERM_PASSWORD)


def test_long_term_vector() -> None:
    message = stun.parse(RFC5769_LONG_TERM_REQUEST)
    key = stun.long_term_key("マトリックス", "example.org", "TheMatrIX")
    assert message.attributes["USERNAME"] == "マトリックス"
    assert message.check_message_integrity(key)


@given(vector=st.sampled_from(VECTORS), data=st.data())
def test_a_changed_bit_never_passes_the_integrity_check(vector: bytes, data: Any) -> None:
    signed_bytes = len(vector) - (8 if vector[-8:-4] == b"\x80\x28\x00\x04" else 0)
    position = data.draw(st.integers(0, signed_bytes - 1))
    changed = bytearray(vector)
    changed[position] ^= 1 << data.draw(st.integers(0, 7))
    key = SHORT_TERM_PASSWORD
    if vector is RFC5769_LONG_TERM_REQUEST:
        key = stun.long_term_key("マトリックス", "example.org", "TheMatrIX")
    with contextlib.suppress(StunMalformed):
        assert not stun.parse(bytes(changed)).check_message_integrity(key)


# --- round trips ------------------------------------------------------------------------------

PORTS = st.integers(0, 65535)
ADDRESSES = st.tuples(st.ip_addresses().map(str), PORTS)
TEXT = st.text(max_size=60)
ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "ALTERNATE-SERVER": ADDRESSES,
        "CHANGE-REQUEST": st.sampled_from([stun.CHANGE_IP, stun.CHANGE_PORT]),
        "CHANNEL-NUMBER": st.integers(0x4000, 0x7FFF),
        "DATA": st.binary(max_size=200),
        "DONT-FRAGMENT": st.none(),
        "EVEN-PORT": st.booleans(),
        "LIFETIME": st.integers(0, 2**32 - 1),
        "OTHER-ADDRESS": ADDRESSES,
        "PADDING": st.binary(max_size=200),
        "REQUESTED-ADDRESS-FAMILY": st.sampled_from([stun.FAMILY_IPV4, stun.FAMILY_IPV6]),
        "REQUESTED-TRANSPORT": st.sampled_from([stun.TRANSPORT_TCP, stun.TRANSPORT_UDP]),
        "RESERVATION-TOKEN": st.binary(min_size=8, max_size=8),
        "RESPONSE-PORT": PORTS,
        "SOFTWARE": TEXT,
        "UNKNOWN-ATTRIBUTES": st.lists(PORTS, max_size=9).map(tuple),
        "XOR-MAPPED-ADDRESS": ADDRESSES,
        "XOR-PEER-ADDRESS": ADDRESSES,
    },
)


@given(method=st.sampled_from(Method), attributes=ATTRIBUTES)
def test_round_trip(method: Method, attributes: dict[str, Any]) -> None:
    sent = stun.request(method, attributes)
    key = stun.long_term_key("user", "realm", "password")
    stun.sign(sent, username="user", realm="realm", nonce=b"nonce", key=key)
    received = stun.parse(bytes(sent))
    assert received.message_method is method
    assert received.transaction_id == sent.transaction_id
    assert received.attributes == sent.attributes
    assert received.attributes.items() >= attributes.items()
    assert received.check_message_integrity(key)
    assert stun.unknown_required(bytes(sent)) == ()


def test_answers_keep_method_and_transaction() -> None:
    asked = stun.request(Method.ALLOCATE)
    granted = stun.parse(bytes(stun.response(asked, {"LIFETIME": 600})))
    refused = stun.parse(bytes(stun.error(asked, 420, {"UNKNOWN-ATTRIBUTES": (0x7F01,)})))
    for answer in (granted, refused):
        assert answer.message_method is Method.ALLOCATE
        assert answer.transaction_id == asked.transaction_id
    assert granted.attributes == {"LIFETIME": 600}
    assert refused.attributes["ERROR-CODE"] == (420, "Unknown Attribute")
    assert refused.attributes["UNKNOWN-ATTRIBUTES"] == (0x7F01,)


def test_signing_anew_replaces_the_old_signature() -> None:
    message = stun.request(Method.REFRESH)
    for nonce in (b"old", b"new"):
        stun.sign(message, username="u", realm="r", nonce=nonce, key=b"key")
    received = stun.parse(bytes(message))
    assert received.attributes["NONCE"] == b"new"
    assert received.check_message_integrity(b"key")


# --- what a receiver must and must not take ---------------------------------------------------


def test_unknown_attributes_below_0x8000_are_told() -> None:
    data = message_of((0x7F01, b"x"), (0xC001, b"y"), (0x0003, bytes(4)), (0x0002, b""))
    assert stun.unknown_required(data) == (0x7F01, 0x0002)


def test_nothing_after_the_signature_counts() -> None:
    data = message_of((0x0008, bytes(20)), (0x7F01, b""), (0x000D, bytes(4)))
    assert "LIFETIME" not in stun.parse(data).attributes
    assert stun.unknown_required(data) == ()


def test_of_a_repeated_attribute_the_first_counts_and_each_can_be_had() -> None:
    peers = [stun.request(Method.SEND, {"XOR-PEER-ADDRESS": ("127.0.0.1", n)}) for n in (1, 2)]
    for peer in peers:
        peer.transaction_id = b"transaction!"
    data = message_of(*((0x0012, bytes(peer)[24:]) for peer in peers))
    assert stun.parse(data).attributes["XOR-PEER-ADDRESS"] == ("127.0.0.1", 1)
    assert stun.every(data, "XOR-PEER-ADDRESS") == [("127.0.0.1", 1), ("127.0.0.1", 2)]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "header"),
        (RFC5769_REQUEST[:19], "header"),
        (b"\x80" + RFC5769_REQUEST[1:], "header"),
        (RFC5769_REQUEST[:4] + b"\x00\x00\x00\x00" + RFC5769_REQUEST[8:], "cookie"),
        (RFC5769_REQUEST[:-4], "header says 88"),
        (RFC5769_REQUEST + bytes(4), "header says 88"),
        (RFC5769_REQUEST[:-1] + b"\x00", "fingerprint"),
        (message_of((0x8028, bytes(4)), (0x000D, bytes(4))), "last"),
        (message_of((0x000D, bytes(3))), "4 bytes"),
        (message_of((0x0020, bytes(5))), "address"),
        (message_of((0x0006, b"\xff\xfe")), "utf-8"),
        (message_of((0x0017, bytes(1))), "4 are due"),
        (message_of((0x0018, b"")), "1 are due"),
        (message_of((0x0022, bytes(7))), "8 are due"),
        (message_of((0x000A, bytes(3))), "2 bytes"),
        (message_of(kind=0x0111), "ERROR-CODE None"),
        (message_of((0x0009, b"\x00\x00\x02\x00"), kind=0x0111), "ERROR-CODE 200"),
        (message_of(kind=0x0FFF), "Method"),
        (message_of()[:2] + b"\x00\x04" + message_of()[4:] + b"\x00\x06\x00\x09", "runs past"),
        (bytes(70_000), "65552"),
    ],
)
def test_malformed(data: bytes, why: str) -> None:
    with pytest.raises(StunMalformed, match=why):
        stun.parse(data)


def mutated() -> st.SearchStrategy[bytes]:
    def change(data: bytes, edits: list[tuple[int, int]]) -> bytes:
        changed = bytearray(data)
        for position, value in edits:
            changed[position % len(changed)] = value
        return bytes(changed)

    edits = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=4)
    return st.builds(change, st.sampled_from(VECTORS), edits)


def built() -> st.SearchStrategy[bytes]:
    numbers = st.one_of(st.integers(0, 0x30), st.integers(0x8020, 0x8030), PORTS)
    attributes = st.lists(st.tuples(numbers, st.binary(max_size=24)), max_size=5)
    return st.builds(lambda kind, given: message_of(*given, kind=kind), PORTS, attributes)


@given(st.one_of(st.binary(max_size=100), mutated(), built()))
def test_hostile_bytes_raise_nothing_but_stun_malformed(data: bytes) -> None:
    stun.looks_like_stun(data)
    stun.is_channel_data(data)
    with contextlib.suppress(StunMalformed):
        stun.parse_channel_data(data)
    with contextlib.suppress(StunMalformed):
        StreamSplitter().feed(data)
    with contextlib.suppress(StunMalformed):
        message = stun.parse(data)
        assert isinstance(message, Message)
        stun.unknown_required(data)
        stun.every(data, "XOR-PEER-ADDRESS")
        message.check_message_integrity(b"key")


# --- ChannelData and streams ------------------------------------------------------------------


@given(st.integers(0x4000, 0x7FFF), st.binary(max_size=100), st.booleans())
def test_channel_data_round_trip(number: int, payload: bytes, padded: bool) -> None:
    data = stun.channel_data(number, payload, padded=padded)
    assert stun.is_channel_data(data)
    assert not stun.looks_like_stun(data)
    assert stun.parse_channel_data(data) == (number, payload)
    assert not padded or len(data) % 4 == 0


@pytest.mark.parametrize(
    "data",
    [b"", b"\x40\x00", b"\x40\x00\x00\x05abcd", b"\x40\x00\x00\x01a1234", b"\x80\x00\x00\x00"],
)
def test_malformed_channel_data(data: bytes) -> None:
    with pytest.raises(StunMalformed):
        stun.parse_channel_data(data)


@pytest.mark.parametrize("number", [0, 0x3FFF, 0x8000])
def test_channel_numbers_have_a_range(number: int) -> None:
    with pytest.raises(ValueError, match="channel"):
        stun.channel_data(number, b"")


@given(
    st.lists(st.one_of(st.sampled_from(VECTORS), st.binary(max_size=30)), max_size=6),
    st.integers(1, 40),
)
def test_a_stream_is_cut_into_the_same_messages_however_it_arrives(
    sent: list[bytes], chunk: int
) -> None:
    frames = [
        data if data in VECTORS else stun.channel_data(0x4001, data, padded=True) for data in sent
    ]
    stream = b"".join(frames)
    splitter = StreamSplitter()
    came = [
        whole
        for start in range(0, len(stream), chunk)
        for whole in splitter.feed(stream[start : start + chunk])
    ]
    unpadded = [data if data in VECTORS else stun.channel_data(0x4001, data) for data in sent]
    assert came == unpadded
    assert splitter.pending == b""


def test_a_stream_that_ends_early_leaves_what_came_to_be_seen() -> None:
    splitter = StreamSplitter()
    assert splitter.feed(b"HTTP/1.1 302 Found\r\n") == []
    assert splitter.pending.startswith(b"HTTP/1.1 302")


@pytest.mark.parametrize(
    "data", [b"\x80", b"\xff" * 8, b"\x00\x01\x00\x00GET ", b"\x00\x01\x00\x02\x21\x12\xa4\x42"]
)
def test_a_stream_of_something_else_is_told_at_once(data: bytes) -> None:
    with pytest.raises(StunMalformed, match="neither"):
        StreamSplitter().feed(data)


def test_a_stream_never_holds_more_than_one_message() -> None:
    splitter = StreamSplitter()
    full = stun.channel_data(0x4000, bytes(65535), padded=True)
    for _ in range(20):
        splitter.feed(full[:-1])
        assert len(splitter.pending) < len(full)
        assert len(splitter.feed(full[-1:])) == 1
