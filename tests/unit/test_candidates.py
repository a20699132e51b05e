"""Candidates read, placed and explained, and which pairs of them can work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.analysis.candidates import (
    CandidateFacts,
    candidate_rows,
    obstacle,
    read_candidate,
    unreachable,
)

HOST = "candidate:842163049 1 udp 1677729535 192.0.2.1 5000 typ host"
RELAY = f"a={HOST.replace('host', 'relay')} raddr 10.0.0.1 rport 9 generation 0"


@pytest.mark.parametrize("text", [HOST, f"a={HOST}", HOST.removeprefix("candidate:"), f" {HOST}\r"])
def test_a_candidate_is_read_however_it_is_written(text: str) -> None:
    assert read_candidate(text) == CandidateFacts("host", "udp", "192.0.2.1", 5000)


def test_extensions_and_capitals_are_no_matter() -> None:
    assert read_candidate(RELAY) == CandidateFacts("relay", "udp", "192.0.2.1", 5000)
    tcp = read_candidate("candidate:1 1 TCP 1 2001:db8::1 9 typ HOST tcptype active")
    assert tcp == CandidateFacts("host", "tcp", "2001:db8::1", 9)


@pytest.mark.parametrize(
    "text",
    ["", "candidate:", "v=0", HOST.replace(" typ", " tip"), HOST.replace("5000", "²"),
     HOST.replace("5000", "65536"), HOST.replace("5000", "9" * 5000), HOST.replace("host", "guest"),
     HOST.removesuffix(" host")],
)  # fmt: skip
def test_what_is_none_is_none(text: str) -> None:
    assert read_candidate(text) is None


@given(st.text() | st.lists(st.sampled_from(f"{RELAY} ² 9 -1".split()), max_size=12).map(" ".join))
def test_no_text_breaks_the_reading(text: str) -> None:
    facts = read_candidate(text)
    assert facts is None or (facts.scope and facts.explained)
    assert facts is None or obstacle(_at("192.168.1.5"), facts) != ""


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("8.8.8.8", "public"), ("2a00:1450::1", "public"), ("10.0.0.1", "private"),
        ("172.17.0.1", "private"), ("192.168.1.1", "private"), ("100.64.0.1", "private"),
        ("fd00::1", "private"), ("192.0.0.1", "private"), ("127.0.0.1", "loopback"),
        ("::1", "loopback"), ("169.254.1.1", "link-local"), ("fe80::1", "link-local"),
        ("3d3f.local", "mdns"), ("3D3F.LOCAL", "mdns"), ("host.example", "name"),
        ("::ffff:10.0.0.1", "private"),
    ],
)  # fmt: skip
def test_scopes(address: str, scope: str) -> None:
    assert CandidateFacts("host", "udp", address, 1).scope == scope


@pytest.mark.parametrize(
    ("kind", "address", "said"),
    [
        ("host", "8.8.8.8", "a public address"),
        ("host", "192.168.1.1", "a private address"),
        ("host", "172.17.0.1", "container"),
        ("host", "172.19.3.4", "container"),
        ("host", "172.20.0.1", "a private address"),
        ("host", "10.88.0.2", "container"),
        ("host", "100.101.102.103", "VPN"),
        ("host", "10.8.0.6", "often a VPN"),
        ("host", "169.254.7.7", "link-local"),
        ("host", "127.0.0.1", "loopback"),
        ("host", "fe80::1", "link-local"),
        ("host", "fd00::1", "unique local"),
        ("host", "fd7a:115c:a1e0::5", "Tailscale"),
        ("host", "2a00:1450:4001:80b:a1b2:c3d4:e5f6:1", "whether a temporary one"),
        ("host", "2a00:1450:4001:80b:211:22ff:fe33:4455", "EUI-64"),
        ("host", "f81d4fae-7dec.local", "in its own network alone"),
        ("srflx", "8.8.8.8", "STUN server sees"),
        ("srflx", "100.64.3.2", "carrier's NAT"),
        ("prflx", "8.8.8.8", "nobody offered it"),
        ("relay", "8.8.8.8", "TURN server's address"),
        ("relay", "10.0.0.9", "a private address"),
    ],
)
def test_a_candidate_is_explained(kind: str, address: str, said: str) -> None:
    (row,) = candidate_rows([CandidateFacts(kind, "udp", address, 5)])
    assert said in row["explained"]
    assert (row["type"], row["address"], row["port"]) == (kind, address, 5)


def _at(address: str, kind: str = "host", transport: str = "udp") -> CandidateFacts:
    return CandidateFacts(kind, transport, address, 5000)


@pytest.mark.parametrize(
    ("local", "remote", "said"),
    [
        (_at("192.168.1.5"), _at("8.8.8.8"), None),
        (_at("192.168.1.5"), _at("192.168.7.9"), None),
        (_at("8.8.4.4", "relay"), _at("8.8.8.8"), None),
        (_at("127.0.0.1"), _at("127.0.0.1"), None),
        (_at("fe80::1"), _at("fe80::2"), None),
        (_at("10.0.0.5", "relay"), _at("10.0.3.4"), None),
        (_at("192.168.1.5"), _at("10.0.3.4"), "private"),
        (_at("8.8.4.4", "relay"), _at("10.0.3.4"), "private"),
        (_at("192.168.1.5"), _at("172.17.0.2"), "container"),
        (_at("192.168.1.5"), _at("127.0.0.1"), "loopback"),
        (_at("127.0.0.1"), _at("8.8.8.8"), "ours is loopback"),
        (_at("192.168.1.5"), _at("169.254.1.1"), "link-local"),
        (_at("192.168.1.5"), _at("a.local"), "own network"),
        (_at("192.168.1.5"), _at("media.example"), "host name"),
        (_at("192.168.1.5"), _at("2a00:1450::1"), "IPv6, and here IPv4"),
        (_at("fd00::1"), _at("fd01::1"), "unique local"),
        (_at("192.168.1.5"), _at("8.8.8.8", transport="tcp"), "over TCP"),
    ],
)
def test_what_keeps_a_pair_from_working(
    local: CandidateFacts, remote: CandidateFacts, said: str | None
) -> None:
    found = obstacle(local, remote)
    assert said in found if said and found else found == said


def test_a_candidate_is_unreachable_when_none_of_ours_reaches_it() -> None:
    ours = [
        _at("192.168.1.5"),
        _at("2a00:1450::5"),
        _at("8.8.4.4", "relay"),
        _at("9.9.9.9", "srflx"),
    ]
    assert unreachable(ours, _at("8.8.8.8")) is None
    assert "private" in str(unreachable(ours, _at("10.0.3.4")))
    assert unreachable([], _at("10.0.3.4")) is None  # nothing was asked, so nothing is in the way
