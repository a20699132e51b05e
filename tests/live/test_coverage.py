"""A cause without a case is a promise that nobody has seen kept; each has five."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from polyai_diag.causes import CAUSES
from polyai_diag.causes.engine import Layer
from tests.live.table import PAIRS, SINGLES, VARIATIONS
from tests.real.ice_table import TABLE as NETWORKS
from tests.real.reaching_networks import WAYS

TESTS = Path(__file__).parents[1]
DISGUISES = 5
PAIRS_LEAST = 60
IN_A_BROWSER = tuple(row.id for row in CAUSES.values() if row.layer is Layer.BROWSER)
NOT_LIVE = ("opus-not-offered", "no-audio-sent", *IN_A_BROWSER)
"""What our own calls never do: found in what a customer sends, or by a browser's own check."""

PLAYED = Counter(
    [
        *(case.of for case in (*SINGLES, *VARIATIONS)),
        *(row.named[0] for row in (*NETWORKS, *WAYS) if len(row.named) == 1),
    ]
)


@pytest.mark.parametrize("cause", [cause for cause in CAUSES if cause not in NOT_LIVE])
def test_each_cause_is_played_in_five_disguises(cause: str) -> None:
    assert PLAYED[cause] >= DISGUISES


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_has_its_words(cause: str) -> None:
    row = CAUSES[cause]
    assert row.title
    assert row.remedy.endswith((".", "?"))
    assert row.rule.__doc__


def test_what_is_never_played_alone_is_tested_elsewhere() -> None:
    """By a test against a foreign server, or with what a customer sends."""
    foreign = "".join(path.read_text() for path in sorted(TESTS.glob("*/test_*.py")))
    missing = [cause for cause in CAUSES if not PLAYED[cause] and f'"{cause}"' not in foreign]
    assert missing == []


def test_two_at_once_are_many_and_each_a_case_of_its_own() -> None:
    assert len({(case.named, case.name) for case in PAIRS}) == len(PAIRS) >= PAIRS_LEAST
    assert all(len(case.named) == 2 for case in PAIRS)


def test_no_two_cases_share_a_name() -> None:
    names = Counter(case.name for case in (*SINGLES, *VARIATIONS, *PAIRS))
    assert [name for name, times in names.items() if times > 1] == []
