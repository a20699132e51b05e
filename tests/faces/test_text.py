from __future__ import annotations

import math

import pytest

from polyai_diag.analysis.loose import number, rows, table
from polyai_diag.failures import Failure
from polyai_diag.report.text import LIMIT, failure_words, milliseconds, plain, quantity, time_span


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a\n b\t c", "a b c"),
        ("a\u202eb\x00c\ud800", "a\ufffdb\ufffdc\ufffd"),
        (None, "None"),
        ("é → ✓", "é → ✓"),
    ],
)
def test_plain_is_one_visible_line(given: object, shown: str) -> None:
    assert plain(given) == shown


def test_plain_is_bounded() -> None:
    assert len(plain("n" * 10_000)) == LIMIT
    assert plain("n" * 10_000).endswith("…")
    assert plain("n" * LIMIT) == "n" * LIMIT


@pytest.mark.parametrize("given", [None, "1", True, math.nan, math.inf, [], 1e300])
def test_what_is_no_number(given: object) -> None:
    assert number(given) is None
    assert milliseconds(given) == "–"
    assert quantity(given, "dB") == "–"


@pytest.mark.parametrize(
    ("ms", "shown"),
    [(0, "0.0 ms"), (9.94, "9.9 ms"), (41.4, "41 ms"), (1234, "1.23 s"), (11_800, "11.8 s")],
)
def test_times_as_people_read_them(ms: float, shown: str) -> None:
    assert milliseconds(ms) == shown


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (Failure.GENERIC_TIMEOUT, "no answer"),
        ("stun_quota_reached", "stun quota reached"),
        ("a sentence with a snake_case word", "a sentence with a snake_case word"),
        (None, "None"),
    ],
)
def test_failures_as_people_say_them(failure: object, said: str) -> None:
    assert failure_words(failure) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.6, "0.6 s"), (95, "95 s"), (720, "12 min"), (9000, "2 h"), (259_200, "3 days")],
)
def test_spans_of_time_as_people_read_them(seconds: float, said: str) -> None:
    assert time_span(seconds) == said


def test_quantities_have_a_minus_sign_and_no_negative_zero() -> None:
    assert quantity(-23.04, "dBFS", 1) == "−23.0 dBFS"
    assert quantity(-0.01, "dB", 1) == "0.0 dB"


def test_shapes_that_are_not_what_they_should_be() -> None:
    assert rows("abc") == []
    assert rows([{"a": 1}, "x", None]) == [{"a": 1}]
    assert len(rows([{}] * 100)) == 40
    assert table(["x"]) == {}
