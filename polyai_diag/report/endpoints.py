"""Hosts, addresses and ports as a record holds them, taken apart."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from polyai_diag.report.text import plain

_ALIAS = re.compile(r"ip-\d{1,6}")  # an address in an anonymized report


def is_address(text: Any) -> bool:
    """Whether it is an IP address, or the alias of one."""
    if not isinstance(text, str) or "%" in text:
        return False
    if _ALIAS.fullmatch(text):
        return True
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def split_endpoint(endpoint: Any) -> tuple[str | None, int]:
    """Take `address:port` apart, IPv6 in brackets; None for what is no address, 0 for no port."""
    text = plain(endpoint or "", 80)
    host, colon, port = (text, "", "") if is_address(text) else text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    number = int(port) if colon and re.fullmatch(r"[0-9]{1,5}", port) else 0
    return (host if is_address(host) else None), number


def signaling_endpoint(url: Any) -> tuple[str, int, bool]:
    """Return host, port and whether TLS is meant; no host where the URL cannot be read."""
    try:
        parts = urlsplit(str(url)[:2000])
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "", 443, True
    secure = parts.scheme != "ws"
    return host, port or (443 if secure else 80), secure
