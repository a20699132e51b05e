"""The walk's panel without a browser: the walk follows each run, however it ends."""

from __future__ import annotations

from typing import Any

import pytest

from polyai_diag.notebook import walk_panel
from polyai_diag.notebook.walk_panel import WalkPanel
from polyai_diag.target import TargetError
from tests.aio import in_loop


class Shown:
    """IPython's display, and the handle that it returns."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __call__(self, what: Any, **_: object) -> Shown:
        self.seen.append(what)
        return self

    update = __call__


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    display = Shown()
    monkeypatch.setattr(walk_panel, "display", display)
    return display


def test_before_a_run_it_says_what_to_press(shown: Shown) -> None:
    WalkPanel("ice").walk()
    [note] = shown.seen
    assert repr(note) == "Nothing was measured yet: press Run in the panel."
    assert note._repr_html_().startswith('<p role="status">Nothing was measured')


@in_loop
async def test_it_follows_a_run(shown: Shown) -> None:
    panel = WalkPanel("unauthorized", fault="token-expired")
    panel.walk()
    report = await panel.run()
    assert report is panel.report
    _, running, after = shown.seen
    assert "A run is under way" in repr(running)
    assert after.next.title == "The token has expired."


@in_loop
async def test_a_run_that_cannot_be_leaves_it_as_it_was(shown: Shown) -> None:
    panel = WalkPanel("unauthorized", gateway="http://gateway.invalid/")
    panel.walk()
    with pytest.raises(TargetError):
        await panel.run()
    first, _, after = map(repr, shown.seen)
    assert after == first


@in_loop
async def test_without_a_place_a_run_is_as_any_other(shown: Shown) -> None:
    report = await WalkPanel("unauthorized").run()
    assert report.root_causes == ()
    assert shown.seen == []


@in_loop
async def test_in_voila_it_is_a_widget(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    panel = WalkPanel("unauthorized")
    panel.walk()
    [place] = shown.seen
    assert "press Run" in place.value
    await panel.run()
    assert "This token works from here" in place.value
    assert shown.seen == [place]
