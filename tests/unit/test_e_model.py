"""The E-model against its formulae by hand, and the table of G.109."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.analysis.e_model import (
    OPUS,
    Band,
    Codec,
    band_of,
    burst_ratio_of,
    delay_impairment,
    estimate,
    mos_of,
    mouth_to_ear_ms,
)

CLEAN = Codec(0.0, 10.0, 8.0, "none")


@pytest.mark.parametrize(
    ("r", "mos"),
    [(93.2, 4.41), (90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58), (100, 4.5), (0, 1)],
)
def test_the_mos_of_a_rating_is_that_of_g_107_and_g_109(r: float, mos: float) -> None:
    assert mos_of(r) == pytest.approx(mos, abs=0.011)


@pytest.mark.parametrize(
    ("delay_ms", "idd"),
    [(0, 0), (100, 0), (200, 3.044), (400, 24.070), (800, 40.832)],
)
def test_delay_impairs_by_the_formula(delay_ms: float, idd: float) -> None:
    """By hand at 200 ms: X = 1, 25·(2^⅙ − 3·(1 + 3⁻⁶)^⅙ + 2) = 25·(1.12246 − 3.00069 + 2).

    At 800 ms: X = 3, 25·(730^⅙ − 3·2^⅙ + 2) = 25·(3.00069 − 3.36739 + 2).
    """
    assert delay_impairment(delay_ms) == pytest.approx(idd, abs=0.01)


def test_a_clean_call_has_the_best_rating_of_its_band() -> None:
    clean = {band: estimate(one_way_ms=50, loss_percent=0, band=band, codec=CLEAN) for band in Band}
    assert [clean[band].r for band in Band] == [93.2, 129, 148]
    assert clean[Band.NARROW].mos == pytest.approx(4.41, abs=0.005)
    assert clean[Band.WIDE].mos == clean[Band.FULL].mos == 4.5


def test_loss_impairs_by_the_formula() -> None:
    """By hand: 10.67 + (132 − 10.67)·3 / (3 + 9.79) = 39.13, R = 108.87, R/1.48 = 73.56."""
    found = estimate(one_way_ms=80, loss_percent=3)
    assert found.r == pytest.approx(148 - 39.13, abs=0.01)
    assert found.mos == pytest.approx(3.76, abs=0.01)
    assert found.inputs["codec"]["bpl_used"] == OPUS.bpl
    bursts = estimate(one_way_ms=80, loss_percent=3, burst_ratio=3)
    assert bursts.r == pytest.approx(148 - 10.67 - 121.33 * 3 / (1 + 8.04), abs=0.01)


def test_a_narrow_band_call_with_delay_and_loss() -> None:
    """By hand: 93.2 − 24.07 − 95·2 / (2 + 10) = 53.30."""
    found = estimate(one_way_ms=400, loss_percent=2, band=Band.NARROW, codec=CLEAN)
    assert found.r == pytest.approx(53.30, abs=0.01)


def test_the_data_is_labelled_and_holds_the_inputs() -> None:
    data = estimate(one_way_ms=120, loss_percent=1.5, burst_ratio=1.4).data
    assert "estimate" in data["label"]
    assert (data["one_way_ms"], data["loss_percent"], data["burst_ratio"]) == (120, 1.5, 1.4)
    assert (data["band"], data["codec"]["ie"]) == ("full", 10.67)
    assert "no ITU value" in data["codec"]["source"]


@pytest.mark.parametrize("wrong", [{"one_way_ms": -1}, {"loss_percent": 101}, {"burst_ratio": -1}])
def test_what_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="no such call"):
        estimate(**{"one_way_ms": 50, "loss_percent": 0, **wrong})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no such call"):
        estimate(one_way_ms=float("nan"), loss_percent=0)


MS = st.floats(0, 5_000)
PERCENT = st.floats(0, 100)
RATIO = st.floats(0, 50)
BANDS = st.sampled_from(list(Band))


@given(MS, MS, PERCENT, PERCENT, RATIO, RATIO, BANDS)
def test_worse_is_never_better(
    ms: float, more_ms: float, loss: float, more_loss: float, ratio: float, more: float, band: Band
) -> None:
    better = estimate(one_way_ms=ms, loss_percent=loss, burst_ratio=ratio, band=band)
    worse = estimate(
        one_way_ms=max(ms, more_ms),
        loss_percent=max(loss, more_loss),
        burst_ratio=max(ratio, more),
        band=band,
    )
    assert worse.r <= better.r + 1e-9
    assert 1 <= worse.mos <= better.mos + 1e-9 <= 4.5 + 1e-9


@given(st.floats(0, 24_000), st.floats(0, 24_000))
def test_the_bands_leave_no_gap(one_hz: float, other_hz: float) -> None:
    order = list(Band)
    low, high = sorted((one_hz, other_hz))
    assert order.index(band_of(low)) <= order.index(band_of(high))


def test_bands_by_bandwidth() -> None:
    edges = (0, 3_400, 4_499.9, 4_500, 7_000, 8_499.9, 8_500, 12_000, 20_000)
    assert [band_of(hz).value[0] for hz in edges] == list("nnnwwwfff")


def test_what_a_round_trip_and_bursts_become() -> None:
    assert mouth_to_ear_ms(100) == pytest.approx(50 + 20 + 6.5 + 40)
    assert burst_ratio_of(1.0, 0) == 1.0
    assert burst_ratio_of(4.0, 10) == pytest.approx(3.6)
