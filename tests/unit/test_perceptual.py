"""ViSQOL: named when it is missing, and right about what is alike where it is there."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from polyai_diag.analysis.audio.perceptual import PerceptualError, visqol_mos

THERE = importlib.util.find_spec("visqol") is not None
SOUND = np.random.default_rng(0).normal(0, 0.1, (48_000, 1)).astype(np.float32)


@pytest.mark.skipif(THERE, reason="visqol-python is installed")
def test_without_it_one_line_says_what_to_install() -> None:
    with pytest.raises(
        PerceptualError, match=r"^ViSQOL is not installed: pip install .*perceptual"
    ):
        visqol_mos(SOUND, SOUND, 48_000)


@pytest.mark.skipif(not THERE, reason="needs visqol-python, the extra `perceptual`")
@pytest.mark.parametrize("bad", [SOUND[:100], np.zeros_like(SOUND)])
def test_what_cannot_be_compared_is_one_line(bad: np.ndarray) -> None:
    with pytest.raises(PerceptualError, match=r"^ViSQOL"):
        visqol_mos(SOUND, bad, 48_000)
