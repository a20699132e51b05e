"""A STUN server that knows Bindings alone, run in a namespace: `python -m … JSON`."""

import asyncio
import json
import sys
from typing import Any

from aioice import stun


class Server(asyncio.DatagramProtocol):
    """Answers each Binding with where it came from; PADDING is refused, as plain servers do."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        asked = stun.parse_message(data)
        padded = len(data) > stun.HEADER_LENGTH
        answer = stun.Message(
            asked.message_method,
            stun.Class.ERROR if padded else stun.Class.RESPONSE,
            asked.transaction_id,
            {"ERROR-CODE": (420, "Unknown Attribute")} if padded else {"XOR-MAPPED-ADDRESS": addr},
        )
        self.transport.sendto(bytes(answer), addr)


async def main() -> None:
    """Serve until killed."""
    asked = json.loads(sys.argv[1])
    at = (asked["host"], asked["port"])
    await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=at)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
