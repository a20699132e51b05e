"""Tokens looked over: their form, and a JWT's dates against a clock."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.analysis.token import TokenFacts, read_token
from polyai_diag.analysis.token_dates import CLOCK_LEEWAY_S, date_fault
from polyai_diag.analysis.token_form import MAX_TOKEN_CHARACTERS, is_masked
from polyai_diag.failures import Failure
from polyai_diag.secret import Secret

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = "a key that nobody here checks, of 32 bytes or more"
CLAIMS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


def _jwt(**claims: Any) -> str:
    return jwt.encode(claims, KEY, algorithm="HS256")


def _raw_jwt(payload: str, header: dict[str, Any] | None = None) -> str:
    parts = [json.dumps(header or {"alg": "HS256", "typ": "JWT"}), payload, "signature"]
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


TOKENS = ["8d7f6a5c4b3a2918", _jwt(exp=_at(hours=1))]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda t: f" {t}", "a blank before it"),
        (lambda t: f"{t}\r\n", "a line end after it"),
        (lambda t: f"{t}\n\n", "2 line ends after it"),
        (lambda t: f"\t{t}", "a tab before it"),
        (lambda t: f"{t}\u00a0", "NO-BREAK SPACE (U+00A0) after it"),
        (lambda t: f'"{t}"', "quotes around it"),
        (lambda t: f"{t}'", "a quote after it"),
        (lambda t: f"“{t}”", "typographic quotes around it"),
        (lambda t: f'"{t}",', "quotes around it; a comma or semicolon after it"),
        (lambda t: f"\ufeff{t}", "a byte order mark (U+FEFF) before it"),
        (lambda t: f"{t}\u200b\u200b", "2 times ZERO WIDTH SPACE (U+200B) after it"),
        (lambda t: f"\u00ad{t}", "SOFT HYPHEN (U+00AD) before it"),
        (lambda t: f"Bearer {t}", "'Bearer' before it"),
        (lambda t: f"bearer   {t}", "'Bearer' before it"),
        (lambda t: f"Token {t}", "'Token' before it"),
        (lambda t: f"authToken={t}", "its name before it"),
        (lambda t: f'"authToken": "{t}"', "its name before it; quotes around it"),
        (lambda t: f"POLYAI_TOKEN={t}", "its name before it"),
        (
            lambda t: f"Authorization: Bearer {t}\n",
            "'Authorization:' before it; 'Bearer' before it; a line end after it",
        ),
    ],
)
@pytest.mark.parametrize("token", TOKENS)
def test_what_clings_to_a_token_is_named_and_taken_off(token: str, spoil: Any, said: str) -> None:
    facts = read_token(spoil(token), NOW)
    assert (facts.failure, facts.detail) == (Failure.TOKEN_MALFORMED, said)
    assert facts.mended == Secret(token)
    assert "; ".join(facts.mended_by) == said
    assert facts.length == len(spoil(token))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda t: f"{t[:9]} {t[9:]}", "a blank inside it (at character 10)"),
        (lambda t: f"{t[:9]}\n{t[9:]}", "a line end inside it (at character 10)"),
        (lambda t: f"{t[:5]}\t{t[5:9]}\t{t[9:]}", "2 tabs inside it (the first at character 6)"),
        (
            lambda t: f"{t[:9]}\u200b{t[9:]}",
            "ZERO WIDTH SPACE (U+200B) inside it (at character 10)",
        ),
        (
            lambda t: f"{t[:9]}\x00{t[9:]}",
            "a control character (U+0000) inside it (at character 10)",
        ),
        (
            lambda t: f"{t[:9]}\udcff{t[9:]}",
            "a byte that is no UTF-8 (0xFF) inside it (at character 10)",
        ),
        (
            lambda t: f"{t[:9]}\ud800{t[9:]}",
            "half a surrogate pair (U+D800) inside it (at character 10)",
        ),
        (
            lambda t: f"{t[:9]}е{t[9:]}",
            "CYRILLIC SMALL LETTER IE (U+0435) inside it (at character 10)",
        ),
        (lambda t: f'{t[:9]}"{t[9:]}', "a quote inside it (at character 10)"),
        (lambda t: f"{t[:9]}’{t[9:]}", "a typographic quote inside it (at character 10)"),
        (lambda t: f"{t}\\n", "a backslash inside it (at character {end})"),
        (lambda t: f"{t}%2E", "URL-encoding left in it (a %-escape at character {end})"),
        (lambda t: t + "x" * MAX_TOKEN_CHARACTERS, "characters: no token is longer than 16384"),
        (lambda t: f" {t[:9]} {t[9:]}", "a blank before it; a blank inside it (at character 11)"),
    ],
)
@pytest.mark.parametrize("token", TOKENS)
def test_what_got_into_a_token_is_named_and_not_guessed_at(
    token: str, spoil: Any, said: str
) -> None:
    facts = read_token(spoil(token), NOW)
    assert facts.failure is Failure.TOKEN_MALFORMED
    assert facts.detail.endswith(said.format(end=len(token) + 1))
    assert (facts.mended, facts.mended_by) == (None, ())


@pytest.mark.parametrize(
    "text",
    [
        "<token>", "YOUR_TOKEN", "your-token-here", "${TOKEN}", "$TOKEN", "{{token}}", "%TOKEN%",
        "undefined", "null", "None", "[object Object]", "token", "authToken", "changeme",
        '"undefined"', "Bearer null", "Bearer ${TOKEN}",
    ],
)  # fmt: skip
def test_what_stands_in_a_tokens_place(text: str) -> None:
    facts = read_token(text, NOW)
    assert (facts.kind, facts.failure) == ("none", Failure.TOKEN_MALFORMED)
    assert facts.detail.endswith("in place of a token")
    assert facts.mended is None


@pytest.mark.parametrize("text", ['""', "“”", "','"])
def test_quotes_around_nothing_are_no_token(text: str) -> None:
    facts = read_token(text, NOW)
    assert facts.failure is Failure.TOKEN_MALFORMED
    assert facts.mended is None


@pytest.mark.parametrize(
    "text", ["***", "eyJhbGci…", "eyJ...c2ln", "[redacted]", "<hidden>", "••••"]
)
def test_a_token_that_somebody_hid(text: str) -> None:
    assert is_masked(text)


@pytest.mark.parametrize("token", [*TOKENS, "abctoken==", "token-of-the-demo", "a.b_c~d+e/f=="])
def test_a_token_that_merely_looks_odd_is_taken(token: str) -> None:
    assert read_token(token, NOW).failure is None
    assert not is_masked(token)


def test_a_mended_token_that_has_expired_tells_both() -> None:
    facts = read_token(f"Bearer {_jwt(exp=_at(hours=-3))}", NOW)
    assert facts.failure is Failure.TOKEN_MALFORMED
    assert facts.detail == "'Bearer' before it; expired 3 h 0 min ago (2026-03-01 09:00 UTC)"
    assert facts.exp == _at(hours=-3)
    assert facts.mended is not None


HEADER, PAYLOAD, SIGNATURE = _jwt(sub="a").split(".")
CUT = "is not base64url (RFC 4648 §5), or it was cut"
THREE = "1 of a JWT's three segments: the payload and the signature are missing"


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (f"{HEADER}.{PAYLOAD}", "2 of a JWT's three segments: the signature is missing"),
        (HEADER, THREE),
        ("eyJ", f"{THREE}; its header is not JSON"),
        ("..", "its header is empty; its payload is empty; its signature is empty"),
        (f"{HEADER}.{PAYLOAD}.", "its signature is empty"),
        (f"{HEADER}.{PAYLOAD}.{SIGNATURE}.extra", "4 segments where a JWT has three"),
        (f"{HEADER}.!{PAYLOAD}.{SIGNATURE}", f"its payload {CUT}"),
        (f"{HEADER}.{PAYLOAD[:-2]}.{SIGNATURE}", f"its payload {CUT}"),
        (f"{HEADER}.{PAYLOAD}.a+b/", f"its signature {CUT}"),
        (f"{HEADER[:-4]}.{PAYLOAD}.{SIGNATURE}", "its header is not JSON"),
        (f"{PAYLOAD[3:]}.{PAYLOAD}.{SIGNATURE}", "its header is not JSON"),
        (_raw_jwt("[1, 2]"), "its payload is not a JSON object"),
        (_raw_jwt('"text"'), "its payload is not a JSON object"),
        (_raw_jwt("{not json"), "its payload is not JSON"),
        (_raw_jwt("[" * 8000), "its payload is not JSON"),
        (_raw_jwt('{"exp": ' + "9" * 5000 + "}"), "its payload is not JSON"),
        (
            f"{_raw_jwt('', header={'alg': 'dir', 'enc': 'A128GCM'}).split('.')[0]}.a.b.c.d",
            "an encrypted JWT (JWE, five segments): a signed one of three is wanted",
        ),
    ],
)  # fmt: skip
def test_a_jwt_that_cannot_be_read_says_which_segment(token: str, said: str) -> None:
    facts = read_token(token, NOW)
    assert (facts.kind, facts.failure) == ("Studio JWT", Failure.TOKEN_MALFORMED)
    assert facts.detail == said
    assert facts.mended is None


def test_a_jwt_tells_its_claims_in_words() -> None:
    claims = {"iat": _at(days=-2), "nbf": _at(days=-2), "exp": _at(minutes=58, seconds=5)}
    facts = read_token(_jwt(iss="studio", aud=["gateway", "api"], **claims), NOW)
    assert facts.dates == (
        "valid for another 58 min (2026-03-01 12:58 UTC)",
        "valid since 2 days ago (2026-02-27 12:00 UTC)",
        "issued 2 days ago (2026-02-27 12:00 UTC)",
    )
    assert (facts.iss, facts.aud) == ("studio", "gateway, api")
    assert facts.notes == {
        "kind": "Studio JWT", "length": facts.length, **claims, "iss": "studio",
        "aud": "gateway, api", "dates": list(facts.dates),
    }  # fmt: skip


def test_a_connector_token_has_no_claims_to_tell() -> None:
    assert read_token("8d7f6a5c4b3a2918", NOW).notes == {"kind": "connector token", "length": 16}


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({}, "no expiry in it"),
        ({"exp": "1700000000"}, "exp is not a number, so no date (RFC 7519 §2)"),
        (
            {"exp": 1_800_000_000_000},
            "exp is in milliseconds (2027-01-15 08:00 UTC); seconds are due (RFC 7519 §2)",
        ),
        (
            {"exp": _at(hours=1), "iat": _at(hours=2)},
            "it ends before it begins: exp is earlier than iat or nbf",
        ),
    ],
)
def test_odd_dates_are_noticed(claims: dict[str, Any], said: str) -> None:
    assert said in read_token(_raw_jwt(json.dumps(claims)), NOW).dates


def test_a_beginning_in_milliseconds_lies_in_the_future() -> None:
    facts = read_token(_jwt(nbf=_at(hours=-1) * 1000), NOW)
    assert facts.failure is Failure.TOKEN_NOT_YET_VALID
    assert facts.detail.startswith("nbf is in milliseconds (2026-03-01 11:00 UTC)")


def test_a_token_with_a_minute_to_live_is_fine() -> None:
    assert read_token(_jwt(exp=_at(seconds=60)), NOW).failure is None


@pytest.mark.parametrize("value", [None, "soon", True, float("nan"), float("inf"), 10**400, [1]])
@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
def test_a_date_that_says_nothing_is_no_fault(claim: str, value: Any) -> None:
    assert date_fault({claim: value}, NOW) is None


def test_dates_are_judged_by_the_clock_that_is_given() -> None:
    dates = {"exp": float(_at(hours=1)), "nbf": None, "iat": float(_at(hours=-1))}
    assert date_fault(dates, NOW) is None
    assert date_fault(dates, NOW + timedelta(hours=2)) is Failure.TOKEN_EXPIRED
    assert date_fault(dates, NOW - timedelta(hours=2)) is Failure.TOKEN_NOT_YET_VALID


@pytest.mark.parametrize(
    "value",
    [True, False, "1700000000", None, [1], {"a": 1}],
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


@pytest.mark.parametrize("moment", [10**30, 1e300, 253402300800])
def test_a_date_beyond_the_calendar_is_still_a_date(moment: float) -> None:
    facts = read_token(_raw_jwt(json.dumps({"exp": moment})), NOW)
    assert (facts.failure, facts.expires) == (None, None)
    assert facts.dates == ("valid for another 100 years or more",)
    beginning = read_token(_raw_jwt(json.dumps({"nbf": moment})), NOW)
    assert beginning.failure is Failure.TOKEN_NOT_YET_VALID


def _told(facts: TokenFacts) -> str:
    return repr(facts) + repr(facts.notes)


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_no_text_breaks_the_reading_or_shows_in_the_facts(text: str) -> None:
    facts = read_token(text, NOW)
    assert facts.length == len(text)
    core = text.strip()
    assert len(core) <= 8 or core not in _told(facts)


@given(
    st.from_regex(r"[A-Za-z0-9._-]{12,40}", fullmatch=True),
    st.text(max_size=5),
    st.text(max_size=5),
)
def test_the_token_never_shows_whatever_clings_to_it(token: str, before: str, after: str) -> None:
    facts = read_token(f"{before}{token}{after}", NOW)
    assert token not in _told(facts)
    if facts.mended is not None:
        again = read_token(facts.mended.reveal(), NOW)
        assert again.failure is not Failure.TOKEN_MALFORMED
        assert again.mended_by == ()


@pytest.mark.parametrize(
    "text", [c * 10**7 for c in ("a", " ", '"', "\u200b", ".", "%41", "Bearer ", "eyJ.", "\ud800")]
)
def test_ten_megabytes_are_judged_at_once(text: str) -> None:
    begun = time.perf_counter()
    facts = read_token(text, NOW)
    assert facts.failure in (Failure.TOKEN_MALFORMED, Failure.TOKEN_MISSING)
    assert time.perf_counter() - begun < 1
