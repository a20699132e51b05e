"""Tokens, and what is said of them, in other disguises."""

from __future__ import annotations

from polyai_diag.model import Verdict
from tests.live.cases import DAY_S, HOUR_S, Case, foreign_token, gateway, pasted, trusting_the_proxy

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
]
