"""The schema of a report; `python -m polyai_diag.report.schema` prints it, to ship it."""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec

from polyai_diag.model import Finding, Record, Verdict
from polyai_diag.report.handover import Handover


class Document(Record, frozen=True, kw_only=True):
    """The JSON of a report: the record's keys, and the judgement's."""

    verdict: Verdict
    root_causes: tuple[str, ...]
    findings: tuple[Finding, ...]
    handover: Handover


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a report (2020-12), from the types that write it.

    Every key is required, since every key is written; others may be added.
    """
    schema = msgspec.json.schema(Document)
    for definition in schema["$defs"].values():
        if "properties" in definition:
            definition["required"] = list(definition["properties"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


if __name__ == "__main__":
    json.dump(json_schema(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
