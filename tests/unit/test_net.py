"""Which address is asked, and what may be shown of a proxy."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import trustme

from polyai_diag.probes.net import Address, for_udp, is_loopback, literal
from polyai_diag.probes.proxy import proxy_name
from polyai_diag.probes.tls import tls_context
from polyai_diag.target import TargetError

if TYPE_CHECKING:
    from pathlib import Path

V4 = Address(socket.AF_INET, "192.0.2.1", 3478)
V6 = Address(socket.AF_INET6, "2001:db8::1", 3478)


@pytest.mark.parametrize(
    ("addresses", "chosen"), [([V6, V4], V4), ([V4, V6], V4), ([V6], V6), ([V4], V4)]
)
def test_udp_goes_over_ipv4_where_there_is_one(addresses: list[Address], chosen: Address) -> None:
    assert for_udp(addresses) == chosen


def test_addresses_are_written_as_endpoints() -> None:
    assert (str(V4), str(V6)) == ("192.0.2.1:3478", "[2001:db8::1]:3478")


def test_an_address_is_looked_up_nowhere() -> None:
    assert literal("192.0.2.1", 3478) == V4
    assert literal("turn.example.net", 3478) is None


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.2", True), ("::1", True), ("localhost", True), ("192.0.2.1", False), ("x", False)],
)
def test_loopback_is_told(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_proxy_is_shown_without_its_login() -> None:
    assert proxy_name("http://user:secret@proxy.example:3128") == "http://proxy.example:3128"


def test_a_ca_file_that_is_none_is_one_line() -> None:
    for file in ("/no/such.pem", __file__):
        with pytest.raises(TargetError) as refused:
            tls_context(file)
        assert "\n" not in str(refused.value)
        assert file in str(refused.value)


def test_one_context_serves_until_a_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    first = tls_context(str(file))
    assert tls_context(str(file)) is first
    assert tls_context(str(file), alpn="stun.turn") is not first
    trustme.CA().cert_pem.write_to_path(str(file))
    changed = tls_context(str(file))
    assert changed is not first
    assert changed.get_ca_certs() != first.get_ca_certs()
