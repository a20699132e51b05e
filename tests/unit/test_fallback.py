"""What falling back costs: said where both were measured, and not guessed elsewhere."""

from __future__ import annotations

from typing import Any

from polyai_diag.analysis.fallback import comparison

PORTS = {"udp": 3478, "tcp": 3478, "tls": 443}


def row(
    transport: str, rtt_ms: float | None, host: str = "turn.example", **more: Any
) -> dict[str, Any]:
    scheme = "turns" if transport == "tls" else "turn"
    url = f"{scheme}:{host}:{PORTS[transport]}?transport={'udp' if transport == 'udp' else 'tcp'}"
    usual = {"configured": True, "through": None, "measured": "relay" if rtt_ms else None}
    return {"url": url, "transport": transport, "rtt_p50_ms": rtt_ms, **usual, **more}


def said(*rows: dict[str, Any]) -> str:
    compared = comparison(rows)
    assert compared is not None
    return compared["sentence"]


def test_the_cost_of_tls_over_udp() -> None:
    rows = row("udp", 22.2), row("tls", 40.4)
    assert said(*rows) == (
        "TURN over UDP: 22 ms round trip. TURN over TLS costs 18 ms more than UDP."
    )
    assert comparison(rows) == {"best": rows[0]["url"], "sentence": said(*rows)}


def test_udp_that_was_not_measured_is_compared_with_nothing() -> None:
    text = said(row("udp", None), row("tcp", 25), row("tls", 43))
    assert text == "TURN over TCP: 25 ms round trip. TURN over TLS costs 18 ms more than TCP."


def test_nothing_is_compared_with_one_alone_nor_across_hosts() -> None:
    assert comparison([]) is None
    assert comparison([row("udp", 20), row("tcp", None)]) is None
    assert comparison([row("udp", 20), row("tcp", 25, host="other.example")]) is None
    assert comparison([row("udp", 20), row("tcp", 25, measured="server")]) is None


def test_a_quicker_fallback_is_said_to_be_one_and_is_the_best() -> None:
    rows = row("udp", 60), row("tcp", 40)
    assert "TURN over TCP is 20 ms quicker than UDP" in said(*rows)
    compared = comparison(rows)
    assert compared is not None
    assert compared["best"] == rows[1]["url"]


def test_what_is_not_configured_is_never_the_best() -> None:
    rows = row("udp", 30), row("tls", 20, configured=False)
    assert "TURN over TLS (not configured) is 10 ms quicker" in said(*rows)
    compared = comparison(rows)
    assert compared is not None
    assert compared["best"] == rows[0]["url"]


def test_what_costs_nothing_is_said_in_one_breath() -> None:
    text = said(row("udp", 3.0), row("tcp", 3.4), row("tls", 3.6))
    assert text.endswith("TURN over TCP and TURN over TLS cost no more than UDP.")


def test_stalls_and_the_proxy_are_named() -> None:
    stalling = row("tls", 50, through="http://proxy:3128", stalls=2, longest_stall_ms=240.0)
    text = said(row("udp", 20), stalling)
    assert "TURN over TLS through the proxy costs 30 ms more than UDP." in text
    assert "TLS through the proxy held packets back up to 240 ms." in text
