"""Calls that work: nothing critical is named."""

from __future__ import annotations

from polyai_diag.sandbox.settings import ProxyMode
from tests.live.cases import (
    HOUR_S,
    Case,
    gateway,
    given_ice_servers,
    path,
    proxy,
    sound,
    trusting_the_proxy,
)

HEALTHY = [
    Case("healthy"),
    Case("healthy, the agent answers", sandbox={"allow_echo": False}),
    Case("healthy, the gateway trickles", sandbox={"trickle": True}),
    Case("healthy, relay only", target=lambda _: {"relay_only": True}),
    Case("healthy, a mode of the caller's own", target=lambda _: {"mode": "traditional"}),
    Case("healthy, IPv6", sandbox={"ipv6": True}),
    Case(
        "healthy, IPv6, relay only",
        sandbox={"ipv6": True},
        target=lambda _: {"relay_only": True},
    ),
    Case("healthy, ICE servers given", target=given_ice_servers),
    Case("healthy, no ICE servers", target=lambda _: {"ice_servers": []}),
    Case("healthy, measured thoroughly", target=lambda _: {"thorough": True}),
    Case(
        "healthy, a Studio token with a minute to live",
        target=lambda sandbox: {"token": sandbox.studio_token(iat=-HOUR_S, exp=60)},
    ),
    Case(
        "healthy, a clock 5 s behind, and a token signed just now",
        (gateway(clock_ahead_s=5),),
        target=lambda sandbox: {"token": sandbox.studio_token(iat=5, nbf=5, exp=HOUR_S)},
    ),
    Case(
        "healthy, a clock 5 s ahead, and a token signed just now",
        (gateway(clock_ahead_s=-5),),
        target=lambda sandbox: {"token": sandbox.studio_token(iat=-5, nbf=-5, exp=HOUR_S)},
    ),
    Case(
        "healthy, a clock hours off, and a token without dates",
        (gateway(clock_ahead_s=-7 * HOUR_S),),
    ),
    Case("healthy, through a proxy", (proxy(ProxyMode.LET_THROUGH),)),
    Case(
        "healthy, through a proxy that wants a login, and gets it",
        (proxy(ProxyMode.ASK_LOGIN),),
        target=lambda sandbox: {"proxy": sandbox.proxy.url_with_login},
    ),
    Case(
        "healthy, through an inspecting proxy that is trusted",
        (proxy(ProxyMode.INTERCEPT),),
        target=trusting_the_proxy,
    ),
    Case(
        "healthy, by name",
        target=lambda sandbox: {
            "url": sandbox.describe()["signaling_url"].replace("127.0.0.1", "localhost")
        },
    ),
    Case("healthy, an answer that takes a second", (gateway(answer_after_s=1),)),
    Case("healthy, clocks 40 ppm apart", (sound(speed=1 + 40e-6),)),
    Case("healthy, a gateway 3 dB quieter", (sound(gain_db=-3),)),
    Case("healthy, 60 ms each way", (path(delay_ms=60),)),
    Case("healthy, packets up to 15 ms late", (path(jitter_ms=15),)),
    Case("healthy, 1 % of the packets lost", (path(loss_percent=1),)),
    Case("healthy, 75 ms each way", (path(delay_ms=75),)),
    Case(
        "healthy, an agent 10 dB quieter",
        (sound(gain_db=-10),),
        sandbox={"allow_echo": False},
    ),
    Case(
        "healthy, an agent whose voice is wide band",
        (sound(lowpass_hz=7000),),
        sandbox={"allow_echo": False},
    ),
    Case(
        "healthy, relay only past ports that are blocked",
        ("media-ports-blocked",),
        target=lambda _: {"relay_only": True},
    ),
]
