"""A DNS server that answers by a table: run in a namespace, `python -m tests.real.dns TABLE`.

The table holds names and what is answered for each: addresses, `NXDOMAIN`, `SERVFAIL`, or
`silence`; `*` stands for the names that it does not hold, which do not exist without it.
"""

import asyncio
import contextlib
import json
import struct
import sys
from collections.abc import Mapping, Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Answer = Sequence[str] | str

PORT = 53
TTL_S = 30
UDP_BYTES = 1232  # what a way takes in one piece, whatever the client would take
SILENCE = "silence"


def answered(table: Mapping[str, Answer], asked: bytes, most: int = 65535) -> bytes | None:
    """Return the answer to a query (RFC 1035 §4), None where there is none.

    Of what is longer than `most` bytes, nothing but the word that it is cut is answered.
    """
    query = dns.message.from_wire(asked)
    question = query.question[0]
    name = question.name.to_text(omit_final_dot=True).lower()
    answer = table.get(name, table.get("*", "NXDOMAIN"))
    if answer == SILENCE:
        return None
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.RA
    if isinstance(answer, str):
        reply.set_rcode(dns.rcode.from_text(answer))
        return reply.to_wire()
    kind = dns.rdatatype.to_text(question.rdtype)
    addresses = [a for a in answer if kind == ("AAAA" if ":" in a else "A")]
    if addresses:
        reply.answer.append(dns.rrset.from_text(question.name, TTL_S, "IN", kind, *addresses))
    wire = reply.to_wire()
    if len(wire) <= most:
        return wire
    reply.answer.clear()
    reply.flags |= dns.flags.TC
    return reply.to_wire()


class _OverUdp(asyncio.DatagramProtocol):
    def __init__(self, table: Mapping[str, Answer]) -> None:
        self._table = table

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = answered(self._table, data, UDP_BYTES)
        if reply is not None:
            self._transport.sendto(reply, addr)


async def serve(table: Mapping[str, Answer]) -> None:
    """Answer over UDP and TCP, until killed."""

    async def over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:  # a client may ask for both families on one connection
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                reply = answered(table, await reader.readexactly(length))
                if reply is not None:
                    writer.write(struct.pack("!H", len(reply)) + reply)
        writer.close()

    loop = asyncio.get_running_loop()
    anywhere = ("0.0.0.0", PORT)  # noqa: S104 - the namespace is the test's own
    await loop.create_datagram_endpoint(lambda: _OverUdp(table), local_addr=anywhere)
    server = await asyncio.start_server(over_tcp, *anywhere)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
