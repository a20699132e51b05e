"""What happens to the packets, in other disguises."""

from __future__ import annotations

from polyai_diag.sandbox.faults import Fault
from tests.live.cases import Case, gateway, path
from tests.live.table.sound import AGENT, relay_only, shown

TLS_ALONE = Fault("A relay over TLS alone.", turn={"transports": ("tls",)})
TCP_ALONE = Fault("A relay over TCP alone.", turn={"transports": ("tcp",)})

PACKETS: list[Case] = [
    *(
        Case(f"{fault}, the agent answers", (fault,), frozenset({fault}), sandbox=AGENT)
        for fault in (
            "packet-loss",
            "high-latency",
            "high-jitter",
            "no-audio-delivered",
            "no-audio-received",
        )
    ),
    shown(
        "no-audio-received",
        "by relay over TLS",
        path(drop_sent_rtp=True),
        TLS_ALONE,
        target=relay_only,
    ),
    shown("no-audio-received", "RTCP neither", path(drop_sent_rtp=True, drop_rtcp=True)),
    shown("no-audio-received", "for six seconds", path(drop_sent_rtp=True, comes_and_goes_s=6)),
    shown(
        "no-audio-received",
        "the gateway sends none",
        gateway(answer_direction="recvonly", answer_rewritten=((r"^a=recvonly", "a=sendrecv"),)),
    ),
    shown(
        "no-audio-delivered",
        "by relay over TCP",
        path(drop_received_rtp=True),
        TCP_ALONE,
        target=relay_only,
    ),
    shown(
        "no-audio-delivered",
        "the gateway listens to none",
        gateway(answer_direction="sendonly", answer_rewritten=((r"^a=sendonly", "a=sendrecv"),)),
        sandbox=AGENT,
    ),
    shown(
        "no-audio-delivered",
        "on a lossy way",
        path(drop_received_rtp=True, loss_percent=1, delay_ms=50),
    ),
    shown("packet-loss", "5 %, one by one", path(loss_percent=5)),
    shown("packet-loss", "8 % of what is sent", path(received_loss_percent=8)),
    shown(
        "packet-loss",
        "7 % of what is sent, the agent answers",
        path(received_loss_percent=7),
        sandbox=AGENT,
    ),
    shown(
        "packet-loss",
        "4 % each way, checks too",
        path(loss_percent=4, received_loss_percent=4, loses_everything=True),
    ),
    shown("packet-loss", "after 3 s", path(loss_percent=10, begins_s=3)),
    shown(
        "packet-loss", "comes and goes", path(loss_percent=15, loss_burst=3, comes_and_goes_s=1.5)
    ),
    shown(
        "packet-loss",
        "bursts of ten, by relay",
        path(loss_percent=12, loss_burst=10),
        target=relay_only,
    ),
    shown("packet-loss", "over IPv6", path(loss_percent=9), sandbox={"ipv6": True}),
    shown("no-audio-delivered", "over IPv6", path(drop_received_rtp=True), sandbox={"ipv6": True}),
    shown("high-latency", "noticed", path(delay_ms=115)),
    shown("high-latency", "a second", path(delay_ms=480)),
    shown("high-latency", "by relay over TLS", path(delay_ms=170), TLS_ALONE, target=relay_only),
    shown("high-latency", "after 2 s", path(more_delay_ms=200, begins_s=2)),
    shown("high-latency", "and a little uneven", path(delay_ms=180, jitter_ms=15)),
    shown("high-jitter", "up to 90 ms", path(jitter_ms=90)),
    shown("high-jitter", "up to 250 ms", path(jitter_ms=250)),
    shown("high-jitter", "after 3 s", path(jitter_ms=200, begins_s=3)),
    shown("high-jitter", "comes and goes", path(jitter_ms=200, comes_and_goes_s=1)),
    shown("high-jitter", "by relay over TCP", path(jitter_ms=150), TCP_ALONE, target=relay_only),
]
