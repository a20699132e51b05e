"""What holds for all tests."""

import os
import secrets

import pytest
from hypothesis import settings

pytest_plugins = ["tests.matrix.plugin"]

# How long an example takes says how busy the machine is; pytest's own timeout ends what hangs.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say how much of the live table is run, and which sample."""
    parser.addoption("--whole", action="store_true", help="run every live case, not a sample")
    parser.addoption("--kind", help="only these live cases: single, variation, pair or healthy")
    # By the environment: the processes that share the tests out must draw the same.
    seed = int(os.environ.setdefault("POLYAI_DIAG_SEED", str(secrets.randbelow(10**6))))
    parser.addoption("--seed", type=int, default=seed, help="of the sample")
    parser.addoption("--healthy-calls", type=int, help="how many healthy calls are drawn anew")


def pytest_report_header(config: pytest.Config) -> str:
    """Print the seed, so that a failing sample can be drawn again."""
    return f"live sample: --seed {config.getoption('--seed')}"
