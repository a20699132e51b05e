"""Healthy calls, drawn: what a network, a gateway and a machine may do without being at fault."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from polyai_diag.sandbox.faults import Fault
from tests.live.cases import Case

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag.sandbox import Sandbox

LOSS_PERCENT, ROUND_TRIP_MS, JITTER_MS = 2.0, 150.0, 15.0
"""At most; the loss is that of the whole loop, out and back."""

BUSY_EVERY = 25  # calls; each slows down all that run beside it
CORES = 2
TRANSPORTS = ("udp", "tcp", "tls")
OPUS: dict[str, dict[str, Any]] = {
    "opus as it came": {},
    "32 kb/s mono": {"bit_rate": 32_000, "mono": True, "application": "voip"},
    "32 kb/s mono with FEC": {
        "bit_rate": 32_000,
        "mono": True,
        "application": "voip",
        "fec_percent": 10,
    },
    "64 kb/s, loss concealed": {"conceals_loss": True},
    "40 kb/s stereo": {"bit_rate": 40_000, "application": "voip"},
    "96 kb/s stereo": {"bit_rate": 96_000, "application": "voip"},
    "128 kb/s stereo": {"bit_rate": 128_000},
}


def healthy_calls(seed: int, count: int) -> list[Case]:
    """Return calls that work, drawn by a seed: of one seed always the same."""
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    return [_drawn(draw, f"healthy {seed}/{number}", number) for number in range(count)]


def _drawn(draw: random.Random, name: str, number: int) -> Case:
    said, network = _network(draw)
    opus = draw.choice(list(OPUS))
    agent = draw.random() < 0.35
    answers, gateway, trickle = _answers(draw)
    way, turn, target = _way(draw)
    ipv6 = draw.random() < 0.2
    busy = CORES if number % BUSY_EVERY == BUSY_EVERY - 1 else 0
    words = [said, opus, "agent" if agent else "echo", answers, way]
    words += ["IPv6"] * ipv6 + ["busy"] * bool(busy)
    return Case(
        f"{name}: {', '.join(filter(None, words))}",
        (
            Fault("A network as they are.", path=network),
            Fault("Other Opus.", sound=OPUS[opus]),
            Fault("A gateway that takes its time.", gateway=gateway),
            Fault("A relay over one transport.", turn=turn),
        ),
        sandbox={"allow_echo": not agent, "trickle": trickle, "ipv6": ipv6},
        target=target,
        may_warn=True,
        busy=busy,
    )


def _network(draw: random.Random) -> tuple[str, dict[str, Any]]:
    lost, there = draw.uniform(0, LOSS_PERCENT), draw.random()
    round_trip_ms, jitter_ms = draw.uniform(0, ROUND_TRIP_MS), draw.uniform(0, JITTER_MS)
    path = {
        "received_loss_percent": lost * there,
        "loss_percent": lost * (1 - there),
        "loss_burst": draw.choice((1, 1, 2, 3)),
        "loses_everything": draw.random() < 0.5,
        "delay_ms": round_trip_ms / 2,
        "jitter_ms": jitter_ms,
        "seed": draw.randrange(10**6),
    }
    return f"{lost:.1f} % lost, {round_trip_ms:.0f} ms, jitter {jitter_ms:.0f} ms", path


def _answers(draw: random.Random) -> tuple[str, dict[str, Any], bool]:
    """Draw when the answer comes, and its candidates."""
    late_s = round(draw.choice((0.0, draw.uniform(0, 0.9))), 2)
    trickle_s = round(draw.choice((0.0, draw.uniform(0, 1.5))), 2)
    trickle = draw.random() < 0.5
    said = f"answers after {late_s} s" if late_s else ""
    if trickle:
        said = f"{said}, trickles after {trickle_s} s".removeprefix(", ")
    return said, {"answer_after_s": late_s, "trickle_after_s": trickle_s}, trickle


def _way(
    draw: random.Random,
) -> tuple[str, dict[str, Any], Callable[[Sandbox], dict[str, Any]]]:
    if draw.random() < 0.6:
        return "", {}, lambda _: {}
    transport = draw.choice(TRANSPORTS)
    turn = {"transports": (transport,)}
    return f"relay only over {transport}", turn, lambda _: {"relay_only": True}
