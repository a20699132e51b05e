"""The panel's HTML: what runs, what came out, and links that save it."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, NamedTuple

from polyai_diag.report.html import Asked, drawn_relays, drawn_sound, render_part
from polyai_diag.report.story import Story
from polyai_diag.report.way import way

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from polyai_diag.model import StepResult
    from polyai_diag.report import Report


class Link(NamedTuple):
    """A form of the report, to be saved by the browser."""

    group: str
    label: str
    name: str
    href: str


def machine(name: str) -> str:
    """Say whose network a run will measure."""
    return render_part("machine", name)


def status(text: str, aside: str = "", percent: int = 0) -> str:
    """How much is done, and one line on what goes on."""
    return render_part("status", text, aside, percent)


def alert(text: str) -> str:
    """One line on what went wrong; nothing for an empty text."""
    return render_part("alert", text) if text else ""


def live(steps: Mapping[str, StepResult], running: Collection[str]) -> str:
    """Show the way of the call as far as it has come."""
    return render_part("way", way(steps, running))


def result(report: Report) -> str:
    """Show what is wrong and what to do."""
    return render_part("result", Story(report))


def tabs(report: Report) -> dict[str, str]:
    """Return title and content of each tab."""
    story = Story(report)
    return {
        "Proof": render_part("proof", story),
        "To send": render_part("letters", story),
        "Firewall": render_part("firewall", Asked(story.firewall)),
        "Network": render_part("network", story, drawn_relays(story)),
        "Audio": render_part("audio", story, drawn_sound(story)),
        "Report": render_part("saved", story, list(_links(report))),
    }


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
