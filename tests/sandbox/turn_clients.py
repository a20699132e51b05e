"""Clients for the TURN server's tests: one that signs, one that keeps what it receives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self, cast

from polyai_diag.stun_message import (
    TRANSPORT_UDP,
    Message,
    Method,
    StreamSplitter,
    long_term_key,
    looks_like_stun,
    parse,
    request,
    sign,
)

Address = tuple[str, int]
ANSWER_S = 2


class Inbox(asyncio.DatagramProtocol):
    """A UDP socket that keeps what it receives; with `echo` it also sends it back."""

    def __init__(self, *, echo: bool = False) -> None:
        self.received: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()
        self.echo = echo

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)
        self.address: Address = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.received.put_nowait((data, addr))
        if self.echo:
            self.transport.sendto(data, addr)

    async def next(self) -> tuple[bytes, Address]:
        async with asyncio.timeout(ANSWER_S):
            return await self.received.get()


@asynccontextmanager
async def udp_socket(*, echo: bool = False) -> AsyncIterator[Inbox]:
    loop = asyncio.get_running_loop()
    transport, inbox = await loop.create_datagram_endpoint(
        lambda: Inbox(echo=echo), local_addr=("127.0.0.1", 0)
    )
    try:
        yield inbox
    finally:
        transport.abort()
        await asyncio.sleep(0)


class TurnClient:
    """A TURN client over UDP that sends exactly what a test wants."""

    def __init__(self, inbox: Inbox, server: Address, username: str, password: str) -> None:
        self.inbox = inbox
        self.server = server
        self.username = username
        self.password = password
        self.realm = ""
        self.nonce = b""

    @property
    def key(self) -> bytes:
        return long_term_key(self.username, self.realm, self.password)

    def send(self, data: bytes, to: Address | None = None) -> None:
        self.inbox.transport.sendto(data, to or self.server)

    async def receive(self) -> tuple[bytes, Address]:
        return await self.inbox.next()

    async def ask(self, message: Message) -> Message:
        """Send a message as it is, and return its answer."""
        self.send(bytes(message))
        answer = parse((await self.receive())[0])
        assert answer.transaction_id == message.transaction_id
        return answer

    async def challenge(self) -> Message:
        """Fetch realm and nonce."""
        answer = await self.ask(request(Method.ALLOCATE))
        self.realm = answer.attributes["REALM"]
        self.nonce = answer.attributes["NONCE"]
        return answer

    def signed(self, method: Method, attributes: dict[str, Any] | None = None) -> Message:
        message = request(method, attributes)
        sign(message, username=self.username, realm=self.realm, nonce=self.nonce, key=self.key)
        return message

    async def ask_signed(self, method: Method, attributes: dict[str, Any] | None = None) -> Message:
        return await self.ask(self.signed(method, attributes))

    async def allocate(self) -> Address:
        """Allocate, and return the relayed address."""
        await self.challenge()
        answer = await self.ask_signed(Method.ALLOCATE, {"REQUESTED-TRANSPORT": TRANSPORT_UDP})
        assert answer.error_code is None
        assert answer.check_message_integrity(self.key)
        relayed: Address = answer.attributes["XOR-RELAYED-ADDRESS"]
        return relayed


class StreamClient:
    """Raw bytes over TCP, messages back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._splitter = StreamSplitter()
        self._whole: list[bytes] = []

    @classmethod
    async def connect(cls, address: Address) -> Self:
        return cls(*await asyncio.open_connection(*address))

    async def receive(self, limit_s: float = ANSWER_S) -> bytes:
        async with asyncio.timeout(limit_s):
            while not self._whole:
                data = await self.reader.read(65536)
                assert data, "the server hung up"
                self._whole += self._splitter.feed(data)
        return self._whole.pop(0)

    async def ask(self, message: Message) -> Message:
        self.writer.write(bytes(message))
        data = await self.receive()
        assert looks_like_stun(data)
        return parse(data)

    async def is_hung_up_on(self) -> bool:
        """Wait for the server to end the connection."""
        async with asyncio.timeout(ANSWER_S):
            try:
                while await self.reader.read(65536):
                    pass
            except ConnectionResetError:
                pass
        return True

    async def close(self) -> None:
        self.writer.transport.abort()
        await asyncio.sleep(0)
