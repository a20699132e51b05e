"""A report is a file that anybody may have edited: it is judged and shown, or refused in a line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyai_diag import Report
from polyai_diag.report.report import ReportError

RECORDED = (Path(__file__).parents[1] / "vectors" / "report.json").read_text()
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 0, 10**30, 1e300, -1e300, "", "x", "1e5", [], [None], ["x", 5], {}, {"a": []}]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to everything within a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inside:
        yield (*path, key)
        if isinstance(one, dict | list):
            yield from places(one, (*path, key))


def measured() -> list[tuple[Any, ...]]:
    """Return the places that hold what was measured, which have no schema of their own."""
    found = []
    for number, step in enumerate(json.loads(RECORDED)["steps"]):
        found += list(places(step["data"], ("steps", number, "data")))
        for at, observation in enumerate(step["observations"]):
            notes = ("steps", number, "observations", at, "notes")
            found += list(places(observation["notes"], notes))
    return found


PLACES = measured()


def put(told: Any, path: tuple[Any, ...], junk: Any) -> None:
    """Put junk at a place, unless an earlier one has taken the way to it."""
    *way, last = path
    for key in way:
        known = (
            key in told
            if isinstance(told, dict)
            else isinstance(told, list) and key in range(len(told))
        )
        if not known:
            return
        told = told[key]
    if isinstance(told, dict) or (isinstance(told, list) and last in range(len(told))):
        told[last] = junk


Changes = list[tuple[tuple[Any, ...], Any]]


def read(changes: Changes) -> Report | None:
    """Read the report with these changes; None where it is refused, in one line."""
    told = json.loads(RECORDED)
    for path, junk in changes:
        put(told, path, junk)
    try:
        return Report.from_json(json.dumps(told))
    except ReportError as exc:
        return None if "\n" not in str(exc) else pytest.fail(str(exc))


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK), min_size=1, max_size=12))
def test_whatever_was_measured_is_judged(changes: Changes) -> None:
    report = read(changes)
    assert report is None or all(finding.evidence for finding in report.findings)


@settings(max_examples=8)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK), min_size=1, max_size=12))
def test_whatever_was_measured_is_shown(changes: Changes) -> None:
    report = read(changes)
    assert report is None or (report.to_markdown() and report.to_html())
