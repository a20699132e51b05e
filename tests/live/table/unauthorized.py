"""Tokens, and what is said of them, in other disguises."""

from __future__ import annotations

from typing import Any

from polyai_diag.model import Verdict
from polyai_diag.sandbox.settings import Page, ProxyMode
from tests.live.cases import (
    DAY_S,
    HOUR_S,
    NO_ECHO,
    Case,
    disguise,
    foreign_token,
    gateway,
    pasted,
    proxy,
    refusing,
    trusting_the_proxy,
)


def sent(token: str | None) -> Any:
    """This in the token's place."""
    return lambda _: {"token": token}


def studio(**offsets_s: int) -> Any:
    """A Studio token whose dates lie so many seconds from now."""
    return lambda sandbox: {"token": sandbox.studio_token(**offsets_s)}


TOKENS = [
    Case(
        "a Studio token of yesterday",
        named=frozenset({"token-expired"}),
        target=lambda _: {"token": foreign_token(exp=-DAY_S)},
    ),
    Case(
        "a Studio token of tomorrow",
        named=frozenset({"token-not-yet-valid"}),
        target=lambda _: {"token": foreign_token(nbf=DAY_S)},
    ),
    Case(
        "a Studio token that lost its signature",
        named=frozenset({"token-malformed"}),
        target=lambda sandbox: {"token": sandbox.studio_token(exp=HOUR_S).rpartition(".")[0]},
    ),
    Case("no token", named=frozenset({"token-missing"}), target=lambda _: {"token": ""}),
    *(
        Case(f"a token {how}", named=frozenset({"token-malformed"}), target=pasted(written))
        for how, written in {
            "in quotes": '"{token}"',
            "with a line end": "{token}\n",
            "after the word Bearer": "Bearer {token}",
            "with an invisible character": "\u200b{token}",
            "with a no-break space": "{token}\u00a0",
        }.items()
    ),
    Case(
        "a token of another region",
        named=frozenset({"token-rejected"}),
        target=lambda _: {"token": "sandbox-of-another-region-0123456789abcdef"},
    ),
    Case(
        "a genuine token that the agent refuses",
        (gateway(refuse_offers=("UNAUTHORIZED", "Token is not valid for this agent")),),
        frozenset({"token-rejected"}),
    ),
    Case(
        "an expired token, behind an inspecting proxy that is trusted",
        ("token-expired", "tls-intercepted"),
        frozenset({"token-expired"}),
        target=trusting_the_proxy,
    ),
    Case(
        "a clock three hours behind, and a call that works",
        (gateway(clock_ahead_s=3 * HOUR_S),),
        frozenset({"clock-skew"}),
        target=lambda sandbox: {"token": sandbox.studio_token(iat=3 * HOUR_S, exp=4 * HOUR_S)},
        verdict=Verdict.DEGRADED,
    ),
    Case(
        "a clock that is behind the certificate's first day",
        (gateway(certificate_days=(1, 90), clock_ahead_s=2 * DAY_S),),
        frozenset({"clock-skew"}),
        frozenset({"tls-certificate-invalid"}),
    ),
    Case(
        "a clock that is past the certificate's last day",
        (gateway(certificate_days=(-90, -1), clock_ahead_s=-2 * DAY_S),),
        frozenset({"clock-skew"}),
        frozenset({"tls-certificate-invalid"}),
    ),
    Case(
        "a clock ten minutes ahead, and a token of five",
        (gateway(clock_ahead_s=-600),),
        frozenset({"clock-skew"}),
        target=lambda sandbox: {"token": sandbox.studio_token(iat=-600, exp=-300)},
        verdict=Verdict.DEGRADED,
    ),
    # What is missing.
    disguise("token-missing, no field for it", "token-missing", target=sent(None)),
    disguise("token-missing, blanks", "token-missing", target=sent("  \t ")),
    disguise("token-missing, an invisible character", "token-missing", target=sent("\ufeff")),
    disguise(
        "token-missing, and the WebSocket closed for it",
        "token-missing",
        gateway(hush_errors=True, error_close=(1008, "Auth token required")),
        target=sent(""),
        beneath=("signaling-closed",),
    ),
    # What is out of date.
    disguise("token-expired, a minute ago", "token-expired", target=studio(exp=-60)),
    disguise(
        "token-expired, and the WebSocket closed for it",
        "token-expired",
        gateway(hush_errors=True, error_close=(4401, "token expired")),
        target=studio(iat=-HOUR_S, exp=-120),
        beneath=("signaling-closed",),
    ),
    disguise(
        "token-expired, through a proxy, said late",
        "token-expired",
        proxy(ProxyMode.LET_THROUGH),
        gateway(flat_errors=True, error_after_s=2),
        target=studio(exp=-30 * DAY_S),
    ),
    disguise(
        "token-not-yet-valid, issued tomorrow", "token-not-yet-valid", target=studio(iat=DAY_S)
    ),
    disguise(
        "token-not-yet-valid, in milliseconds",
        "token-not-yet-valid",
        gateway(flat_errors=True),
        target=lambda sandbox: {"token": sandbox.studio_token(nbf=1_700_000_000_000)},
    ),
    disguise(
        "token-not-yet-valid, in two minutes, and the WebSocket closed",
        "token-not-yet-valid",
        gateway(error_close=(1008, "")),
        target=studio(nbf=120, exp=HOUR_S),
    ),
    # What is refused.
    disguise(
        "an error at the top of its frame",
        "token-rejected",
        "token-rejected",
        gateway(flat_errors=True),
    ),
    disguise(
        "token-rejected, and the WebSocket closed without a word",
        "token-rejected",
        gateway(reject_tokens=True, hush_errors=True, error_close=(4401, "Unauthorized")),
        beneath=("signaling-closed",),
    ),
    disguise(
        "token-rejected, in other words, to a token of another key",
        "token-rejected",
        gateway(ice_servers=Page(401, "Unauthorized"), error_after_s=3),
        target=lambda _: {"token": foreign_token(iat=-60, exp=HOUR_S)},
    ),
    disguise(
        "token-rejected, a minute into its deployment: in the call",
        "token-rejected",
        gateway(fails_later=(2, "UNAUTHORIZED", "The agent was deployed again")),
        sandbox=NO_ECHO,
    ),
    # What is forbidden.
    disguise(
        "echo asked for, and forbidden",
        "request-forbidden",
        sandbox=NO_ECHO,
        target=lambda _: {"mode": "echo"},
    ),
    disguise(
        "request-forbidden, the agent as well",
        "request-forbidden",
        refusing("FORBIDDEN", "This account may not call this agent"),
        sandbox=NO_ECHO,
    ),
    disguise(
        "request-forbidden, at the top of its frame, after two seconds",
        "request-forbidden",
        refusing("FORBIDDEN", "", flat_errors=True, error_after_s=2),
    ),
    disguise(
        "request-forbidden, and the WebSocket closed",
        "request-forbidden",
        refusing("FORBIDDEN", "Quota exceeded", error_close=(1008, "forbidden")),
        target=lambda _: {"mode": "traditional"},
    ),
    # What is invalid.
    disguise(
        "INVALID_MESSAGE",
        "request-invalid",
        refusing("INVALID_MESSAGE", "data.sdp: not a session description"),
    ),
    disguise(
        "request-invalid, at the top of its frame",
        "request-invalid",
        refusing("INVALID_ARGUMENT", "variantId: unknown", flat_errors=True),
    ),
    disguise(
        "request-invalid, to the agent's offer, and the WebSocket closed",
        "request-invalid",
        refusing("INVALID_ARGUMENT", "Unknown mode", error_close=(1003, "")),
        sandbox=NO_ECHO,
    ),
    disguise(
        "request-invalid, after three seconds, and cut",
        "request-invalid",
        refusing("INVALID_MESSAGE", "Invalid message", error_after_s=3, error_close=(1006, "")),
    ),
]
