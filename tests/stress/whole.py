"""A report that is whole: valid by the schema that ships, and read back as it was."""

from __future__ import annotations

import json
from importlib import resources

from jsonschema import Draft202012Validator

from polyai_diag import Report
from polyai_diag.model import STEP_NAMES

_SCHEMA = resources.files("polyai_diag.report").joinpath("schema.json").read_text(encoding="utf-8")
_VALIDATOR = Draft202012Validator(json.loads(_SCHEMA))


def read_whole(text: str | bytes) -> Report:
    """Read a report's JSON; fail where a key is missing or it is judged otherwise than it says."""
    told = json.loads(text)
    _VALIDATOR.validate(told)
    report = Report.from_json(text)
    assert [step.name for step in report.steps] == list(STEP_NAMES)
    assert (report.verdict, list(report.root_causes)) == (told["verdict"], told["root_causes"])
    return report
