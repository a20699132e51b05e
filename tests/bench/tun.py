"""A long cable: two TUN devices, and whatever goes from one to the other is held back.

Run as root, `python -m tests.bench.tun SETTINGS`: the two namespaces that the ends go to, what an
end is called, and how many milliseconds a packet takes one way, by the far side's address.
"""

from __future__ import annotations

import fcntl
import heapq
import itertools
import json
import os
import select
import socket
import struct
import sys
import time

from tests.real.namespaces import ip

# linux/if_tun.h, linux/if.h
TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000

PACKET_BYTES = 65535
SOURCE, DESTINATION = slice(12, 16), slice(16, 20)  # of an IPv4 header (RFC 791 §3.1)


def open_tun(name: str) -> int:
    """Make a TUN device and return its file descriptor; the device lives as long as that."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    request = struct.pack("16sH14x", name.encode(), IFF_TUN | IFF_NO_PI)
    fcntl.ioctl(descriptor, TUNSETIFF, request)
    return descriptor


class Cable:
    """Packets under way between two ends, each with the moment at which it comes out."""

    def __init__(self, near: int, far: int, one_way_ms: dict[str, float]) -> None:
        self._other = {near: far, far: near}
        self._far_side = {near: DESTINATION, far: SOURCE}  # where its address stands
        self._one_way_s = {
            socket.inet_aton(address): ms / 1000
            for address, ms in one_way_ms.items()
            if address != "*"
        }
        self._usual_s = one_way_ms["*"] / 1000
        self._under_way: list[tuple[float, int, int, bytes]] = []
        self._order = itertools.count()

    def carry(self) -> None:
        """Carry packets for ever."""
        while True:
            ready, _, _ = select.select(list(self._other), [], [], self._until_next_s())
            for end in ready:
                self._take(end, os.read(end, PACKET_BYTES))
            while self._under_way and self._under_way[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(self._under_way)
                os.write(end, packet)

    def _until_next_s(self) -> float | None:
        return max(0.0, self._under_way[0][0] - time.monotonic()) if self._under_way else None

    def _take(self, end: int, packet: bytes) -> None:
        delay_s = self._one_way_s.get(packet[self._far_side[end]], self._usual_s)
        due_s = time.monotonic() + delay_s
        heapq.heappush(self._under_way, (due_s, next(self._order), self._other[end], packet))


def main() -> None:
    """Lay the cable and carry."""
    settings = json.loads(sys.argv[1])
    ends = []
    for inside in (settings["near"], settings["far"]):
        # The name must be free here for a moment, and is the same in both namespaces.
        ends.append(open_tun(settings["device"]))
        ip("link", "set", settings["device"], "netns", inside)
    print("ready", flush=True)
    Cable(ends[0], ends[1], settings["one_way_ms"]).carry()


if __name__ == "__main__":
    main()
