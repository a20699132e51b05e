"""What other programs make of address translation: coturn's own, and a naive one."""

import asyncio
import re
import sys
from pathlib import Path

from polyai_diag.analysis.nat import INDEPENDENT, PORT_DEPENDENT
from tests.real.coturn import INSTALL
from tests.real.needs import need
from tests.real.networks import PORT, SERVERS, Network

INSTALL_PYSTUN3 = "make .venv/pystun3"
PYSTUN3 = (
    Path(__file__).parents[2] / ".venv" / "pystun3" / "bin",
    Path(sys.prefix) / "pystun3" / "bin",
)
IN_WORDS = {"Endpoint Independent": INDEPENDENT, "Address and Port Dependent": PORT_DEPENDENT}


async def _printed(here: Network, program: Path, *arguments: object) -> str:
    """Run a program in the client's network, and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        "ip", "netns", "exec", here.client, program, *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    return said.decode()


async def discovered(here: Network) -> tuple[str, str]:
    """Return mapping and filtering as turnutils_natdiscovery tells them (RFC 5780 §4)."""
    program = need("turnutils_natdiscovery", install=INSTALL)
    said = await _printed(here, program, "-m", "-f", "-p", PORT, SERVERS[0])
    mapping, filtering = (
        re.findall(rf"NAT with ([\w ]+) {what}!", said)[0] for what in ("Mapping", "Filtering")
    )
    return IN_WORDS[mapping], IN_WORDS[filtering]


async def guessed(here: Network) -> str:
    """Return the kind of NAT that pystun3 makes it, in the words of RFC 3489."""
    program = need("pystun3", install=INSTALL_PYSTUN3, also_in=PYSTUN3)
    said = await _printed(here, program, "-H", SERVERS[0], "-P", PORT)
    return said.splitlines()[0].removeprefix("NAT Type: ")
