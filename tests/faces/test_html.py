from __future__ import annotations

import json
import re
from collections import Counter
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from tests.faces import records

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag.report import Report

_VOID = {"meta", "br", "img", "input", "link"}


class Page(HTMLParser):
    """What a browser would make of it: tags, attributes, text; unclosed tags fail."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self._inside: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self._inside.append((self._open[-1] if self._open else "", data))
        if data.strip() and (not self._open or self._open[-1] not in ("style", "script", "title")):
            self.words.append(" ".join(data.split()))

    def texts_of(self, tag: str) -> list[str]:
        return [data for inside, data in self._inside if inside == tag]

    @property
    def text(self) -> str:
        return " ".join(self.words)


EVERY = pytest.mark.parametrize("make", records.ALL, ids=lambda make: make.__name__)


@EVERY
def test_page_asks_nothing_of_the_network(make: Callable[[], Report]) -> None:
    html = make().to_html()
    asking = ("src", "href", "srcset", "action", "xlink:href", "poster", "data")
    asked = [a for a in Page(html).attributes if a[1] in asking]
    assert all((tag, name) == ("a", "href") for tag, name, _ in asked)
    assert all(re.match(r"data:[a-z]+/[a-z]+;charset=utf-8;base64,", link) for _, _, link in asked)
    assert not re.search(r"@import|url\(", re.sub(r"<pre.*?</pre>", "", html, flags=re.DOTALL))
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html


@EVERY
def test_page_has_one_script_and_the_fragment_none(make: Callable[[], Report]) -> None:
    report = make()
    page, fragment = Page(report.to_html()), Page(report._repr_html_())
    assert page.tags["script"] == 1
    assert fragment.tags["script"] == 0
    assert fragment.tags["html"] == fragment.tags["button"] == 0
    assert page.tags["a"] == sum(name == "download" for _, name, _ in page.attributes)
    assert fragment.tags["a"] == 0
    for shown in (page, fragment):
        assert shown.tags["img"] == shown.tags["iframe"] == 0
        assert not [a for a in shown.attributes if a[1].startswith("on") or a[1] == "id"]


@EVERY
def test_page_begins_with_what_can_be_searched_for(make: Callable[[], Report]) -> None:
    report = make()
    words = Page(report.to_html()).words
    assert words[0] == " ".join(report.record.call.call_sid.split())[:400].replace(
        "\u202e", "\ufffd"
    )


def test_fragment_leaks_no_style() -> None:
    css = re.findall(r"<style>(.*?)</style>", records.healthy()._repr_html_(), re.DOTALL)
    css = [re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL) for sheet in css]
    assert len(css) == 1
    depth, outside = 0, ""
    for part in re.split(r"([{}])", css[0]):
        depth += {"{": 1, "}": -1}.get(part, 0)
        outside += part if depth == 0 and part != "}" else ""
    selectors = [s.strip() for s in re.split(r"[,\n]", outside) if s.strip()]
    assert selectors
    assert all(".polyai-diag" in selector for selector in selectors)


def test_hostile_text_is_bounded() -> None:
    hostile = records.hostile().to_html()
    assert len(hostile) < 300_000
    assert "n" * 401 not in hostile
    assert "\u202e" not in hostile


def test_json_in_the_page_is_the_report_and_shows_what_is_invisible() -> None:
    report = records.Judged(records.record(records.step("stun", reason=records.HOSTILE)))
    html = report.to_html()
    shown = Page(html).texts_of("pre")[-1]
    assert "\u202e" not in html
    assert json.loads(shown) == json.loads(report.to_json())


def test_healthy_page_says_so() -> None:
    text = Page(records.healthy().to_html()).text
    assert "Healthy The call works" in text
    assert "session 550e8400-e29b-41d4-a716-446655440000" in text
    assert "23 Nov 2026 14:02:11 UTC" in text
    assert "This measured the network of support-lab-3" in text
    assert "Not measured: the customer's browser, microphone and speaker" in text
    assert "Proof" not in text


def test_blocked_page_tells_cause_remedy_and_what_follows() -> None:
    text = Page(records.udp_blocked()._repr_html_()).text
    told = [
        "Works, with warnings",
        "UDP is blocked between this network and the internet",
        "What to do",
        "Keep turns:turn.example.net:443?transport=tcp in the client",
        "Guide: “ICE connection fails”",
        "For whom to act",
        "The network team",
        "acts first",
        "What to ask the network team for",
        "3 of 6 lines are blocked",
        "The least: calls need these in any case",
        "UDP 3478 turn.example.net 203.0.113.20 resolved 2026-11-23 14:02:11 UTC",
        "Also met by this run",
        "The way of the call",
        "the way breaks here",
        "The way to the gateway",
        "Proof",
        "12 STUN requests to 2 servers",
        "Explained by this: 2 more findings",
        "media-ports-blocked",
        "TURN: UDP, TCP and TLS side by side",
        "challenge: no answer",
        "Candidates and pairs",
        "Measured",
        "When each step ran",
        "All steps, with what each saw",
        "Target, environment and versions",
    ]
    place = 0
    for words in told:
        place = text.find(words, place)
        assert place >= 0, words


def test_each_finding_is_shown_once_in_the_proof() -> None:
    html = records.udp_blocked()._repr_html_()
    assert html.count('<code class="pd-soft">media-ports-blocked</code>') == 1


def test_cancelled_run_says_what_is_missing() -> None:
    text = Page(records.cancelled().to_html()).text
    assert "Not finished The run was stopped: 2 of 9 steps are unfinished" in text


def test_without_a_call_nobody_says_that_the_call_works() -> None:
    left_out = [records.skipped(name) for name in ("opus", "call", "audio")]
    text = Page(records.Judged(records.record(*left_out)).to_html()).text
    assert "The call works" not in text
    assert "no call placed" in text


def test_pictures_have_words() -> None:
    page = Page(records.healthy().to_html())
    labels = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    assert labels == [
        (
            "Round trip through the relay, median and 95th percentile: UDP 3478 41 / 56 ms, "
            "lost 0 of 40; TCP 3478 44 / 59 ms, lost 0 of 40; TLS 443 59 / 74 ms, lost 0 of 40"
        ),
        "Spectrum of the audio, sent and received; the received band ends at 16.8 kilohertz",
    ]
    assert ("svg", "role", "img") in page.attributes


def test_pictures_follow_the_theme() -> None:
    pictures = re.findall(r"<svg.*?</svg>", records.healthy().to_html(), re.DOTALL)
    assert len(pictures) == 2
    for svg in pictures:
        colours = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", svg))
        assert all(colour == "none" or colour.startswith("var(") for colour in colours), colours
        assert "http" not in svg
