"""STUN answers that lie, over a real socket: dropped, counted, and never mistaken for silence."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag import IceServer, Report, Target, diagnose
from polyai_diag.analysis.udp import FIRST_STAGE
from polyai_diag.failures import Failure
from polyai_diag.probes.stun_transport import StunTransport
from polyai_diag.stun_message import Message, Method, error, parse, request, response
from tests.aio import in_loop

HOST = "127.0.0.1"
Lie = Callable[[Message, Any], bytes]


def honest(asked: Message, seen: Any) -> bytes:
    return bytes(response(asked, {"XOR-MAPPED-ADDRESS": seen}))


def another_id(asked: Message, seen: Any) -> bytes:
    return honest(request(Method.BINDING), seen)


def truncated(asked: Message, seen: Any) -> bytes:
    return honest(asked, seen)[:-3]


def overflowing(asked: Message, seen: Any) -> bytes:
    answer = bytearray(honest(asked, seen))
    answer[22:24] = b"\xff\xfc"  # the first attribute's length
    return bytes(answer)


def not_understood(asked: Message, seen: Any) -> bytes:
    answer = honest(asked, seen) + struct.pack("!HH4s", 0x7F01, 4, b"must")
    return answer[:2] + struct.pack("!H", len(answer) - 20) + answer[4:]


def own_request(asked: Message, seen: Any) -> bytes:
    return bytes(asked)


def noise(asked: Message, seen: Any) -> bytes:
    return b"HTTP/1.1 400 Bad Request\r\n\r\n"


def channel_data(asked: Message, seen: Any) -> bytes:
    return b"\x40\x00\x00\x04late"


LIES = [
    another_id, truncated, overflowing, not_understood, own_request, noise, channel_data,
]  # fmt: skip


class _Server(asyncio.DatagramProtocol):
    def __init__(self, answers: Callable[[int], Lie]) -> None:
        self._answers = answers
        self._count = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        answer = self._answers(self._count)
        self._count += 1
        self._transport.sendto(answer(parse(data), addr), addr)


@contextlib.asynccontextmanager
async def answering(answers: Callable[[int], Lie]) -> AsyncIterator[int]:
    """Answer each request as its number has it; yield the port."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Server(answers), local_addr=(HOST, 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def always(lie: Lie) -> Callable[[int], Lie]:
    return lambda _: lie


async def judged(*ports: int) -> Report:
    servers = [IceServer([f"stun:{HOST}:{port}" for port in ports])]
    target = Target("ws://127.0.0.1:1/", ice_servers=servers, third_party=False)
    return await diagnose(target, steps=("stun",))


@in_loop
async def test_lies_alone_are_no_answer_and_no_silence_either() -> None:
    """All of them at once: each is asked twelve times, and says the same each time."""
    async with contextlib.AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(answering(always(lie))) for lie in LIES]
        report = await judged(*ports)
    step = report.step("stun")
    assert step.data["udp"] == "unknown"
    assert [row["malformed"] for row in step.data["servers"]] == [12] * len(LIES)
    assert [row["answered"] for row in step.data["servers"]] == [0] * len(LIES)
    failures = {o.failure for o in step.observations if o.operation == "stun_binding"}
    assert failures == {Failure.STUN_MALFORMED}
    assert report.root_causes == ("stun-unreachable",)


@in_loop
async def test_lies_among_answers_are_counted_and_change_nothing() -> None:
    async with answering(lambda number: honest if number % 2 else another_id) as port:
        report = await judged(port)
    [row] = report.step("stun").data["servers"]
    assert report.findings == ()
    assert row["malformed"] == (row["sent"] + 1) // 2
    assert row["answered"] == row["sent"] // 2
    assert row["loss_percent"] == pytest.approx(50, abs=5)


@pytest.mark.parametrize("code", [300, 401])
@in_loop
async def test_an_error_response_means_open(code: int) -> None:
    async with answering(lambda _: lambda asked, _: bytes(error(asked, code))) as port:
        report = await judged(port)
    step = report.step("stun")
    assert step.data["udp"] == "open"
    assert report.root_causes == ("stun-unreachable",)
    assert "so UDP gets through" in report.findings[0].summary
    assert step.duration_ms < 1000


@in_loop
async def test_an_answer_without_an_address_means_open() -> None:
    async with answering(lambda _: lambda asked, _: bytes(response(asked, {}))) as port:
        report = await judged(port)
    assert report.step("stun").data["udp"] == "open"
    assert "without a mapped address" in report.findings[0].summary


@in_loop
async def test_an_answer_twice_is_no_lie() -> None:
    class Twice(_Server):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            super().datagram_received(data, addr)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Twice(lambda _: honest), local_addr=(HOST, 0)
    )
    try:
        report = await judged(transport.get_extra_info("sockname")[1])
    finally:
        transport.close()
    [row] = report.step("stun").data["servers"]
    assert (row["malformed"], row["answered"]) == (0, row["sent"])


@in_loop
async def test_an_answer_from_elsewhere_is_dropped_and_counted() -> None:
    """On a socket of no one server."""
    transport = StunTransport(reliable=False)
    asked = request(Method.BINDING)
    answer = honest(asked, ("192.0.2.1", 5))

    def send(_data: bytes, to: tuple[str, int] | None) -> None:
        for source in ((HOST, 9), ("::1", 3478), (HOST, 3478)):
            asyncio.get_running_loop().call_soon(transport.received, answer, source)

    transport.opened(send, lambda: None, (HOST, 1))
    reply = await transport.ask(asked, timeout_s=1, to=(HOST, 3478), once=True)
    assert reply.source == (HOST, 3478)
    assert transport.malformed == 2


@in_loop
async def test_a_server_that_answers_from_another_port_is_not_silent() -> None:
    """A connected socket never sees such an answer; who is asked on is asked from another."""

    class FromElsewhere(_Server):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.sendto(honest(parse(data), addr), addr)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: FromElsewhere(always(honest)), local_addr=(HOST, 0)
    )
    try:
        report = await judged(transport.get_extra_info("sockname")[1])
    finally:
        transport.close()
    step = report.step("stun")
    [row] = step.data["servers"]
    assert (row["answered"], row["malformed"]) == (0, (row["sent"] - FIRST_STAGE) // 2)
    assert step.data["udp"] == "unknown"
    assert report.root_causes == ("stun-unreachable",)


def _hostile() -> st.SearchStrategy[bytes]:
    asked = request(Method.BINDING)
    right = honest(asked, (HOST, 5))
    edits = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=4)

    def changed(data: bytes, changes: list[tuple[int, int]]) -> bytes:
        edited = bytearray(data)
        for position, value in changes:
            edited[position % len(edited)] = value
        return bytes(edited)

    cut = st.integers(0, len(right)).map(lambda end: right[:end])
    return st.one_of(st.binary(max_size=80), st.builds(changed, st.just(right), edits), cut)


@given(st.lists(_hostile(), max_size=30))
def test_whatever_comes_is_counted_or_handed_on_and_never_raises(came: list[bytes]) -> None:
    transport = StunTransport(reliable=False)
    for data in came:
        transport.received(data, (HOST, 3478))
    assert transport.malformed == len(came)
    others: list[bytes] = []
    transport.on_other = others.append
    for data in came:
        transport.received(data, (HOST, 3478))
    assert transport.malformed + len(others) == 2 * len(came)
