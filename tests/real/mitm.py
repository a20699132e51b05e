"""Real mitmproxy as a company's proxy: passing, inspecting, refusing.

It stands in an environment of its own, since what it pins is not what the project runs with.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.real.foreign import HOST, closed_port
from tests.real.namespaces import await_listening, run
from tests.real.needs import need
from tests.real.programs import end, running

ASIDE_PORT = 8443
INSTALL = "make .venv/mitmproxy"
PLACES = (
    Path(__file__).parents[2] / ".venv" / "mitmproxy" / "bin",
    Path(sys.prefix) / "mitmproxy" / "bin",
)
ADDON = Path(__file__).with_name("mitm_addon.py")

PASSES = ("ignore_hosts=.*",)
REFUSES = ("connect_answer=403",)
WANTS_A_WINDOWS_LOGIN = ("connect_answer=407",)
INSPECTS = ("connection_strategy=lazy",)  # mints for hosts that it cannot reach, too


@dataclass(frozen=True)
class Mitmproxy:
    """A mitmproxy that serves; its authority signs what it inspects."""

    port: int
    ca_file: str

    def url(self, *, scheme: str = "http", login: str = "") -> str:
        """Return what HTTPS_PROXY holds."""
        return f"{scheme}://{login}{'@' if login else ''}{HOST}:{self.port}"


@contextmanager
def running_mitmproxy(folder: Path, *options: str, mode: str = "regular") -> Iterator[Mitmproxy]:
    """Serve with these `name=value` options; nothing but this machine is asked for anything."""
    program = need("mitmdump", install=INSTALL, also_in=_places())
    port, configuration = closed_port(), folder / "mitmproxy"
    settings = (
        f"confdir={configuration}",
        "termlog_verbosity=warn",
        "flow_detail=0",
        *options,
    )
    command: list[str | Path] = [program, "--mode", mode, "--listen-host", HOST]
    command += ["--listen-port", str(port), "--scripts", ADDON]
    for setting in settings:
        command += ["--set", setting]
    with running(command, address=(HOST, port), log=folder / "mitmproxy.log"):
        yield Mitmproxy(port, str(configuration / "mitmproxy-ca-cert.pem"))


@contextmanager
def opening_tls(
    folder: Path,
    inside: str,
    address: str,
    hosts: Sequence[str],
    *,
    port: int = 443,
    options: Sequence[str] = (),
) -> Iterator[None]:
    """Open TLS on this port of these hosts, on the router they are reached through (`inside`).

    Nobody has asked for it: what comes is turned aside to mitmproxy, which then goes on as TCP.
    `options` are more of its `name=value`; `folder / "aside"` holds its authority, made where
    there is none.
    """
    program = need("mitmdump", install=INSTALL, also_in=_places())
    aside = (
        f"table ip aside {{\n  chain turn {{ type nat hook prerouting priority -100; "
        f"ip daddr {{ {', '.join(hosts)} }} tcp dport {port} redirect to :{ASIDE_PORT}; }}\n}}\n"
    )
    run("ip", "netns", "exec", inside, "nft", "-f", "-", text=aside)
    command: list[str | Path] = ["ip", "netns", "exec", inside, program, "--mode", "transparent"]
    command += ["--listen-host", address, "--listen-port", str(ASIDE_PORT)]
    for setting in (f"confdir={folder / 'aside'}", "ssl_insecure=true", *options):
        command += ["--set", setting]
    with (folder / "aside.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        await_listening(process, ASIDE_PORT, "tcp")
        yield
    finally:
        end(process)


def _places() -> tuple[Path, ...]:
    given = os.environ.get("MITMPROXY_BIN")
    return (Path(given), *PLACES) if given else PLACES
