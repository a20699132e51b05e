"""Candidates read, placed and counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.analysis.candidates import CandidateFacts, read_candidate, summarize

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
    assert facts is None or facts.scope


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


def test_candidates_are_counted_by_type_and_scope() -> None:
    private = HOST.replace("192.0.2.1", "10.0.0.1")
    public = RELAY.replace("192.0.2.1", "8.8.8.8")
    assert summarize([private, private, public, "junk"]) == {
        "host private": 2,
        "relay public": 1,
        "unreadable": 1,
    }
    assert summarize([]) == {}
