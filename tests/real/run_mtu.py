"""Probe how large packets may be, as standard input asks; print what was observed as JSON."""

import asyncio
import json
import socket
import sys
from typing import Any

import msgspec

from polyai_diag.probes.mtu import probe_signaling_mtu, probe_udp_mtu
from polyai_diag.probes.net import Address
from polyai_diag.probes.route import Route
from polyai_diag.probes.tls import tls_context
from polyai_diag.probes.trace import Trace


async def main(asked: dict[str, Any]) -> None:
    """Probe UDP to `udp_port`, TLS to `tls_port`, of one host, at once."""
    trace = Trace("signaling")
    near, far = (Address(socket.AF_INET, asked["host"], asked[p]) for p in ("udp_port", "tls_port"))
    context = tls_context(asked["ca_file"])
    route = Route(asked["host"], asked["tls_port"], (far,), None, context)
    await asyncio.gather(probe_udp_mtu(near, trace), probe_signaling_mtu(route, trace))
    print(msgspec.json.encode(trace.observations).decode())


asyncio.run(main(json.load(sys.stdin)))
