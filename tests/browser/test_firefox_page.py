"""The page in a real Firefox ESR, as a customer uses it, and what comes back is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from polyai_diag.notebook.browser_page import render_page
from polyai_diag.sandbox import Sandbox
from tests.aio import in_loop_for, until
from tests.browser.checking import judged
from tests.browser.chromium import served
from tests.browser.firefox import Tab, firefox

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)

ALLOWED = {"media.navigator.permission.disabled": True}
REFUSED = {"permissions.default.microphone": 2}


_ASKED = "(document.querySelector('.question')?.hidden === false)"
_HEADLINE = "document.getElementById('headline')?.textContent"
_PLAYS = """(async () => {
    const context = new AudioContext();
    await Promise.race([context.resume(), new Promise((on) => setTimeout(on, 3000))]);
    return context.state === "running";
})()"""


async def use_page(tab: Tab, token: str) -> str:
    """Fill in the token, start, hear the tone; return the text that is to be sent."""
    await tab.evaluate(f"document.getElementById('token').value = {token!r}")
    await tab.evaluate("document.querySelector('#form .primary').click()")
    await tab.when(f"{_ASKED} || {_HEADLINE}")
    await tab.evaluate(f"{_ASKED} && document.querySelector('.question .primary').click()")
    await tab.when(_HEADLINE)
    return str(await tab.evaluate("document.getElementById('text').value"))


@pytest.mark.parametrize("from_disk", [True, False])
@in_loop_for(150)
async def test_granted_it_calls_and_nothing_is_named(tmp_path: Path, from_disk: bool) -> None:
    async with Sandbox(plain=True) as sandbox, firefox(tmp_path, **ALLOWED) as tab:
        told = sandbox.describe()
        file = tmp_path / "check.html"
        file.write_text(render_page(told["signaling_url"]), encoding="utf-8")
        with served(tmp_path) as url:
            await tab.open(file.as_uri() if from_disk else f"{url}check.html")
            text = await use_page(tab, told["token"])
            plays = await tab.evaluate(_PLAYS)
        await until(lambda: sandbox.active_calls == 0)
    pasted = judged(text)
    # Firefox lets no sound run where the machine has nothing to play it with.
    assert pasted.root_causes == (() if plays else ("playback-blocked",))
    assert plays or "is a speaker or headset connected?" in pasted.findings[0].summary
    assert told["token"] not in text
    assert pasted.record is not None
    assert pasted.record.environment["hostname"].startswith("Firefox ")
    assert pasted.record.step("audio").data["packets_received"] > 50


@in_loop_for(150)
async def test_the_microphone_refused_is_named_with_what_to_press(tmp_path: Path) -> None:
    async with Sandbox(plain=True) as sandbox, firefox(tmp_path, **REFUSED) as tab:
        told = sandbox.describe()
        file = tmp_path / "check.html"
        file.write_text(render_page(told["signaling_url"]), encoding="utf-8")
        await tab.open(file.as_uri())
        text = await use_page(tab, told["token"])
        todo = await tab.evaluate("document.querySelector('.todo').textContent")
    pasted = judged(text)
    denied = next(f for f in pasted.findings if f.id == "microphone-denied")
    assert not denied.explained_by
    assert denied.severity == "critical"
    assert "struck-out microphone" in denied.remedy
    assert "struck-out microphone" in str(todo)
