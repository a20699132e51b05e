"""Which checks of the path were answered at once, and what a long way must not be taken for."""

import pytest

from polyai_diag.probes.consent import answered_at_once
from polyai_diag.steps.packets import check_facts


def test_a_way_longer_than_the_time_to_ask_again_is_no_loss() -> None:
    """A satellite's round trip: each check is sent twice before its first answer comes."""
    facts = check_facts([620.0, 655.0, 640.0, 611.0])
    assert facts is not None
    assert (facts["sent"], facts["lost"]) == (4, 0)
    assert facts["rtt_ms"] == pytest.approx(633, abs=22)


def test_an_answer_to_the_second_request_is_a_loss_and_no_round_trip() -> None:
    checks_ms = [40.0, 545.0, 42.0, None, 41.0]
    assert answered_at_once(checks_ms) == [40.0, None, 42.0, None, 41.0]
    facts = check_facts(checks_ms)
    assert facts is not None
    assert facts["lost"] == 2
    assert facts["rtt_p95_ms"] == pytest.approx(42, abs=1)


def test_nothing_answered_is_all_lost() -> None:
    assert check_facts([None, None]) == {"sent": 2, "lost": 2}


def test_a_way_that_gets_long_shows_in_its_last_third() -> None:
    facts = check_facts([20.0] * 14 + [420.0] * 7)
    assert facts is not None
    assert facts["rtt_ms"] == 20
    assert (facts["rtt_late_ms"], facts["rtt_late_interval_ms"]) == (420, [420, 420])
    short = check_facts([20.0] * 6 + [420.0] * 7)
    assert short is not None
    assert "rtt_late_ms" not in short
