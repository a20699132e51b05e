"""Write the schema that ships with the package: python -m polyai_diag.report.schema."""

from __future__ import annotations

import json
import sys

from polyai_diag.report.report import json_schema

if __name__ == "__main__":
    json.dump(json_schema(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
