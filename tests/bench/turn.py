"""How long a TURN check takes where the server is 100 ms away, beside coturn's own client."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trustme

from tests.bench.far import RUN_S, runs
from tests.bench.figure import Figure
from tests.real.coturn import INSTALL
from tests.real.namespaces import ip, namespace, serving
from tests.real.needs import need
from tests.real.programs import end

if TYPE_CHECKING:
    from collections.abc import Iterator

DEVICE = "cable"
CLIENT, SERVER = "198.51.100.2", "20.42.0.10"
SWALLOWED = ("20.42.0.97", "20.42.0.98", "20.42.0.99")  # nobody there, and nobody says so
ONE_WAY_MS = {"*": 50}
# Challenge, Allocate, permission with channel, the echo between two relayed addresses, release.
ROUND_TRIPS = {"udp": 6, "tcp": 7, "tls": 8}
USER, PASSWORD = "alice", "s3cret"


def figures() -> list[Figure]:
    """Measure them all; needs root and coturn."""
    with tempfile.TemporaryDirectory(prefix="polyai-diag-") as folder, far_coturn(folder) as near:
        found = runs(
            "tests.bench.turn_runs",
            near,
            {"ca_file": f"{folder}/ca.pem", "server": SERVER, "dead": SWALLOWED},
        )
        uclient_ms = _uclient_ms(near)
    return [
        *(_over_its_path(transport, found) for transport in ROUND_TRIPS),
        Figure(
            "TURN check over UDP, over turnutils_uclient to the same answer",
            found["check_ms"]["udp"] / uclient_ms,
            1,
            "×",
            f"{found['check_ms']['udp']:.0f} ms; turnutils_uclient {uclient_ms:.0f} ms",
        ),
        Figure("three TURN servers, every transport dropped", found["dead_ms"] / 1000, 5, "s"),
    ]


def _over_its_path(transport: str, found: dict[str, Any]) -> Figure:
    needed_ms = ROUND_TRIPS[transport] * found["round_trip_ms"]
    took_ms = found["check_ms"][transport]
    return Figure(
        f"TURN check of one URL over {transport.upper()}, over its round trips",
        took_ms / needed_ms,
        1.2,
        "×",
        f"{took_ms:.0f} ms; {ROUND_TRIPS[transport]} × {found['round_trip_ms']:.1f} ms "
        f"= {needed_ms:.0f} ms",
    )


@contextlib.contextmanager
def far_coturn(folder: str) -> Iterator[str]:
    """A client's network, and coturn at the other end of a long cable."""
    program = need("turnserver", install=INSTALL)
    Path(folder, "turnserver.conf").write_text("\n".join([*_options(folder), ""]))
    with contextlib.ExitStack() as stack:
        near = stack.enter_context(namespace("near"))
        far = stack.enter_context(namespace("far"))
        ends = {"near": near, "far": far, "device": DEVICE, "one_way_ms": ONE_WAY_MS}
        stack.enter_context(serving("tests.bench.tun", None, ends))
        for inside, address in ((near, CLIENT), (far, SERVER)):
            ip("-n", inside, "address", "add", f"{address}/24", "dev", DEVICE)
            ip("-n", inside, "link", "set", DEVICE, "up")
            ip("-n", inside, "route", "add", "default", "dev", DEVICE)
        log = stack.enter_context(Path(folder, "turnserver.log").open("wb"))
        command = ["ip", "netns", "exec", far, str(program), "-c", f"{folder}/turnserver.conf"]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        stack.callback(end, process)
        yield near


def _options(folder: str) -> list[str]:
    authority = trustme.CA()
    certificate = authority.issue_cert(SERVER)
    authority.cert_pem.write_to_path(f"{folder}/ca.pem")
    certificate.private_key_pem.write_to_path(f"{folder}/key.pem")
    certificate.cert_chain_pems[0].write_to_path(f"{folder}/cert.pem")
    return [
        f"listening-ip={SERVER}",
        f"relay-ip={SERVER}",
        "realm=far.test",
        f"user={USER}:{PASSWORD}",
        f"cert={folder}/cert.pem",
        f"pkey={folder}/key.pem",
        f"userdb={folder}/turndb",
        f"pidfile={folder}/turnserver.pid",
        "log-file=stdout",
        "lt-cred-mech",
        "fingerprint",
        "no-cli",
    ]


def _uclient_ms(near: str) -> float:
    """Return how long coturn's client takes for one message from one relay to another."""
    program = need("turnutils_uclient", install=INSTALL)
    login = ["-u", USER, "-w", PASSWORD]
    command = ["ip", "netns", "exec", near, str(program), "-y", "-c", "-n", "1", *login, SERVER]
    started_s = time.monotonic()
    subprocess.run(command, check=True, capture_output=True, timeout=RUN_S)
    return (time.monotonic() - started_s) * 1000
