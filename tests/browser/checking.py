"""The browser check in a real Chromium: its page as a person uses it, or its module alone."""

from __future__ import annotations

import json
import subprocess
import wave
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from playwright.async_api import async_playwright

from polyai_diag.analysis.paste import Pasted, read_paste
from polyai_diag.notebook.browser_page import module_source
from tests.browser.chromium import ARGUMENTS, SAMPLE_RATE_HZ, served, write_tone
from tests.real.needs import need

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from playwright.async_api import BrowserContext, Page

FAKE_UI, FAKE_DEVICE = "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"
ELSEWHERE = "elsewhere.test"  # a name of this machine that is no secure context over http
_RESOLVE = (
    f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1, "
    f"MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
)
_RUN = "options => import('/check.mjs').then(check => check.runCheck(options))"
_SHOWN = """import fs from "node:fs"; const check = await import(process.argv[1]);
const results = JSON.parse(fs.readFileSync(process.argv[2]));
console.log(JSON.stringify(results.map((result) => check.shownCauses(result))));"""
SHORT = {"listenS": 2, "holdS": 2}


@asynccontextmanager
async def browser_context(
    folder: Path,
    *,
    without: Sequence[str] = (),
    silent: bool = False,
    resolve: str = "",
    **options: Any,
) -> AsyncIterator[BrowserContext]:
    """Open Chromium with a tone for a microphone, or silence; `without` some of its arguments.

    `resolve` adds to the rules by which it resolves host names.
    """
    program = need("chromium", install="apt-get install chromium")
    microphone = folder / "microphone.wav"
    (write_silence if silent else write_tone)(microphone)
    kept = [a for a in ARGUMENTS if a not in without and not a.startswith("--host-resolver")]
    names = _RESOLVE.replace("rules=", f"rules={resolve}, ") if resolve else _RESOLVE
    arguments = [*kept, names, f"--use-file-for-fake-audio-capture={microphone}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield await browser.new_context(ignore_https_errors=True, **options)
        finally:
            await browser.close()


async def check_in(
    context: BrowserContext,
    folder: Path,
    options: dict[str, Any],
    *,
    headers: dict[str, str] | None = None,
    host: str = "localhost",
) -> dict[str, Any]:
    """Run the module in an empty page that is served with these headers; return its result."""
    (folder / "check.mjs").write_text(module_source(), encoding="utf-8")
    (folder / "index.html").write_text("<!doctype html><title>A page</title>", encoding="utf-8")
    page = await context.new_page()
    with served(folder, headers) as url:
        await page.goto(url.replace("localhost", host))
        result: dict[str, Any] = await page.evaluate(_RUN, {**SHORT, **options})
    return result


async def use_page(page: Page, token: str, *, heard: bool = True) -> str:
    """Do what a person does with the page that is open; return the text that is to be sent."""
    await page.get_by_label("Token").fill(token)
    await page.get_by_role("button", name="Start the check").click()
    await page.get_by_role("button", name="Yes, I heard it" if heard else "No").click(
        timeout=60_000
    )
    await page.locator("#headline").wait_for()
    return await page.locator("#text").input_value()


def judged(result: dict[str, Any] | str) -> Pasted:
    """Judge a result as `polyai-diag analyze` does."""
    text = result if isinstance(result, str) else json.dumps(result)
    pasted = read_paste(text, datetime.now(UTC))
    assert pasted is not None
    assert pasted.kind == "a browser check"
    return pasted


def shown_by_the_page(results: Sequence[dict[str, Any]], folder: Path) -> list[list[str]]:
    """Return the causes that the page would show for each of these results."""
    module, saved = folder / "shown.mjs", folder / "results.json"
    module.write_text(module_source(), encoding="utf-8")
    saved.write_text(json.dumps(results), encoding="utf-8")
    node = str(need("node", install="apt-get install nodejs"))
    command = [node, "--input-type=module", "-e", _SHOWN, module.as_uri(), str(saved)]
    shown: list[list[str]] = json.loads(subprocess.check_output(command, text=True))
    return shown


def write_silence(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(bytes(2 * SAMPLE_RATE_HZ))
