"""The notebook's widget with a model of our own: what is typed into it, and where it may stand."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag.notebook.browser_page import widget_source, widget_styles
from polyai_diag.sandbox import Sandbox
from tests.aio import in_loop_for
from tests.browser.checking import ELSEWHERE, browser_context, judged
from tests.browser.chromium import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import BrowserContext, Page

pytestmark = pytest.mark.chromium

_VS_CODE = "webview.vscode-cdn.net"  # as VS Code in a browser serves a notebook's outputs
_PAGE = """<!doctype html><meta charset="utf-8"><title>A notebook</title><style>STYLES</style>
<div id="at"></div><script type="module">
import widget from "./widget.mjs";
const hearers = [];
const state = { key: "one", shown: { phase: "ready" }, ...ASKED };
globalThis.sent = [];
globalThis.model = {
  get: (name) => state[name],
  set: (name, value) => { state[name] = value; },
  save_changes: () => { sent.push(structuredClone(state)); tell("change:shown"); },
  on: (names, hear) => names.split(" ").forEach((name) => hearers.push([name, hear])),
  off: () => {},
  send: (message) => {
    sent.push(message);
    if (message.type !== "here") return;
    tell("msg:custom", { type: "go", tab: message.tab, run: "run-1", options: OPTIONS });
  },
};
function tell(name, ...given) {
  for (const [of, hear] of hearers) if (of === name) hear(...given);
}
widget.initialize({ model });
widget.render({ model, el: document.getElementById("at") });
</script>"""


@asynccontextmanager
async def shown(
    context: BrowserContext,
    folder: Path,
    host: str = "localhost",
    asked: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Page]:
    """Show the widget in a page of this host; its kernel hands over these options."""
    told = {"asked": asked or {"where": "", "has_token": False}}
    given = {"url": "", "token": "", "iceServers": [], "listenS": 2, "holdS": 2, **options}
    text = _PAGE.replace("STYLES", widget_styles()).replace("ASKED", json.dumps(told))
    (folder / "index.html").write_text(text.replace("OPTIONS", json.dumps(given)), "utf-8")
    (folder / "widget.mjs").write_text(widget_source(), encoding="utf-8")
    page = await context.new_page()
    with served(folder) as url:
        await page.goto(url.replace("localhost", host))
        yield page


async def _result(page: Page) -> dict[str, Any]:
    await page.locator(".headline").wait_for()
    found = await page.evaluate("sent.find((one) => one.type === 'result').result")
    return dict(found)


@in_loop_for(60)
async def test_a_token_that_is_typed_stays_in_the_browser(tmp_path: Path) -> None:
    async with Sandbox() as sandbox, browser_context(tmp_path) as context:
        told = sandbox.describe()
        asked = {"where": "gateway.example", "has_token": False}
        options: dict[str, Any] = {
            "url": told["signaling_url"],
            "iceServers": None,
            "skip": ["speaker"],
        }
        async with shown(context, tmp_path, asked=asked, **options) as page:
            await page.get_by_label("Token").fill(told["token"])
            await page.keyboard.press("Enter")
            result = await _result(page)
            sent = await page.evaluate("JSON.stringify(sent)")
            markup = await page.content()
            await page.get_by_role("button", name="Check again").click()
            assert await page.get_by_label("Token").input_value() == ""
    assert judged(result).root_causes == ()
    assert result["call"]["session_id"]  # the call was placed, with that token
    assert result["place"] == "notebook"
    assert told["token"] not in sent
    assert told["token"] not in markup


@in_loop_for(60)
async def test_without_a_token_no_call_is_placed(tmp_path: Path) -> None:
    async with browser_context(tmp_path) as context:
        asked = {"where": "gateway.example", "has_token": False}
        options: dict[str, Any] = {
            "url": "wss://127.0.0.1:1/signal",
            "iceServers": None,
            "skip": ["speaker"],
        }
        async with shown(context, tmp_path, asked=asked, **options) as page:
            await page.get_by_role("button", name="Start the check").click()
            result = await _result(page)
            headline = await page.locator(".headline").inner_text()
    assert headline == "Nothing wrong was found; no call was placed"
    assert judged(result).findings == ()


@in_loop_for(60)
async def test_vs_code_is_told_to_take_the_page_and_nobody_is_blamed(tmp_path: Path) -> None:
    resolve = f"MAP {_VS_CODE} 127.0.0.1"
    async with (
        browser_context(tmp_path, resolve=resolve) as context,
        shown(context, tmp_path, _VS_CODE, skip=["speaker"]) as page,
    ):
        hint = await page.locator(".press").inner_text()
        await page.get_by_role("button", name="Start the check").click()
        result = await _result(page)
    assert "polyai-diag page" in hint
    seen = {one["operation"] for one in result["observations"]}
    assert "microphone_open" not in seen
    assert {"webrtc_support", "opus_support"} <= seen


@in_loop_for(60)
async def test_a_notebook_that_is_not_served_securely(tmp_path: Path) -> None:
    async with (
        browser_context(tmp_path) as context,
        shown(context, tmp_path, ELSEWHERE, skip=["speaker"]) as page,
    ):
        hint = await page.locator(".press").inner_text()
        await page.get_by_role("button", name="Start the check").click()
        result = await _result(page)
    assert "ssh -L" in hint
    assert ELSEWHERE in hint
    assert judged(result).root_causes == ("insecure-context",)
