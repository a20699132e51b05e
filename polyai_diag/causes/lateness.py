"""Guide section 2: packets that take long, or come unevenly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.analysis.loose import number, table
from polyai_diag.causes.call_data import MADE_UP, calls, interval_of
from polyai_diag.causes.control import measured_elsewhere
from polyai_diag.causes.engine import Facts, Layer, Seen, cause
from polyai_diag.model import Actor, Evidence, Guide, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

LATENCY_WARN_MS, LATENCY_HIGH_MS = 200.0, 400.0
"""Plivo's "good" ends at the one, Twilio's SDK warns at the other."""

JITTER_WARN_MS, JITTER_FAIL_MS = 20.0, 30.0
"""Mean |D|, each way. Teams and Twilio warn at 30, Plivo's "bad" begins there."""

SPREAD_LEAST_MS = 10.0
"""Between the round trips of neighbouring checks, in the median: what uneven a path shows there.

An agent's speech that is sent in bursts makes its packets uneven, and leaves the checks alone.
"""


@cause(
    "high-latency",
    acts=Actor.NETWORK,
    layer=Layer.RTP,
    guide=Guide.NO_AUDIO,
    title="The way to the gateway and back takes long",
    remedy=(
        "Use the region that is nearest, and leave a VPN or relay that makes a detour; on Wi-Fi or "
        "a full line try a cable."
    ),
    reference="ITU-T G.114",
    breaks=("call",),
    effect=lambda _: Severity.WARNING,
    explains=("setup-slow",),
)
def high_latency(facts: Facts) -> Iterator[Evidence | Seen]:
    """The median round trip is over the limit, by its interval's lower end; at last, or always."""
    for name, data in calls(facts):
        checks = table(data.get("checks"))
        always = interval_of(checks, "rtt_interval_ms")
        at_last = interval_of(checks, "rtt_late_interval_ms")
        if always is not None and always[0] > LATENCY_WARN_MS:
            yield Evidence(step=name, text=_late(number(checks.get("rtt_ms")), always))
        elif at_last is not None and at_last[0] > LATENCY_WARN_MS:
            said = _late(number(checks.get("rtt_late_ms")), at_last)
            yield Evidence(step=name, text=f"In the last third of the call {said}")
        else:
            continue
        yield from measured_elsewhere(facts, "rtt_ms", "{:.0f} ms to {} and back")


def _late(median_ms: float | None, interval_ms: tuple[float, float]) -> str:
    low_ms, high_ms = interval_ms
    weight = "people talk over each other" if low_ms > LATENCY_HIGH_MS else "it is noticed"
    return (
        f"{median_ms or low_ms:.0f} ms out and back "
        f"(95 %: {low_ms:.0f} to {high_ms:.0f} ms): {weight}"
    )


def _uneven(facts: Facts) -> list[tuple[str, float, tuple[float, float], float]]:
    """Return step, mean |D|, its interval and the checks' spread, where both are uneven.

    By more than this machine itself: what it hands over late and takes late counts twice.
    """
    found = []
    for name, data in calls(facts):
        interval, mean_ms = interval_of(data, "jitter_interval_ms"), number(data.get("jitter_ms"))
        spread_ms = number(table(data.get("checks")).get("spread_ms"))
        if not (interval and mean_ms and spread_ms):
            continue
        own_ms = max(0.0, number(data.get("own_jitter_ms")) or 0.0)
        if interval[0] - 2 * own_ms > JITTER_WARN_MS and spread_ms > SPREAD_LEAST_MS:
            found.append((name, mean_ms, interval, spread_ms))
    return found


def _effect_of_jitter(facts: Facts) -> Severity:
    bad = any(low > JITTER_FAIL_MS for _, _, (low, _), _ in _uneven(facts))
    return Severity.CRITICAL if bad else Severity.WARNING


@cause(
    "high-jitter",
    acts=Actor.NETWORK,
    layer=Layer.RTP,
    guide=Guide.NO_AUDIO,
    title="Packets arrive unevenly (jitter)",
    remedy=(
        "Use a cable in place of Wi-Fi and stop what fills the line; have the network team give "
        "voice precedence (DSCP EF)."
    ),
    reference="RFC 3550 §6.4.1",
    breaks=("call", "audio"),
    effect=_effect_of_jitter,
    explains=MADE_UP,
)
def high_jitter(facts: Facts) -> Iterator[Evidence | Seen]:
    """Packets come unevenly, and so do the answers to the checks of the path."""
    for name, mean_ms, (low, high), spread_ms in _uneven(facts):
        yield Evidence(
            step=name,
            text=(
                f"From packet to packet the transit differs by {mean_ms:.0f} ms in the mean "
                f"(95 %: {low:.0f} to {high:.0f} ms); round trips of checks by {spread_ms:.0f} ms"
            ),
        )
        yield from measured_elsewhere(facts, "jitter_ms", "round trips differ by {:.1f} ms to {}")
