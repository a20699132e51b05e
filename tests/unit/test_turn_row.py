"""What comes back through a relay is anyone's: only packets of the row itself count."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag import IceServer
from polyai_diag.probes.stun_transport import StunTransport
from polyai_diag.probes.turn_allocation import Allocation, Holdings
from polyai_diag.probes.turn_row import Row
from polyai_diag.stun_message import Method, channel_data, indication
from tests.aio import in_loop

PEER = ("192.0.2.1", 9)


def sent_row(count: int = 3) -> Row:
    row = Row(count, 160)
    row.sent_s += [0.0] * count
    return row


def test_packets_of_the_row_are_taken_once() -> None:
    row = sent_row()
    for number in (2, 0, 2):
        row.take(row.packet(number))
    assert row.arrived_s.keys() == {0, 2}
    first_s = row.arrived_s[2]
    row.take(row.packet(2))
    assert row.arrived_s[2] == first_s


@given(st.binary(max_size=200))
def test_other_bytes_are_none_of_it(data: bytes) -> None:
    row = sent_row()
    row.take(data)
    row.take(row.packet(0)[:-1])
    row.take(row.packet(0)[:8] + data)
    row.take(Row(3, 160).packet(1))
    assert row.arrived_s.keys() <= {0, 1, 2}


def test_a_number_that_was_never_sent_is_a_lie() -> None:
    row = sent_row()
    row.take(row.packet(3))
    row.take(row.packet(0xFFFFFFFF))
    assert not row.arrived_s


@given(st.binary(max_size=300), st.booleans())
def test_whatever_a_server_relays_is_taken_or_dropped(payload: bytes, by_channel: bool) -> None:
    """Whole, damaged at any place, or nonsense from the first byte."""
    transport = StunTransport(reliable=False)
    allocation = Allocation(transport, IceServer("turn:192.0.2.9"), Holdings())
    got: list[bytes] = []
    allocation.on_payload = got.append
    body = {"XOR-PEER-ADDRESS": PEER, "DATA": payload}
    whole = channel_data(0x4000, payload) if by_channel else bytes(indication(Method.DATA, body))
    transport.received(whole, PEER)
    assert got == [payload]
    for cut in range(0, len(whole), 7):
        transport.received(whole[:cut], PEER)
    transport.received(payload, PEER)
    assert set(got) <= {payload, *(payload[4 : 4 + n] for n in range(len(payload)))}


@pytest.mark.parametrize("wanted", [1, 3])
@in_loop
async def test_a_row_ends_when_enough_has_come(wanted: int) -> None:
    row = Row(50, 160, wanted=wanted)
    loop = asyncio.get_running_loop()

    def comes_back(number: int) -> None:
        loop.call_soon(row.take, row.packet(number))

    async with asyncio.timeout(5):
        await row.send(comes_back)
    assert len(row.arrived_s) == wanted == len(row.sent_s)
