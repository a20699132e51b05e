"""Run some steps as standard input asks; print the report as JSON, and how much memory they took.

For a network, a clock or an environment that only a process of its own can have.
"""

import json
import resource
import sys

from polyai_diag import IceServer, Target, diagnose_sync
from polyai_diag.runner import Runner as _  # noqa: F401 - loads what the steps need beforehand


def peak_mb() -> float:
    """Return the most memory that this process has had."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


asked = json.load(sys.stdin)
options = asked["target"]
if options.get("ice_servers") is not None:
    options["ice_servers"] = [IceServer(**server) for server in options["ice_servers"]]
loaded_mb = peak_mb()
report = diagnose_sync(Target(**options), steps=asked["steps"]).to_json()
print(json.dumps({"report": report, "grown_mb": peak_mb() - loaded_mb}))
