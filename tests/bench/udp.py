"""UDP: how fast its verdict falls, how often it is wrong, and what the intervals are worth."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from typing import TYPE_CHECKING

import numpy as np

from polyai_diag import IceServer, Target
from polyai_diag.analysis.quality import loss_interval_percent
from polyai_diag.analysis.udp import ASKED_AT_S, Udp, decided_at_s, standing
from polyai_diag.steps.stun import check_stun
from polyai_diag.stun_message import parse, response
from tests.bench.figure import Figure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from numpy.typing import NDArray

HOST = "127.0.0.1"
SIMULATED_RUNS = 250_000
REAL_RUNS = 200
AT_ONCE = 20
LOSS = 0.2
BURST_S = 0.2
ROUND_TRIP_S = 0.05
COVERAGE_RUNS = 100_000
PACKETS = 250  # five seconds of a call
RATES = (0.01, 0.03, 0.1)
BURST_PACKETS = 5


def figures() -> list[Figure]:
    """Measure them all."""
    wrong = falsely_blocked(SIMULATED_RUNS)
    random_percent, bursts_percent = (
        min(coverage_percent(COVERAGE_RUNS, rate, burst) for rate in RATES)
        for burst in (None, BURST_PACKETS)
    )
    of = f"of {COVERAGE_RUNS:,} runs of {PACKETS} packets at each of {RATES}"
    return [
        Figure("verdict on UDP that is dropped", asyncio.run(blocked_s()), 4, "s"),
        Figure(
            "false 'blocked' in 10,000, 20 % loss in bursts of 200 ms",
            10_000 * wrong / SIMULATED_RUNS,
            1,
            "",
            f"{wrong} of {SIMULATED_RUNS:,} simulated runs",
        ),
        Figure(
            f"false 'blocked' in {REAL_RUNS} real runs at 20 % random loss",
            asyncio.run(falsely_blocked_for_real(REAL_RUNS)),
            0,
            "",
        ),
        Figure("loss outside its interval, random", 100 - random_percent, 8, "%", of),
        Figure("loss outside its interval, bursts of five", 100 - bursts_percent, 8, "%", of),
    ]


# --- simulated --------------------------------------------------------------------------------


def falsely_blocked(runs: int, *, asked_at_s: Sequence[float] = ASKED_AT_S, seed: int = 1) -> int:
    """Return how many runs call an open way blocked: bursts of loss on it, the control works.

    The way is bad for 200 ms and good for 800 ms, on average and without memory; what is sent
    while it is bad is lost. The verdict is the probe's own.
    """
    chance = np.random.default_rng(seed)
    bad = chance.random(runs) < LOSS
    lost = np.empty((len(asked_at_s), runs), bool)
    previous_s = 0.0
    for number, at_s in enumerate(asked_at_s):
        # A chain of two states in continuous time, looked at after a pause.
        fade = np.exp(-(at_s - previous_s) / (BURST_S * (1 - LOSS)))
        bad = chance.random(runs) < LOSS + fade * (bad - LOSS)
        lost[number] = bad
        previous_s = at_s
    return sum(_called_blocked(asked_at_s, column) for column in lost.T)


def _called_blocked(asked_at_s: Sequence[float], lost: NDArray[np.bool_]) -> bool:
    answers_s = [s + ROUND_TRIP_S for s, gone in zip(asked_at_s, lost, strict=True) if not gone]
    return standing(decided_at_s(ROUND_TRIP_S), answers_s, ROUND_TRIP_S) is Udp.BLOCKED


def coverage_percent(
    runs: int, rate: float, burst: int | None, *, packets: int = PACKETS, seed: int = 1
) -> float:
    """Return in how many of 100 runs the interval holds the true rate of loss.

    Losses are independent (`burst` None), or come in bursts of so many packets on average, each
    as likely to end with every packet (Gilbert).
    """
    chance = np.random.default_rng(seed)
    ends = 1 - rate if burst is None else 1 / burst
    begins = rate if burst is None else ends * rate / (1 - rate)
    bad = chance.random(runs) < rate
    lost, bursts = bad.astype(int), bad.astype(int)
    for _ in range(packets - 1):
        was_bad = bad
        drawn = chance.random(runs)
        bad = np.where(was_bad, drawn >= ends, drawn < begins)
        lost += bad
        bursts += bad & ~was_bad
    seen, times = np.unique(np.stack([lost, bursts]), axis=1, return_counts=True)
    covered = 0
    for (count, runs_of_loss), many in zip(seen.T.tolist(), times.tolist(), strict=True):
        low, high = loss_interval_percent(count, packets, runs_of_loss)
        covered += many * (low <= 100 * rate <= high)
    return 100 * covered / runs


# --- on loopback ------------------------------------------------------------------------------


async def blocked_s() -> float:
    """Return how long the verdict takes where UDP is dropped and TCP works."""
    async with _server(lambda: True) as port:
        result = await check_stun(_target(port))
    assert result.data["udp"] == Udp.BLOCKED, result
    return result.duration_ms / 1000


async def falsely_blocked_for_real(runs: int) -> int:
    """Return how many runs against a server that loses 20 % each way do not find UDP open."""
    chance = random.Random(1)  # noqa: S311 - loss is to be the same every time

    def loses() -> bool:
        return chance.random() < LOSS or chance.random() < LOSS

    wrong = 0
    async with _server(loses) as port:
        for _ in range(0, runs, AT_ONCE):
            results = await asyncio.gather(*(check_stun(_target(port)) for _ in range(AT_ONCE)))
            wrong += sum(result.data["udp"] != Udp.OPEN for result in results)
    return wrong


def _target(port: int) -> Target:
    servers = [IceServer(f"stun:{HOST}:{port}")]
    return Target("ws://127.0.0.1:1/", ice_servers=servers, third_party=False)


@contextlib.asynccontextmanager
async def _server(loses: Callable[[], bool]) -> AsyncIterator[int]:
    """Answer Binding requests, unless a packet gets lost; take TCP on the same port."""
    loop = asyncio.get_running_loop()
    with socket.create_server((HOST, 0)) as tcp:
        port = tcp.getsockname()[1]
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Lossy(loses), local_addr=(HOST, port)
        )
        try:
            yield port
        finally:
            transport.close()


class _Lossy(asyncio.DatagramProtocol):
    def __init__(self, loses: Callable[[], bool]) -> None:
        self._loses = loses

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self._loses():
            answer = response(parse(data), {"XOR-MAPPED-ADDRESS": addr})
            self._transport.sendto(bytes(answer), addr)
