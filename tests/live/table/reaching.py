"""What stands before the gateway, and the gateway itself, in other disguises."""

from __future__ import annotations

from polyai_diag.model import Verdict
from polyai_diag.sandbox.settings import ProxyMode
from tests.live.cases import Case, gateway, proxy, trusting_the_proxy

REACHING_THE_GATEWAY = [
    *(
        Case(
            f"HTTP {status} in place of 101",
            (gateway(upgrade_status=status),),
            frozenset({"websocket-refused"}),
        )
        for status in (403, 429, 502)
    ),
    Case(
        "closed for a matter of policy",
        (gateway(close_for_answer=(1008, "no more calls today")),),
        frozenset({"signaling-closed"}),
    ),
    Case(
        "an error at the top of its frame",
        ("token-rejected", gateway(flat_errors=True)),
        frozenset({"token-rejected"}),
    ),
    Case(
        "INVALID_MESSAGE",
        (gateway(refuse_offers=("INVALID_MESSAGE", "data.sdp: not a session description")),),
        frozenset({"request-invalid"}),
    ),
    Case(
        "an error that nobody knows",
        (gateway(refuse_offers=("OUT_OF_CAPACITY", "Come back later")),),
        frozenset({"gateway-error"}),
    ),
    Case(
        "echo asked for, and forbidden",
        named=frozenset({"request-forbidden"}),
        sandbox={"allow_echo": False},
        target=lambda _: {"mode": "echo"},
    ),
    Case(
        "a proxy that wants a login",
        (proxy(ProxyMode.ASK_LOGIN),),
        frozenset({"proxy-blocks-websocket"}),
    ),
    Case(
        "a proxy that wants a Windows login: not measured",
        (proxy(ProxyMode.ASK_WINDOWS_LOGIN),),
        verdict=Verdict.INCOMPLETE,
    ),
    Case(
        "a trusted proxy that strips the upgrade",
        (proxy(ProxyMode.STRIP_UPGRADE),),
        frozenset({"proxy-blocks-websocket"}),
        target=trusting_the_proxy,
    ),
]
