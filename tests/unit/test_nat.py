"""What a NAT is called after how servers see one socket."""

from __future__ import annotations

import pytest

from polyai_diag.analysis.nat import (
    ADDRESS_DEPENDENT,
    DEPENDENT,
    INDEPENDENT,
    PORT_DEPENDENT,
    SEVERAL_EXITS,
    UNKNOWN,
    Address,
    classify_mapping,
    lifetime_words,
)

A, A_OTHER_PORT, B = ("198.51.100.1", 3478), ("198.51.100.1", 3479), ("198.51.100.2", 3478)
ONE, ANOTHER, ELSEWHERE = ("192.0.2.1", 1), ("192.0.2.1", 2), ("192.0.2.9", 1)


@pytest.mark.parametrize(
    ("mapped", "named"),
    [
        ({}, UNKNOWN),
        ({A: ONE}, UNKNOWN),
        ({A: ONE, A_OTHER_PORT: ONE}, UNKNOWN),  # another host was not asked
        ({A: ONE, B: ONE}, INDEPENDENT),
        ({A: ONE, B: ANOTHER}, DEPENDENT),
        ({A: ONE, A_OTHER_PORT: ONE, B: ANOTHER}, ADDRESS_DEPENDENT),
        ({A: ONE, A_OTHER_PORT: ANOTHER}, PORT_DEPENDENT),
        ({A: ONE, A_OTHER_PORT: ANOTHER, B: ONE}, PORT_DEPENDENT),
        ({A: ONE, B: ELSEWHERE}, SEVERAL_EXITS),
        ({A: ONE, B: ("192.0.2.9", 77)}, SEVERAL_EXITS),  # each exit was seen once: no more told
        ({A: ONE, A_OTHER_PORT: ANOTHER, B: ELSEWHERE}, PORT_DEPENDENT),
    ],
)
def test_mappings(mapped: dict[Address, Address], named: str) -> None:
    assert classify_mapping(mapped) == named


@pytest.mark.parametrize(
    ("alive", "said"),
    [
        ({}, UNKNOWN),
        ({6.0: True, 12.0: True}, "at least 12 s"),
        ({6.0: True, 12.0: False}, "between 6 and 12 s"),
        ({6.0: False, 12.0: False}, "under 6 s"),
        ({6.0: False, 12.0: True}, UNKNOWN),  # a packet was lost
    ],
)
def test_no_more_is_said_of_a_lifetime_than_was_proven(alive: dict[float, bool], said: str) -> None:
    assert lifetime_words(alive) == said
