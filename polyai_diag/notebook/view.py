"""The panel's HTML: what runs, what came out, and links that save it."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, NamedTuple

from polyai_diag.model import Severity
from polyai_diag.notebook.progress import Moment
from polyai_diag.report.html import Asked, drawn_relays, drawn_sound, render_part
from polyai_diag.report.story import SEVERITY_MARKS, Story, roots_of
from polyai_diag.report.way import way

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from polyai_diag.analysis.paste import Pasted
    from polyai_diag.model import Issue, StepResult
    from polyai_diag.report import Report
    from polyai_diag.report.way import Mark


class Link(NamedTuple):
    """A form of the report, to be saved by the browser."""

    group: str
    label: str
    name: str
    href: str


def machine(name: str) -> str:
    """Say whose network a run will measure."""
    return render_part("machine", name)


def status(moment: Moment) -> str:
    """How much is done, one line on what goes on, and what a slow step waits for."""
    return render_part("status", moment)


def ended(text: str, aside: str = "", *, whole: bool = True) -> str:
    """Say how it stands where nothing goes on; `whole` fills the bar."""
    return render_part("status", Moment(100 if whole else 0, text, aside, "", {}, {}))


def alert(text: str) -> str:
    """One line on what went wrong; nothing for an empty text."""
    return render_part("alert", text) if text else ""


def live(steps: Mapping[str, StepResult], running: Mapping[str, str]) -> str:
    """Show the way of the call as far as it has come, and for how long what runs has run."""
    return render_part("way", way(steps, running))


def result(report: Report) -> str:
    """Show what is wrong and what to do, each cause with its proof."""
    return render_part("result", Story(report))


def pasted(found: Pasted) -> str:
    """Show what a paste was taken for, its causes and the faults of its form."""
    return render_part("pasted", found, roots_of(found.findings), _issues(found))


def note(text: str) -> str:
    """Return a few words to stand beneath something."""
    return render_part("note", text)


def tabs(report: Report) -> dict[str, str]:
    """Return title and content of each tab."""
    story = Story(report)
    browser = {"Browser": render_part("browser", story.browser)} if story.browser else {}
    return {
        "To send": render_part("letters", story),
        "Firewall": render_part("firewall", Asked(story.firewall)),
        "Network": render_part("network", story, drawn_relays(story)),
        "Audio": render_part("audio", story, drawn_sound(story)),
        **browser,
        "Report": render_part("saved", story, list(_links(report))),
    }


class Fault(NamedTuple):
    """A fault in the form of what was pasted, as it is shown."""

    issue: Issue
    mark: Mark


def _issues(found: Pasted) -> list[Fault]:
    """Return the worst first; what stands there by order stays so."""
    worst = list(Severity)
    issues = sorted(found.issues, key=lambda issue: worst.index(issue.severity))
    return [Fault(issue, SEVERITY_MARKS[issue.severity]) for issue in issues]


def _links(report: Report) -> Iterator[Link]:
    started = re.sub(r"\W+", "-", report.record.started)[:24]
    for group, shown in (("Save", report), ("Save without addresses", report.anonymized())):
        ending = "" if shown is report else "-anonymized"
        for label, mime, text in (
            ("HTML", "text/html", shown.to_html()),
            ("Markdown", "text/markdown", shown.to_markdown()),
            ("JSON", "application/json", shown.to_json()),
        ):
            suffix = {"Markdown": "md"}.get(label, label.lower())
            data = base64.b64encode(text.encode()).decode()
            href = f"data:{mime};charset=utf-8;base64,{data}"
            yield Link(group, label, f"polyai-diag-{started}{ending}.{suffix}", href)
