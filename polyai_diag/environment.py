"""Whose network was measured: this machine, and what the run was aimed at, fit to be shown."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import socket
import urllib.request
from typing import TYPE_CHECKING

import ifaddr

from polyai_diag.probes.pac import proxy_script
from polyai_diag.probes.proxy import proxy_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyai_diag.model import Json
    from polyai_diag.target import IceServer, Target

PACKAGES = ("aiortc", "aioice", "av", "websockets", "numpy", "scipy", "cryptography", "pyOpenSSL")
NOT_MEASURED = ("the customer's browser", "the customer's microphone", "the customer's speaker")


def describe_environment(target: Target) -> dict[str, Json]:
    """Return machine, addresses, versions and proxies; logins of proxies are left out."""
    script = proxy_script()
    return {
        "hostname": socket.gethostname(),
        "addresses": _addresses(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "proxies": {
            kind: proxy_name(proxy)
            for kind, proxy in urllib.request.getproxies().items()
            if kind in ("http", "https", "all")
        },
        "proxy_script": f"present, not evaluated: {script}" if script else None,
        "ca_file": target.ca_file,
        "ssl_cert_file": os.environ.get("SSL_CERT_FILE"),
        "not_measured": list(NOT_MEASURED),
    }


def describe_target(target: Target, servers: Sequence[IceServer]) -> dict[str, Json]:
    """Return what the run was aimed at; of a token only kind of length and hash."""
    token = target.token
    return {
        "url": target.url,
        "region": target.region,
        "mode": target.mode or "echo, else the agent",
        "relay_only": target.relay_only,
        "thorough": target.thorough,
        "third_party": target.third_party,
        "ice_servers_from": "the gateway" if target.ice_servers is None else "the user",
        "ice_urls": [url for server in servers for url in server.urls],
        "token": f"{len(token.reveal())} characters, sha256 {token.fingerprint}…"
        if token
        else None,
    }


def _addresses() -> list[str]:
    found = [
        ip.ip if isinstance(ip.ip, str) else ip.ip[0] for a in ifaddr.get_adapters() for ip in a.ips
    ]
    return [address for address in found if not address.startswith(("127.", "::1", "fe80:"))]
