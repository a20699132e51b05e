"""Tokens looked over: their form, and a JWT's dates against a clock."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.analysis.token import CLOCK_LEEWAY_S, MAX_TOKEN_CHARACTERS, read_token
from polyai_diag.failures import Failure

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = "a key that nobody here checks, of 32 bytes or more"
CLAIMS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


def _jwt(**claims: Any) -> str:
    return jwt.encode(claims, KEY, algorithm="HS256")


def _raw_jwt(payload: str) -> str:
    parts = ['{"alg":"HS256","typ":"JWT"}', payload, "signature"]
    return ".".join(base64.urlsafe_b64encode(p.encode()).decode().rstrip("=") for p in parts)


def _at(**delta: float) -> int:
    return int((NOW + timedelta(**delta)).timestamp())


@pytest.mark.parametrize("token", [None, "", " ", "\r\n"])
def test_nothing_is_a_missing_token(token: str | None) -> None:
    facts = read_token(token, NOW)
    assert (facts.kind, facts.failure) == ("none", Failure.TOKEN_MISSING)
    assert facts.length == len(token or "")


def test_a_connector_token_is_taken_as_it_is() -> None:
    facts = read_token("8d7f6a5c4b3a2918", NOW)
    assert (facts.kind, facts.failure, facts.length) == ("connector token", None, 16)


def test_a_jwt_in_date_is_taken_and_its_end_told() -> None:
    facts = read_token(_jwt(iat=_at(hours=-1), nbf=_at(hours=-1), exp=_at(hours=1)), NOW)
    assert (facts.kind, facts.failure) == ("Studio JWT", None)
    assert facts.expires == NOW + timedelta(hours=1)


def test_a_jwt_without_dates_is_taken() -> None:
    facts = read_token(_jwt(sub="agent"), NOW)
    assert (facts.failure, facts.expires) == (None, None)


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        ({"seconds": 45}, "expired 45 s ago (2026-03-01 11:59 UTC)"),
        ({"minutes": 5}, "expired 5 min ago (2026-03-01 11:55 UTC)"),
        ({"hours": 3, "minutes": 7}, "expired 3 h 7 min ago (2026-03-01 08:53 UTC)"),
        ({"days": 400}, "expired 400 days ago (2025-01-25 12:00 UTC)"),
    ],
)
def test_an_expired_jwt(ago: dict[str, float], said: str) -> None:
    facts = read_token(_jwt(exp=int((NOW - timedelta(**ago)).timestamp())), NOW)
    assert (facts.failure, facts.detail) == (Failure.TOKEN_EXPIRED, said)


@pytest.mark.parametrize(
    "claims",
    [
        {"nbf": _at(minutes=10)},
        {"iat": _at(minutes=10)},
        {"nbf": _at(hours=-1), "iat": _at(minutes=10)},
        {"nbf": _at(minutes=10), "iat": _at(hours=-1), "exp": _at(hours=2)},
    ],
)
def test_a_jwt_of_the_future(claims: dict[str, int]) -> None:
    facts = read_token(_jwt(**claims), NOW)
    assert facts.failure is Failure.TOKEN_NOT_YET_VALID
    assert facts.detail == "valid only in 10 min (2026-03-01 12:10 UTC)"


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
def test_clocks_may_differ_by_the_leeway(claim: str) -> None:
    sign = -1 if claim == "exp" else 1
    within = read_token(_jwt(**{claim: _at(seconds=sign * CLOCK_LEEWAY_S)}), NOW)
    beyond = read_token(_jwt(**{claim: _at(seconds=sign * (CLOCK_LEEWAY_S + 1))}), NOW)
    assert within.failure is None
    assert beyond.failure is not None


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda t: f" {t}", "blanks or a line end around it"),
        (lambda t: f"{t}\r\n", "blanks or a line end around it"),
        (lambda t: f"{t}\u00a0", "blanks or a line end around it"),
        (lambda t: f'"{t}"', "quotes around it"),
        (lambda t: f"{t}'", "quotes around it"),
        (lambda t: f"Bearer {t}", "it begins with 'Bearer '; give the token alone"),
        (lambda t: f"bearer {t}", "it begins with 'Bearer '; give the token alone"),
        (lambda t: f"{t[:9]} {t[9:]}", "blanks, invisible or non-ASCII characters in it"),
        (lambda t: f"{t[:9]}\n{t[9:]}", "blanks, invisible or non-ASCII characters in it"),
        (lambda t: f"{t[:9]}\u200b{t[9:]}", "blanks, invisible or non-ASCII characters in it"),
        (lambda t: f"{t[:9]}\x00{t[9:]}", "blanks, invisible or non-ASCII characters in it"),
        (lambda t: f"\ufeff{t}", "blanks, invisible or non-ASCII characters in it"),
        (lambda t: f"“{t}”", "blanks, invisible or non-ASCII characters in it"),
        (lambda t: t + "x" * MAX_TOKEN_CHARACTERS, "longer than 16384 characters"),
    ],
)
@pytest.mark.parametrize("token", ["8d7f6a5c4b3a2918", _jwt(exp=_at(hours=1))])
def test_what_copying_does_to_a_token(token: str, spoil: Any, said: str) -> None:
    facts = read_token(spoil(token), NOW)
    assert (facts.failure, facts.detail) == (Failure.TOKEN_MALFORMED, said)


@pytest.mark.parametrize(
    "token",
    [
        _jwt(sub="a").rsplit(".", 1)[0],
        _jwt(sub="a").split(".")[0],
        "eyJ",
        "..",
        "a.b.c",
        f"{_jwt(sub='a')}.extra",
        _jwt(sub="a").replace(".", ".!", 1),
        _jwt(sub="a")[:40],
        _raw_jwt("[1, 2]"),
        _raw_jwt('"text"'),
        _raw_jwt("{not json"),
        _raw_jwt("[" * 8000),
        _raw_jwt('{"exp": ' + "9" * 5000 + "}"),
    ],
)
def test_a_jwt_that_cannot_be_read_is_malformed(token: str) -> None:
    facts = read_token(token, NOW)
    assert (facts.kind, facts.failure) == ("Studio JWT", Failure.TOKEN_MALFORMED)
    assert facts.detail.startswith("a JWT has three segments that can be read")


@pytest.mark.parametrize(
    "value",
    [10**30, -(10**30), 1e300, True, False, "1700000000", None, [1], {"a": 1}, 253402300800],
)
@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
def test_a_claim_that_is_no_date_is_passed_over(claim: str, value: Any) -> None:
    facts = read_token(_raw_jwt(json.dumps({claim: value})), NOW)
    assert (facts.failure, facts.expires) == (None, None)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_numbers_that_json_does_not_have(number: str) -> None:
    assert read_token(_raw_jwt(f'{{"exp": {number}}}'), NOW).failure is None


@pytest.mark.parametrize("moment", [253402300799, -62135596800])
def test_the_ends_of_the_calendar(moment: int) -> None:
    expiring = read_token(_jwt(exp=moment), NOW)
    beginning = read_token(_raw_jwt(json.dumps({"nbf": moment})), NOW)
    future = moment > 0
    assert expiring.failure is (None if future else Failure.TOKEN_EXPIRED)
    assert beginning.failure is (Failure.TOKEN_NOT_YET_VALID if future else None)


@given(st.dictionaries(st.sampled_from(["exp", "nbf", "iat", "sub"]), CLAIMS))
def test_no_claims_break_the_reading(claims: dict[str, Any]) -> None:
    assert read_token(_raw_jwt(json.dumps(claims)), NOW).kind == "Studio JWT"


@given(st.text())
def test_no_text_breaks_the_reading_or_shows_in_the_facts(text: str) -> None:
    facts = read_token(text, NOW)
    assert facts.length == len(text)
    if len(text) > 8 and facts.failure is not None:
        assert text not in facts.detail
