"""Judging a run to which a browser's check was joined: each place by itself, then told together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from polyai_diag.analysis.browser_joined import parted, places
from polyai_diag.causes import engine
from polyai_diag.causes.engine import CAUSES, Layer, rank
from polyai_diag.model import BROWSER, Evidence, Finding, Severity

if TYPE_CHECKING:
    from polyai_diag.causes.engine import Limit
    from polyai_diag.model import Record

HERE = "In the browser: "
_CONTROL = "Control: "


def judge(record: Record, limit: Limit = lambda judging: judging()) -> tuple[Finding, ...]:
    """Name the causes that the record has evidence for: roots first, the worst first.

    What a browser saw is judged by the same rules and apart from what the run saw: neither is the
    other's proof or control. A cause that both have met is named once, with the proof of both.
    """
    own, check = parted(record)
    found = engine.judge(own, limit)
    if check is None:
        return found
    begins = places(check)
    theirs = {f.id: _in_the_browser(f, begins) for f in engine.judge(check, limit)}
    met = {finding.id for finding in found}
    together = [_both(f, theirs[f.id]) if f.id in theirs else f for f in found]
    return tuple(sorted([*together, *(f for f in theirs.values() if f.id not in met)], key=rank))


def _in_the_browser(finding: Finding, begins: dict[str, int]) -> Finding:
    """Say where it was seen, and move its evidence to the tenth step."""
    row = CAUSES.get(finding.id)
    own = row is not None and row.layer is Layer.BROWSER  # its words say so already
    said = "" if own else HERE
    return msgspec.structs.replace(
        finding,
        title=f"{said}{finding.title}",
        summary=f"{said}{finding.summary}",
        evidence=tuple(_moved(item, begins, said) for item in finding.evidence),
    )


def _moved(item: Evidence, begins: dict[str, int], said: str) -> Evidence:
    at = None if item.observation is None else begins[item.step] + item.observation
    if item.control and said:
        text = f"{_CONTROL}{said.lower()}{item.text.removeprefix(_CONTROL)}"
    else:
        text = f"{said}{item.text}"
    return msgspec.structs.replace(item, step=BROWSER, observation=at, text=text)


def _both(own: Finding, theirs: Finding) -> Finding:
    """Make one of two: what is explained, or comes and goes, in one place alone is neither here."""
    every = tuple(dict.fromkeys((*own.explained_by, *theirs.explained_by)))
    explained = every if own.explained_by and theirs.explained_by else ()
    more = theirs.remedy.removeprefix(own.remedy)  # what is to be pressed in that browser
    return msgspec.structs.replace(
        own,
        severity=min(own.severity, theirs.severity, key=list(Severity).index),
        summary=f"{own.summary}; in the browser as well",
        evidence=(*own.evidence, *theirs.evidence),
        remedy=own.remedy if more == theirs.remedy else f"{own.remedy}{more}",
        explained_by=explained,
        flaky=own.flaky and theirs.flaky,
    )
