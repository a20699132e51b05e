"""Run some steps as standard input asks, and print the report as JSON.

For a network, a clock or an environment that only a process of its own can have.
"""

import json
import sys

from polyai_diag import IceServer, Target, diagnose_sync

asked = json.load(sys.stdin)
options = asked["target"]
if options.get("ice_servers") is not None:
    options["ice_servers"] = [IceServer(**server) for server in options["ice_servers"]]
report = diagnose_sync(Target(**options), steps=asked["steps"])
sys.stdout.write(report.to_json())
