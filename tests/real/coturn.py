"""Real coturn on loopback, started for a test and ended by its pid."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from polyai_diag.stun_message import Method, parse, request
from tests.real.needs import need
from tests.real.programs import end

HOST = "127.0.0.1"
OTHER_HOST = "127.0.0.2"
INSTALL = "apt-get install coturn"
START_ATTEMPTS = 2
READY_S = 5
TLS_READY_S = 0.5


@dataclass(frozen=True)
class Coturn:
    """A coturn that serves; RFC 5780 included, on 127.0.0.1 and 127.0.0.2."""

    host: str
    udp_port: int  # TCP too
    tls_port: int
    username: str
    password: str
    realm: str
    ca_file: Path

    def urls(self) -> list[str]:
        """Return what `iceServers` takes, in the order of the sandbox's own server."""
        at = f"{self.host}:{self.udp_port}"
        return [
            f"stun:{at}",
            f"turn:{at}?transport=udp",
            f"turn:{at}?transport=tcp",
            f"turns:{self.host}:{self.tls_port}?transport=tcp",
        ]


@contextmanager
def running_coturn(folder: Path, *options: str) -> Iterator[Coturn]:
    """Start coturn with files of its own in `folder`; `options` are lines of its configuration."""
    program = need("turnserver", install=INSTALL)
    ca_file = _certify(folder)
    for attempt in range(1, START_ATTEMPTS + 1):
        port, tls_port = _free_ports()
        coturn = Coturn(HOST, port, tls_port, "alice", "s3cret", "coturn.test", ca_file)
        config = folder / "turnserver.conf"
        config.write_text("\n".join([*_options(coturn, folder), *options, ""]))
        with (folder / "turnserver.log").open("wb") as log:
            process = subprocess.Popen(
                [program, "-c", config], stdout=log, stderr=subprocess.STDOUT, cwd=folder
            )
        try:
            if _is_ready(coturn, process):
                yield coturn
                return
        finally:
            end(process)
        if attempt == START_ATTEMPTS:
            raise RuntimeError((folder / "turnserver.log").read_text()[-2000:])


def _options(coturn: Coturn, folder: Path) -> list[str]:
    return [
        f"listening-ip={HOST}",
        f"listening-ip={OTHER_HOST}",
        f"relay-ip={HOST}",
        f"listening-port={coturn.udp_port}",
        f"alt-listening-port={coturn.udp_port + 1}",
        f"tls-listening-port={coturn.tls_port}",
        f"alt-tls-listening-port={coturn.tls_port + 1}",
        f"realm={coturn.realm}",
        f"user={coturn.username}:{coturn.password}",
        f"cert={folder / 'cert.pem'}",
        f"pkey={folder / 'key.pem'}",
        f"userdb={folder / 'turndb'}",
        f"pidfile={folder / 'turnserver.pid'}",
        "log-file=stdout",
        "lt-cred-mech",
        "fingerprint",
        "allow-loopback-peers",
        "no-cli",
    ]


def _certify(folder: Path) -> Path:
    authority = trustme.CA()
    certificate = authority.issue_cert(HOST, OTHER_HOST, "localhost")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "cert.pem").write_bytes(b"".join(b.bytes() for b in certificate.cert_chain_pems))
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return folder / "ca.pem"


def _free_ports() -> tuple[int, int]:
    """Find two pairs of neighbouring ports that are free on both addresses, UDP and TCP."""
    found: list[int] = []
    while len(found) < 2:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((HOST, 0))
            port = probe.getsockname()[1]
        apart = all(abs(port - other) > 1 for other in found)
        if apart and port < 65535 and _is_free(port) and _is_free(port + 1):
            found.append(port)
    return found[0], found[1]


def _is_free(port: int) -> bool:
    for host in (HOST, OTHER_HOST):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                try:
                    probe.bind((host, port))
                except OSError:
                    return False
    return True


def _is_ready(coturn: Coturn, process: subprocess.Popen[bytes]) -> bool:
    """Ask for a STUN Binding until there is an answer; TLS must follow soon after."""
    deadline = time.monotonic() + READY_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.05)
        client.connect((coturn.host, coturn.udp_port))
        while time.monotonic() < deadline and process.poll() is None:
            try:
                client.send(bytes(request(Method.BINDING)))
                parse(client.recv(2048))
            except (TimeoutError, ConnectionRefusedError):
                time.sleep(0.02)
            else:
                return _accepts(coturn.host, coturn.tls_port)
    return False


def _accepts(host: str, port: int) -> bool:
    deadline = time.monotonic() + TLS_READY_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=TLS_READY_S).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return True
    return False
