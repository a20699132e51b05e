"""Guide section 2: the packets of the call, lost, late, uneven, or none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from polyai_diag.analysis.loose import number, rows, table
from polyai_diag.analysis.quality import loss_interval_percent
from polyai_diag.causes.call_data import MADE_UP, calls, count, interval_of
from polyai_diag.causes.control import lost_elsewhere
from polyai_diag.causes.engine import Facts, Layer, Seen, cause, endpoint_host
from polyai_diag.causes.facts import compared
from polyai_diag.failures import Failure
from polyai_diag.model import Actor, Evidence, Guide, Json, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOSS_WARN_PERCENT, LOSS_FAIL_PERCENT = 1.0, 3.0
"""Each way. What Twilio's SDK warns of; Teams calls a call poor at 10."""

ROUND_TRIP_WARN_PERCENT, ROUND_TRIP_FAIL_PERCENT = 4.0, 6.0
"""Out and back, with the servers' part in it: 2 % each way is 4 %, and no fault by itself."""

LEAST_PACKETS, LEAST_ROUND_TRIPS = 100, 30
"""Of fewer the interval has not been shown to hold (analysis/quality.py); a round trip is two."""

_ASKED = {
    "stun-unreachable": ("stun_binding",),
    "turn-unreachable": ("tcp_connect", "tls_handshake", "turn_challenge", "turn_allocate"),
}
_SILENCE = (Failure.GENERIC_TIMEOUT, Failure.INTERRUPTED)
_GATEWAY = "the gateway"
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
    for name, data in calls(facts):
        if data.get("packets_sent") == 0 and data.get("packets_received") is not None:
            yield Evidence(step=name, text="The call is connected: 0 packets sent")


def _has_nothing_to_echo(facts: Facts, _explained: str) -> bool:
    """Whether the gateway sends nothing, or an echo of nothing."""
    for _, data in calls(facts):
        is_echo = data.get("mode") == "echo" and count(data, "packets_received") > 0
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
    for name, data in calls(facts):
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
    for name, data in calls(facts):
        due, lost = count(data, "packets_due"), count(data, "packets_lost")
        interval = interval_of(data, "loss_interval_percent")
        if due and interval:
            kinds = {"bursts": ", in bursts", "random": ", one by one"}
            kind = kinds.get(str(data.get("loss_kind")), "")
            bursts = count(data, "lost_bursts")
            yield _Loss(name, "", "Received of the call", lost, due, bursts, interval, kind)
        reports = table(data.get("gateway_reports"))
        interval = interval_of(data, "sent_loss_interval_percent")
        if interval and count(reports, "packets_counted"):
            lost, due = count(reports, "packets_lost"), count(reports, "packets_counted")
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
            if over_udp and interval_of(row, "loss_interval_percent") and count(row, "sent"):
                url = str(row.get("url"))
                counts = (count(row, key) for key in ("lost", "sent", "lost_bursts"))
                yield _round_trips(name, endpoint_host(url), f"Out and back, {what} {url}", *counts)
    for name, data in calls(facts):
        checks = table(data.get("checks"))
        if count(checks, "sent") and not _is_counted_both_ways(data):
            lost = count(checks, "lost")
            what = "Out and back, checks of the call's path"
            yield _round_trips(name, _GATEWAY, what, lost, count(checks, "sent"), lost)


def _is_counted_both_ways(data: dict[str, Json]) -> bool:
    """Whether hundreds of packets each way tell of the same path what a few checks only guess.

    A check has no answer as well where either end was too busy to give or to read one in time.
    """
    reported = count(table(data.get("gateway_reports")), "packets_counted")
    return min(count(data, "packets_due"), reported) >= LEAST_PACKETS


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
        *MADE_UP,
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
