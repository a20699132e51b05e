from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from polyai_diag.report.markdown_text import code, fenced, text
from polyai_diag.report.story import Story
from tests.faces import records
from tests.faces.records import HOSTILE, LONG

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag.report import Report

GITHUB = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

ATTACKS = [
    HOSTILE,
    LONG,
    "# heading",
    "1. list",
    "- list",
    "a | b",
    "``` fence",
    "`` `a` ``",
    "**bold** _em_ ~~gone~~",
    "[text](http://evil.example)",
    "![image](http://evil.example)",
    "<http://evil.example>",
    "http://evil.example www.evil.example a@evil.example @team",
    "&lt;b&gt;",
    "ends with \\",
    "=====",
]


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_text_stays_text(attack: str) -> None:
    tokens = GITHUB.parse(f"- {text(attack)}\n")
    inline = [token for token in tokens if token.type == "inline"]
    assert [token.type for token in tokens] == [
        *("bullet_list_open", "list_item_open", "paragraph_open", "inline"),
        *("paragraph_close", "list_item_close", "bullet_list_close"),
    ]
    kinds = {child.type for token in inline for child in token.children or []}
    assert kinds <= {"text", "text_special"}


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
@pytest.mark.parametrize("escape", [text, code])
def test_cell_stays_a_cell(attack: str, escape: Callable[[str], str]) -> None:
    html = GITHUB.render(f"| a | b |\n| --- | --- |\n| {escape(attack)} | end |\n")
    assert html.count("<td>") == 2
    assert "<td>end</td>" in html
    for tag in ("<script", "<img", "<a ", "<b>", "<em>", "<strong>"):
        assert tag not in html


@pytest.mark.parametrize("make", records.ALL, ids=lambda make: make.__name__)
def test_report_holds_no_html_and_no_link(make: Callable[[], Report]) -> None:
    tokens = GITHUB.parse(make().to_markdown())
    children = [child for token in tokens for child in token.children or []]
    kinds = {token.type for token in [*tokens, *children]}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "code_block"}
    headings = [token.tag for token in tokens if token.type == "heading_open"]
    assert headings.count("h1") == 1


@pytest.mark.parametrize("make", records.ALL, ids=lambda make: make.__name__)
def test_texts_to_send_stay_in_their_fences(make: Callable[[], Report]) -> None:
    report = make()
    fences = [t.content for t in GITHUB.parse(report.to_markdown()) if t.type == "fence"]
    assert fences == [f"{letter.text}\n" for letter in Story(report).letters]


@pytest.mark.parametrize("attack", [*ATTACKS, "```\n# out", "````", "~~~\n```"])
def test_no_text_leaves_its_fence(attack: str) -> None:
    tokens = GITHUB.parse("\n".join([*fenced(attack), "end"]))
    assert [token.type for token in tokens][:2] == ["fence", "paragraph_open"]
    assert tokens[0].content.rstrip("\n") == attack.rstrip("\n")
    assert tokens[2].content == "end"


def test_report_is_bounded() -> None:
    assert len(records.hostile().to_markdown()) < 60_000


def test_first_line_holds_what_can_be_searched_for() -> None:
    first = records.udp_blocked().to_markdown().splitlines()[0]
    for searched in ("polyai-diag-6f1c", "550e8400", "us-1", "23 Nov 2026 14:02:11 UTC"):
        assert searched in first


def test_order_is_wrong_whose_do_way_proof() -> None:
    markdown = records.udp_blocked().to_markdown()
    told = [
        "# ! UDP is blocked",
        "This measured the network of **support-lab-3**",
        "## What to do",
        "guide “ICE connection fails”",
        "## For whom to act",
        "### The network team: acts first",
        "### The customer: nothing to do",
        "## What to ask the network team for",
        "| least | UDP | `turn.example.net` |",
        "## The way of the call",
        "| **STUN** | ✕ fails | UDP blocked |",
        "## The way to the gateway",
        "## Proof",
        "explains `stun-unreachable`",
        "## TURN: UDP, TCP and TLS side by side",
        "## Candidates and pairs",
        "## Measured",
        "## All steps",
    ]
    places = [markdown.find(words) for words in told]
    assert -1 not in places, told[places.index(-1)]
    assert places == sorted(places)
