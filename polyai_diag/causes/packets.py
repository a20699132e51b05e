"""Guide section 2: the packets of the call, lost, late, uneven, or none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from polyai_diag.analysis.loose import number, rows, table
from polyai_diag.analysis.quality import loss_interval_percent
from polyai_diag.causes.control import compared, lost_elsewhere, measured_elsewhere
from polyai_diag.causes.engine import Facts, Layer, Seen, cause, endpoint_host
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Evidence, Guide, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOSS_WARN_PERCENT, LOSS_FAIL_PERCENT = 1.0, 3.0
"""Each way. What Twilio's SDK warns of; Teams calls a call poor at 10."""

ROUND_TRIP_WARN_PERCENT, ROUND_TRIP_FAIL_PERCENT = 4.0, 6.0
"""Out and back, with the servers' part in it: 2 % each way is 4 %, and no fault by itself."""

LEAST_PACKETS, LEAST_ROUND_TRIPS = 100, 30
"""Of fewer the interval has not been shown to hold (analysis/quality.py); a round trip is two."""

LATENCY_WARN_MS, LATENCY_HIGH_MS = 200.0, 400.0
"""Plivo's "good" ends at the one, Twilio's SDK warns at the other."""

JITTER_WARN_MS, JITTER_FAIL_MS = 20.0, 30.0
"""Mean |D|, each way. Teams and Twilio warn at 30, Plivo's "bad" begins there."""

SPREAD_LEAST_MS = 10.0
"""Between the round trips of neighbouring checks, in the median: what uneven a path shows there.

An agent's speech that is sent in bursts makes its packets uneven, and leaves the checks alone.
"""
_GATEWAY = "the gateway"
_SOUND = (
    *("audio-dropouts", "audio-distorted", "audio-channel-fault", "audio-too-quiet"),
    *("audio-wrong-rate", "echo-heard", "clock-drift"),
)
"""What a gateway makes up for packets that are missing or late is another sound than was sent."""

_ASKED = {
    "stun-unreachable": ("stun_binding",),
    "turn-unreachable": ("tcp_connect", "tls_handshake", "turn_challenge", "turn_allocate"),
}
_SILENCE = (Failure.GENERIC_TIMEOUT, Failure.INTERRUPTED)

UNDELIVERED_LEAST, UNDELIVERED_LEAST_ECHO = 250, 100
"""Packets sent before a report on them is due (RFC 3550 §6.2); fewer where none came back."""


@cause(
    "no-audio-received",
    acts=Actor.NETWORK,
    layer=Layer.RTP,
    guide=Guide.NO_AUDIO,
    title="Connected, and no audio packets arrive",
    remedy=(
        "If the gateway says below that it has sent packets, ask the network team what drops them. "
        "If not, send PolyAI this report: the call is up, and the gateway sends nothing."
    ),
    reference="RFC 3550 §5.1",
    breaks=("call", "audio"),
)
def no_audio_received(facts: Facts) -> Iterator[Evidence | Seen]:
    """ICE and DTLS are up, and RTP stays away."""
    operations = ("rtp_receive", "audio_loopback", "audio_listen")
    for seen in facts.failed(*operations, failures=[Failure.NO_RTP]):
        yield seen.says(f"The call is connected: {seen.note('detail')}")
        sent = number(facts.step(seen.step).data.get("gateway_packets_sent"))
        if sent:
            yield seen.compares(f"the gateway has sent {sent:.0f} packets: lost on the way")


@cause(
    "no-audio-sent",
    acts=Actor.CUSTOMER,
    layer=Layer.RTP,
    guide=Guide.NO_AUDIO,
    title="Connected, and this side sends no audio packets",
    remedy=(
        "Look at the microphone: is it allowed, unmuted, and its track added to the call before "
        "the offer is made?"
    ),
    reference="RFC 3550 §5.1",
    breaks=("call", "audio"),
)
def no_audio_sent(facts: Facts) -> Iterator[Evidence | Seen]:
    """The call is up, and its own count of packets sent stays at nothing."""
    for name, data in _calls(facts):
        if data.get("packets_sent") == 0 and data.get("packets_received") is not None:
            yield Evidence(step=name, text="The call is connected: 0 packets sent")


def _has_nothing_to_echo(facts: Facts, _explained: str) -> bool:
    """Whether the gateway sends nothing, or an echo of nothing."""
    for _, data in _calls(facts):
        is_echo = data.get("mode") == "echo" and _count(data, "packets_received") > 0
        if is_echo or data.get("gateway_packets_sent") == 0:
            return True
    return False


@cause(
    "no-audio-delivered",
    acts=Actor.NETWORK,
    layer=Layer.RTP,
    guide=Guide.NO_AUDIO,
    title="Audio packets are sent, and the gateway receives none",
    remedy=(
        "Ask the network team whether a firewall lets STUN and DTLS out and drops what follows on "
        "the same port; try the call relay-only. If that is no better, send PolyAI this report."
    ),
    reference="RFC 3550 §6.4.2",
    breaks=("call", "audio"),
    explains=("no-audio-received", "silent-audio"),
    explains_if=_has_nothing_to_echo,
)
def no_audio_delivered(facts: Facts) -> Iterator[Evidence | Seen]:
    """The gateway's RTCP arrives, and none of it reports on our packets.

    A receiver reports on whatever it receives. An answer or an echo of ours proves delivery.
    """
    for name, data in _calls(facts):
        sent, received = number(data.get("packets_sent")), number(data.get("packets_received"))
        if sent is None or number(data.get("gateway_packets_sent")) is None:
            continue
        heard = data.get("gateway_reports") or data.get("answer_ms") or data.get("chirps_found")
        least = UNDELIVERED_LEAST if received else UNDELIVERED_LEAST_ECHO
        if not heard and sent >= least:
            yield Evidence(
                step=name,
                text=f"{sent:.0f} packets sent; the gateway's RTCP reports tell of none received",
            )
            if received:
                yield compared(name, f"{received:.0f} packets came the other way")


# --- loss -------------------------------------------------------------------------------------


class _Loss(NamedTuple):
    """What was lost in one direction, by one way of measuring."""

    step: str
    host: str  # of a round trip: who answers
    what: str
    lost: int
    due: int
    bursts: int
    interval: tuple[float, float]  # 95 %, percent
    kind: str = ""

    @property
    def words(self) -> str:
        """One line of evidence."""
        low, high = self.interval
        return (
            f"{self.what}: {self.lost} of {self.due} lost{self.kind} "
            f"({100 * self.lost / self.due:.1f} %; 95 %: {low:.1f} to {high:.1f} %)"
        )


def _each_way(facts: Facts) -> Iterator[_Loss]:
    """Yield what the call's packets tell, received and sent."""
    for name, data in _calls(facts):
        due, lost = _count(data, "packets_due"), _count(data, "packets_lost")
        interval = _interval(data, "loss_interval_percent")
        if due and interval:
            kinds = {"bursts": ", in bursts", "random": ", one by one"}
            kind = kinds.get(str(data.get("loss_kind")), "")
            bursts = _count(data, "lost_bursts")
            yield _Loss(name, "", "Received of the call", lost, due, bursts, interval, kind)
        reports = table(data.get("gateway_reports"))
        interval = _interval(data, "sent_loss_interval_percent")
        if interval and _count(reports, "packets_counted"):
            lost, due = _count(reports, "packets_lost"), _count(reports, "packets_counted")
            what = "Sent, as the gateway reports"
            yield _Loss(name, "", what, min(lost, due), due, 0, interval)


def _out_and_back(facts: Facts) -> Iterator[_Loss]:
    """Yield what became of questions over UDP: STUN, TURN, and the checks of the call's path."""
    for name, what, asked in (
        ("stun", "STUN to", facts.step("stun").data.get("servers")),
        ("turn", "TURN by", facts.step("turn").data.get("urls")),
    ):
        for row in rows(asked, limit=None):
            over_udp = row.get("transport", "udp") == "udp"
            if over_udp and _interval(row, "loss_interval_percent") and _count(row, "sent"):
                url = str(row.get("url"))
                counts = (_count(row, key) for key in ("lost", "sent", "lost_bursts"))
                yield _round_trips(name, endpoint_host(url), f"Out and back, {what} {url}", *counts)
    for name, data in _calls(facts):
        checks = table(data.get("checks"))
        if _count(checks, "sent"):
            lost = _count(checks, "lost")
            what = "Out and back, checks of the call's path"
            yield _round_trips(name, _GATEWAY, what, lost, _count(checks, "sent"), lost)


def _round_trips(step: str, host: str, what: str, lost: int, due: int, bursts: int) -> _Loss:
    lost, bursts = min(lost, due), min(bursts, lost)
    return _Loss(step, host, what, lost, due, bursts, loss_interval_percent(lost, due, bursts))


def _over(facts: Facts, each_way_percent: float, round_trip_percent: float) -> list[_Loss]:
    """Return what proves more loss than this; round trips of all servers count as one row.

    One server that loses what no other does is no matter of the network's.
    """
    over = [
        one
        for one in _each_way(facts)
        if one.due >= LEAST_PACKETS and one.interval[0] > each_way_percent
    ]
    round_trips = list(_out_and_back(facts))
    due, (low, _) = _together(round_trips)
    if due >= LEAST_ROUND_TRIPS and low > round_trip_percent and not _is_one_servers(round_trips):
        over += sorted((one for one in round_trips if one.lost), key=lambda one: -one.due)
    return over


def _together(losses: Sequence[_Loss]) -> tuple[int, tuple[float, float]]:
    """Return of how many packets how much is lost, with its 95 % interval in percent."""
    due = sum(one.due for one in losses)
    lost, bursts = sum(one.lost for one in losses), sum(one.bursts for one in losses)
    return due, loss_interval_percent(lost, due, bursts)


def _is_one_servers(losses: Sequence[_Loss]) -> bool:
    """Whether one STUN or TURN server loses clearly more than all others together."""
    for host in {one.host for one in losses} - {_GATEWAY}:
        _, (low, _) = _together([one for one in losses if one.host == host])
        _, (_, high) = _together([one for one in losses if one.host != host])
        if low > high:
            return True
    return False


def _is_heavy(facts: Facts) -> bool:
    """Whether a call cannot be used with so much loss."""
    return bool(_over(facts, LOSS_FAIL_PERCENT, ROUND_TRIP_FAIL_PERCENT))


def _breaks_more(facts: Facts, explained: str) -> bool:
    """Whether retries are likely to be lost as well, and sound is made up for what is missing.

    That there is loss is certain by then: how much is taken as it was measured.
    """
    refused = facts.failed(*_ASKED.get(explained, ()))
    if any(seen.observation.failure not in _SILENCE for seen in refused):
        return False  # loss answers nothing
    proofs = _over(facts, LOSS_WARN_PERCENT, ROUND_TRIP_WARN_PERCENT)
    each_way = [one.lost / one.due for one in proofs if not one.host]
    round_trips = [one for one in proofs if one.host]
    due = sum(trip.due for trip in round_trips)
    out_and_back = sum(trip.lost for trip in round_trips) / max(1, due)
    over = 100 * out_and_back > ROUND_TRIP_FAIL_PERCENT
    return over or 100 * max(each_way, default=0.0) > LOSS_FAIL_PERCENT


@cause(
    "packet-loss",
    acts=Actor.NETWORK,
    layer=Layer.RTP,
    guide=Guide.NO_AUDIO,
    title="Packets are lost on the way",
    remedy=(
        "Use a cable in place of Wi-Fi, leave the VPN, and stop what fills the line; then have the "
        "network team look for a full or faulty link."
    ),
    reference="RFC 3550 §6.4.1",
    breaks=("call", "audio"),
    effect=lambda facts: Severity.CRITICAL if _is_heavy(facts) else Severity.WARNING,
    explains=(
        *("setup-slow", "signaling-timeout", "stun-unreachable", "turn-unreachable"),
        *("ice-failed", "ice-disconnected", "dtls-failed", "no-audio-received"),
        *_SOUND,
    ),
    explains_if=_breaks_more,
)
def packet_loss(facts: Facts) -> Iterator[Evidence | Seen]:
    """More is lost than chance allows: received, sent, or out and back."""
    proofs = _over(facts, LOSS_WARN_PERCENT, ROUND_TRIP_WARN_PERCENT)
    for proof in proofs:
        yield Evidence(step=proof.step, text=proof.words)
    if proofs:
        others = [loss for loss in (*_each_way(facts), *_out_and_back(facts)) if loss.lost]
        for loss in others:
            yield Evidence(step=loss.step, text=loss.words)
        yield from lost_elsewhere(facts)


# --- latency and jitter -----------------------------------------------------------------------


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
    """The median round trip of the call's path is over the limit, by its interval's lower end."""
    for name, data in _calls(facts):
        checks = table(data.get("checks"))
        interval = _interval(checks, "rtt_interval_ms")
        if interval is None or interval[0] <= LATENCY_WARN_MS:
            continue
        weight = "people talk over each other" if interval[0] > LATENCY_HIGH_MS else "it is noticed"
        yield Evidence(
            step=name,
            text=(
                f"{number(checks.get('rtt_ms')) or interval[0]:.0f} ms out and back "
                f"(95 %: {interval[0]:.0f} to {interval[1]:.0f} ms): {weight}"
            ),
        )
        yield from measured_elsewhere(facts, "rtt_ms", "{:.0f} ms to {} and back")


def _uneven(facts: Facts) -> list[tuple[str, float, tuple[float, float], float]]:
    """Return step, mean |D|, its interval and the checks' spread, where both are uneven."""
    found = []
    for name, data in _calls(facts):
        interval, mean_ms = _interval(data, "jitter_interval_ms"), number(data.get("jitter_ms"))
        spread_ms = number(table(data.get("checks")).get("spread_ms"))
        if not (interval and mean_ms and spread_ms):
            continue
        if interval[0] > JITTER_WARN_MS and spread_ms > SPREAD_LEAST_MS:
            found.append((name, mean_ms, interval, spread_ms))
    return found


def _effect_of_jitter(facts: Facts) -> Severity:
    bad = any(interval[0] > JITTER_FAIL_MS for _, _, interval, _ in _uneven(facts))
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
    explains=_SOUND,
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


# --- step data, whoever wrote it --------------------------------------------------------------


def _calls(facts: Facts) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what a step put down of the call's packets: of the longest look at them."""
    for name in ("audio", "call"):
        data = facts.step(name).data
        if "packets_sent" in data or "checks" in data:
            yield name, data
            return


def _count(data: dict[str, Any], key: str) -> int:
    return max(0, int(number(data.get(key)) or 0))


def _interval(data: dict[str, Any], key: str) -> tuple[float, float] | None:
    ends = data.get(key)
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        return None
    low, high = map(number, ends)
    return None if low is None or high is None else (low, high)
