"""How soon a verdict comes where the gateway is 100 ms away: two namespaces and a long cable."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trustme

from polyai_diag.target import REGIONS
from tests.bench.figure import Figure
from tests.real.namespaces import ip, namespace, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

DEVICE = "cable"
CLIENT = "198.51.100.2"
# Public addresses, or DNS would be at fault; nothing leaves the namespaces.
GATEWAYS = dict(zip(REGIONS, ("20.42.0.1", "20.42.0.2", "20.42.0.3"), strict=True))
NAMESERVER = GATEWAYS["us-1"]  # an answer's source is the first address
ONE_WAY_MS = {"*": 50, GATEWAYS["uk-1"]: 60, GATEWAYS["euw-1"]: 70}
BLACK_HOLE = "gateway.example.com"
SWALLOWED = ["20.42.0.98", "20.42.0.99"]  # nobody there, and nobody says so
ROUND_TRIPS = 5  # DNS, TCP, TLS 1.3, upgrade, offer
RUN_S = 120


def figures() -> list[Figure]:
    """Measure them all; needs root."""
    with tempfile.TemporaryDirectory(prefix="polyai-diag-") as folder, far_away(folder) as near:
        found = runs(
            "tests.bench.far_runs", near, {"ca_file": _file(folder, "ca"), "black_hole": BLACK_HOLE}
        )
    path_ms = ROUND_TRIPS * found["round_trip_ms"]
    alone_ms = max(found["alone_ms"].values())
    each = ", ".join(f"{region} {ms:.0f}" for region, ms in found["alone_ms"].items())
    return [
        Figure(
            "verdict on a rejected token, over its critical path",
            found["rejected_ms"] / path_ms,
            1.25,
            "×",
            f"{found['rejected_ms']:.0f} ms; {ROUND_TRIPS} × {found['round_trip_ms']:.1f} ms "
            f"= {path_ms:.0f} ms",
        ),
        Figure("verdict on a black-holed gateway", found["black_hole_ms"] / 1000, 5, "s"),
        Figure(
            "all regions at once, over the slowest alone",
            found["all_ms"] / alone_ms,
            1.1,
            "×",
            f"{found['all_ms']:.0f} ms; alone: {each} ms",
        ),
    ]


@contextlib.contextmanager
def far_away(folder: str) -> Iterator[str]:
    """A client's network, and at the cable's other end DNS and a gateway for every region."""
    _certify(folder)
    table: dict[str, Any] = {
        name: [address] for name, address in zip(_names(), GATEWAYS.values(), strict=True)
    }
    files = {name: _file(folder, name) for name in ("certificate", "key")}
    with contextlib.ExitStack() as stack:
        near = stack.enter_context(namespace("near", nameserver=NAMESERVER))
        far = stack.enter_context(namespace("far"))
        ends = {"near": near, "far": far, "device": DEVICE, "one_way_ms": ONE_WAY_MS}
        stack.enter_context(serving("tests.bench.tun", None, ends))
        for inside, addresses in ((near, [CLIENT]), (far, GATEWAYS.values())):
            for address in addresses:
                ip("-n", inside, "address", "add", f"{address}/24", "dev", DEVICE)
            ip("-n", inside, "link", "set", DEVICE, "up")
            ip("-n", inside, "route", "add", "default", "dev", DEVICE)
        stack.enter_context(serving("tests.real.dns", far, {**table, BLACK_HOLE: SWALLOWED}))
        stack.enter_context(serving("tests.bench.far_gateway", far, files))
        yield near


def runs(module: str, near: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Run a module of measurements in a namespace; return what it prints, as JSON."""
    command = ["ip", "netns", "exec", near, sys.executable, "-m", module]
    said = subprocess.run(
        [*command, json.dumps(asked)], check=True, stdout=subprocess.PIPE, timeout=RUN_S
    )
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def _certify(folder: str) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert(*_names())
    authority.cert_pem.write_to_path(_file(folder, "ca"))
    certificate.private_key_pem.write_to_path(_file(folder, "key"))
    certificate.cert_chain_pems[0].write_to_path(_file(folder, "certificate"))


def _names() -> list[str]:
    return [f"webrtc-gateway.{region}.platform.polyai.app" for region in REGIONS]


def _file(folder: str, name: str) -> str:
    return str(Path(folder, f"{name}.pem"))
