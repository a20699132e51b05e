"""Run some steps and print the report as JSON: for a network that only a process can enter."""

import json
import sys

from polyai_diag import IceServer, Target, diagnose_sync

asked = json.loads(sys.argv[1])
target = Target(
    "ws://127.0.0.1:1/",
    ice_servers=[IceServer(asked["urls"], asked["user"], asked["password"])],
    third_party=False,
)
sys.stdout.write(diagnose_sync(target, steps=asked["steps"]).to_json())
