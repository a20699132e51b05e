"""A missing program is a skip at home and a failure on CI."""

import sys
from pathlib import Path

import pytest

from tests.real.needs import need


@pytest.mark.parametrize(
    ("ci", "outcome"),
    [("true", pytest.fail.Exception), ("", pytest.skip.Exception)],
)
def test_a_missing_program(
    ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no-such-program is missing: ask your grocer"):
        need("no-such-program", install="ask your grocer")


def test_a_program_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    python = Path(sys.executable)
    monkeypatch.setenv("PATH", str(python.parent))
    assert need(python.name, install="") == python
