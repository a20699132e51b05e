"""Network namespaces (ip-netns(8)): made, joined by cables, and taken down again."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.real.needs import need, need_root
from tests.real.programs import end

SETTINGS = Path("/etc/netns")  # files here stand in for those of /etc within the namespace
READY_S = 30
_numbers = itertools.count(1)


@contextmanager
def namespace(name: str, *, nameserver: str | None = None) -> Iterator[str]:
    """Make a namespace with its loopback up, and a DNS server of its own where one is named."""
    need_root()
    need("ip", install="apt-get install iproute2")
    full_name = f"diag-{os.getpid()}-{next(_numbers)}{name}"
    ip("netns", "add", full_name)
    try:
        if nameserver is not None:
            ask_dns_at(nameserver, full_name)
        ip("-n", full_name, "link", "set", "lo", "up")
        yield full_name
    finally:
        ip("netns", "delete", full_name)
        shutil.rmtree(SETTINGS / full_name, ignore_errors=True)
        with suppress(OSError):  # others may have theirs there
            SETTINGS.rmdir()


def join(  # two ends of one cable
    near: str, near_name: str, near_address: str, far: str, far_name: str, far_address: str
) -> None:
    """Lay a cable between two namespaces."""
    peer = ("peer", "name", far_name, "netns", far)
    ip("-n", near, "link", "add", near_name, "type", "veth", *peer)
    for where, name, address in ((near, near_name, near_address), (far, far_name, far_address)):
        ip("-n", where, "address", "add", address, "dev", name)
        ip("-n", where, "link", "set", name, "up")


@contextmanager
def serving(module: str, inside: str | None, asked: Any) -> Iterator[None]:
    """Run a server of ours in a namespace; it reads what is `asked`, and prints a line when ready.

    It runs in the test's own network where no namespace is named.

    Raises RuntimeError when it does not start.
    """
    within = ["ip", "netns", "exec", inside] if inside else []
    command = [*within, sys.executable, "-m", module, json.dumps(asked)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError(f"{module} does not start")
        yield
    finally:
        end(process)
        if process.stdout is not None:
            process.stdout.close()


def await_listening(
    process: subprocess.Popen[bytes], port: int, *tables: str, addresses: int = 1
) -> None:
    """Wait until a port is open in the process's own network: `tables` of /proc/net.

    Raises RuntimeError.
    """
    deadline_s = time.monotonic() + READY_S
    wanted = f":{port:04X} "
    while time.monotonic() < deadline_s and process.poll() is None:
        read = [Path(f"/proc/{process.pid}/net/{name}").read_text() for name in tables]
        if all(table.count(wanted) >= addresses for table in read):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} does not listen")


def ip(*arguments: str) -> None:
    """Run ip(8)."""
    run("ip", *arguments)


def run(*command: str, text: str | None = None) -> None:
    """Run a command, with this text as its input."""
    subprocess.run(command, input=text, text=True, check=True, capture_output=True)


def ask_dns_at(nameserver: str, inside: str) -> None:
    """Let the C library ask this server for every name, `.local` included, in a namespace."""
    settings = SETTINGS / inside
    settings.mkdir(parents=True)
    (settings / "resolv.conf").write_text(f"nameserver {nameserver}\n")
    (settings / "nsswitch.conf").write_text("hosts: files dns\n")
