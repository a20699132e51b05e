"""Kinds of addresses and names."""

import pytest

from polyai_diag.analysis.addresses import is_public_name, kind_of


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("8.8.8.8", "public"),
        ("2001:4860:4860::8888", "public"),
        ("10.1.2.3", "private"),
        ("fd00::1", "private"),
        ("127.0.0.53", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "sinkhole"),  # noqa: S104
        ("::", "sinkhole"),
        ("169.254.1.1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("100.64.0.1", "not of the public internet"),
    ],
)
def test_kinds_of_addresses(address: str, kind: str) -> None:
    assert kind_of(address) == kind


@pytest.mark.parametrize(
    ("name", "public"),
    [
        ("webrtc-gateway.us-1.platform.polyai.app", True),
        ("gateway.example.com.", True),
        ("gateway", False),
        ("localhost", False),
        ("gateway.corp", False),
        ("gw.corp.internal", False),
        ("printer.local", False),
        ("nas.home.arpa", False),
        ("gateway.TEST", False),
    ],
)
def test_names_that_the_public_dns_knows(name: str, public: bool) -> None:
    assert is_public_name(name) is public
