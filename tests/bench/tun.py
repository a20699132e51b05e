"""A long cable: two TUN devices, and whatever goes from one to the other is held back.

Run as root, `python -m tests.bench.tun SETTINGS`: the two namespaces that the ends go to, what an
end is called, how many milliseconds a packet takes one way, by the far side's address, and what
else the cable does to packets (`Fault`).
"""

from __future__ import annotations

import errno
import fcntl
import heapq
import itertools
import json
import os
import random
import select
import socket
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.real.namespaces import ip

# linux/if_tun.h, linux/if.h
TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000

PACKET_BYTES = 65535
SOURCE, DESTINATION = slice(12, 16), slice(16, 20)  # of an IPv4 header (RFC 791 §3.1)
QUEUE_S = 0.3


def open_tun(name: str) -> int:
    """Make a TUN device and return its file descriptor; the device lives as long as that."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    request = struct.pack("16sH14x", name.encode(), IFF_TUN | IFF_NO_PI)
    fcntl.ioctl(descriptor, TUNSETIFF, request)
    return descriptor


@dataclass(frozen=True)
class Fault:
    """What is wrong with a cable, each way; the same every time."""

    jitter_ms: float = 0  # the standard deviation of the delay; packets stay in order
    loss_percent: float = 0
    burst_packets: float = 1  # how many are lost at a time, on average
    rate_kbps: float | None = None  # what does not fit waits for QUEUE_S at most


class Lane:
    """One direction of a cable: when each packet comes out of it, if it does."""

    def __init__(self, fault: Fault, seed: int) -> None:
        self._fault = fault
        self._chance = random.Random(seed)  # noqa: S311 - the same packets are to be lost again
        self._is_bad = False
        self._free_s = 0.0
        self._last_s = 0.0

    def due_s(self, now_s: float, size_bytes: int, delay_s: float) -> float | None:
        """Return the moment at which a packet that enters now comes out, None if it is lost."""
        if self._loses():
            return None
        starts_s = now_s
        if self._fault.rate_kbps is not None:
            starts_s = max(now_s, self._free_s)
            if starts_s - now_s > QUEUE_S:
                return None
            starts_s += size_bytes * 8 / self._fault.rate_kbps / 1000
            self._free_s = starts_s
        jitter_s = self._chance.gauss(0, self._fault.jitter_ms / 1000)
        self._last_s = max(self._last_s, starts_s + max(0.0, delay_s + jitter_s))
        return self._last_s

    def _loses(self) -> bool:
        """Move on in a chain of two states, good and bad (Gilbert, 1960)."""
        rate = self._fault.loss_percent / 100
        ends = 1 / self._fault.burst_packets if self._fault.burst_packets > 1 else 1 - rate
        begins = ends * rate / (1 - rate)
        drawn = self._chance.random()
        self._is_bad = drawn >= ends if self._is_bad else drawn < begins
        return self._is_bad


class Cable:
    """Packets under way between two ends, each with the moment at which it comes out."""

    def __init__(
        self,
        near: int,
        far: int,
        one_way_ms: dict[str, float],
        *,
        fault: Fault | None = None,
        log: Path | None = None,
    ) -> None:
        self._other = {near: far, far: near}
        self._far_side = {near: DESTINATION, far: SOURCE}  # where its address stands
        self._lanes = {end: Lane(fault or Fault(), seed) for seed, end in enumerate((near, far))}
        self._names = {near: "near", far: "far"}
        self._one_way_s = {
            socket.inet_aton(address): ms / 1000
            for address, ms in one_way_ms.items()
            if address != "*"
        }
        self._usual_s = one_way_ms["*"] / 1000
        self._under_way: list[tuple[float, int, int, float, bytes]] = []
        self._order = itertools.count()
        self._log = log.open("w", buffering=1) if log else None

    def carry(self) -> None:
        """Carry packets for ever."""
        while True:
            ready, _, _ = select.select(list(self._other), [], [], self._until_next_s())
            for end in ready:
                self._take(end, os.read(end, PACKET_BYTES))
            while self._under_way and self._under_way[0][0] <= time.monotonic():
                _, _, end, came_s, packet = heapq.heappop(self._under_way)
                left_s = time.monotonic() if self._comes_out(end, packet) else None
                self._write_down(end, came_s, left_s, packet)

    def _comes_out(self, end: int, packet: bytes) -> bool:
        """Put a packet out at the other end, if that is up yet."""
        try:
            os.write(self._other[end], packet)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False
        return True

    def _until_next_s(self) -> float | None:
        return max(0.0, self._under_way[0][0] - time.monotonic()) if self._under_way else None

    def _take(self, end: int, packet: bytes) -> None:
        now_s = time.monotonic()
        delay_s = self._one_way_s.get(packet[self._far_side[end]], self._usual_s)
        due_s = self._lanes[end].due_s(now_s, len(packet), delay_s)
        if due_s is None:
            self._write_down(end, now_s, None, packet)
        else:
            heapq.heappush(self._under_way, (due_s, next(self._order), end, now_s, packet))

    def _write_down(self, end: int, came_s: float, left_s: float | None, packet: bytes) -> None:
        """Log a packet: at which end it came, when, when it left at the other, and all of it."""
        if self._log is not None:
            seen = [self._names[end], came_s, left_s, packet.hex()]
            self._log.write(json.dumps(seen) + "\n")


def main() -> None:
    """Lay the cable and carry."""
    settings = json.loads(sys.argv[1])
    ends = []
    for inside in (settings["near"], settings["far"]):
        # The name must be free here for a moment, and is the same in both namespaces.
        ends.append(open_tun(settings["device"]))
        ip("link", "set", settings["device"], "netns", inside)
    fault = Fault(**settings.get("fault", {}))
    log = Path(settings["log"]) if "log" in settings else None
    print("ready", flush=True)
    Cable(ends[0], ends[1], settings["one_way_ms"], fault=fault, log=log).carry()


if __name__ == "__main__":
    main()
