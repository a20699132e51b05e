"""What the sandbox's gateway changes in offers and answers. Pure text work."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from polyai_diag.analysis.sdp import parse_sdp

if TYPE_CHECKING:
    from collections.abc import Iterable


def reachable_candidate(candidate: str, host: str) -> bool:
    """Whether `candidate:…` (RFC 8839 §5.1) is RTP over UDP on loopback, of `host`'s family.

    A client at any other address, or behind a `.local` name, is found as it asks: its own
    checks make it a peer-reflexive candidate (RFC 8445 §7.3.1.3).
    """
    fields = candidate.split()
    if len(fields) < 8 or fields[1] != "1" or fields[2].lower() != "udp":
        return False
    try:
        address, port = ipaddress.ip_address(fields[4]), int(fields[5])
    except ValueError:
        return False
    same_family = address.version == ipaddress.ip_address(host).version
    return same_family and address.is_loopback and 0 < port < 65536


def with_reachable_candidates(sdp: str, host: str) -> str:
    """Leave out the candidates that cannot be reached from `host`, and the end of candidates.

    Without an end ICE goes on waiting, and peer-reflexive candidates can still come.
    """
    return _join(line for line in _lines(sdp) if not _is_unreachable(line, host))


def candidates_of(sdp: str) -> tuple[str, list[str]]:
    """Return the first section's `mid` and candidates: with BUNDLE they are those of all."""
    first = parse_sdp(sdp).sections[0]
    values = first.attributes.get("candidate", ())
    return first.first("mid") or "", [f"candidate:{value}" for value in values]


def without_candidates(sdp: str) -> str:
    """Take the candidates out, to trickle them (RFC 8840 §4.1.3: port 9, address 0.0.0.0)."""
    lines = (
        re.sub(r"^m=(\S+) \d+ ", r"m=\1 9 ", line)
        for line in _lines(sdp)
        if not line.startswith(("a=candidate:", "a=end-of-candidates"))
    )
    return _join("c=IN IP4 0.0.0.0" if line.startswith("c=") else line for line in lines)


def without_any_candidate(sdp: str) -> str:
    """Take the candidates out, and leave their end: there will be none."""
    return _join(line for line in _lines(sdp) if not line.startswith("a=candidate:"))


def with_media_rejected(answer: str) -> str:
    """Reject every section of an answer: port 0, its formats kept (RFC 3264 §6).

    What is rejected leaves the BUNDLE group (RFC 9143 §7.3.3), which is then empty.
    """
    kept = []
    in_media = False
    for line in _lines(answer):
        if line.startswith("m="):
            in_media = True
            rejected = re.sub(r"^m=(\S+) \d+ ", r"m=\1 0 ", line)
            kept += [rejected, "c=IN IP4 0.0.0.0", "a=inactive"]
        elif line.startswith("a=mid:") if in_media else not line.startswith("a=group:"):
            kept.append(line)
    return _join(kept)


def with_opus_parameters(sdp: str, parameters: str) -> str:
    """Give Opus these format parameters, in place of those that it has (RFC 7587 §6.1)."""
    lines = [line for line in _lines(sdp) if not line.startswith("a=fmtp:")]
    return re.sub(r"(a=rtpmap:(\d+) opus/\S+\r\n)", rf"\1a=fmtp:\2 {parameters}\r\n", _join(lines))


def _is_unreachable(line: str, host: str) -> bool:
    if line.startswith("a=candidate:"):
        return not reachable_candidate(line.removeprefix("a="), host)
    return line.startswith("a=end-of-candidates")


def _lines(sdp: str) -> list[str]:
    return [line for line in re.split(r"\r\n|\r|\n", sdp) if line]


def _join(lines: Iterable[str]) -> str:
    return "".join(f"{line}\r\n" for line in lines)
