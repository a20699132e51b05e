"""axe-core in a page: what bars people who cannot see, point or tell colours apart."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.real.needs import do_without

if TYPE_CHECKING:
    from playwright.sync_api import Page

_AXE = Path(__file__).parents[2] / ".venv/axe/node_modules/axe-core/axe.min.js"
_GRAVE = ("serious", "critical")
_RUN = """([selector, rules]) => axe.run(selector, {resultTypes: ["violations"], rules})
  .then((found) => found.violations)"""


@cache
def _source() -> str:
    if not _AXE.is_file():
        do_without("axe-core is missing: make .venv/axe (needs npm)")
    return _AXE.read_text(encoding="utf-8")


def violations(page: Page, selector: str, *, leave_out: tuple[str, ...] = ()) -> list[str]:
    """Return what is seriously or critically wrong within the first element of this selector."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_source())
    rules = {name: {"enabled": False} for name in leave_out}
    found: list[dict[str, Any]] = page.evaluate(_RUN, [selector, rules])
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {node['html'][:200]}: "
        f"{node['failureSummary']}"
        for rule in found
        if rule["impact"] in _GRAVE
        for node in rule["nodes"]
    ]
