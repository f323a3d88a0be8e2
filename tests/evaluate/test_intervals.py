import math

import numpy as np
import pytest

from riskradar.evaluate.events import Event
from riskradar.evaluate.intervals import claim, resample, stretch
from riskradar.evaluate.report import Score


def test_every_draw_has_as_many_sessions_as_the_span_and_the_first_row_is_the_sample() -> None:
    plan = resample(500, [], [], 50, 40, 0.9, 0)
    assert (plan.weights[0] == 1).all()
    assert (plan.weights.sum(axis=1) == 500).all()
    assert plan.weights[1:].std() > 0.5


def test_draws_depend_on_the_seed_alone() -> None:
    first, again, other = (resample(300, [], [], 20, 40, 0.9, seed).weights for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_blocks_have_the_stated_mean_length() -> None:
    weights = resample(4000, [], [], 200, 50, 0.9, 3).weights[1:]
    borders = (np.diff(weights, axis=1) != 0).sum(axis=1).mean()  # each block starts and ends one run of equal weights
    assert borders == pytest.approx(2 * 4000 / 50, rel=0.1)


def test_interval_covers_the_mean_of_an_autoregressive_process() -> None:
    rng, n, phi, inside = np.random.default_rng(7), 1500, 0.9, 0
    plan = resample(n, [], [], 200, 60, 0.9, 0)
    for _ in range(120):
        x, shocks = np.empty(n), rng.normal(size=n)
        x[0] = shocks[0] / math.sqrt(1 - phi**2)
        for t in range(1, n):
            x[t] = phi * x[t - 1] + shocks[t]
        low, high = plan.interval(plan.weights @ x / plan.weights.sum(axis=1))
        inside += low <= 0 <= high
    assert 0.78 <= inside / 120 <= 0.97  # independent draws would cover about a third


def test_independent_draws_would_not_cover() -> None:
    """The test above can fail: blocks of one session ignore the memory of the process."""
    rng, n, inside = np.random.default_rng(7), 1500, 0
    plan = resample(n, [], [], 200, 1, 0.9, 0)
    for _ in range(60):
        x, shocks = np.zeros(n), rng.normal(size=n)
        for t in range(1, n):
            x[t] = 0.9 * x[t - 1] + shocks[t]
        low, high = plan.interval(plan.weights @ x / plan.weights.sum(axis=1))
        inside += low <= 0 <= high
    assert inside / 60 < 0.6


def test_left_out_events_give_the_range_of_the_targets_own_depth() -> None:
    x = np.array([1.0, 2, 3, 10])
    plan = resample(4, [np.arange(4) == 3, np.arange(4) == 0], [0.12, 0.06], 20, 2, 0.9, 0)
    means = plan.weights @ x / plan.weights.sum(axis=1)
    assert (plan.score(means, 0.05, "").event_low, plan.score(means, 0.05, "").event_high) == (2, 5)
    assert (plan.score(means, 0.10, "").event_low, plan.score(means, 0.10, "").event_high) == (2, 2)
    assert math.isnan(plan.score(means, 0.20, "").event_low)


def test_interval_of_mostly_undefined_draws_is_undefined() -> None:
    plan = resample(10, [], [], 100, 2, 0.9, 0)
    values = np.r_[0.5, np.full(85, 0.5), np.full(15, np.nan)]
    assert math.isnan(plan.interval(values)[0])
    assert plan.interval(np.r_[0.5, np.full(95, 0.5), np.full(5, np.nan)]) == (0.5, 0.5)


def test_undefined_value_carries_its_reason() -> None:
    score = resample(10, [], [], 20, 2, 0.9, 0).score(np.full(21, np.nan), 0.1, "no alarm was raised")
    assert math.isnan(score.value)
    assert score.reason == "no alarm was raised"


def test_stretch_runs_from_before_the_peak_to_the_recovery() -> None:
    assert np.flatnonzero(stretch(Event(10, 12, 15, 20, 0.1), 5, 30, 3)).tolist() == list(range(2, 15))
    assert np.flatnonzero(stretch(Event(10, 12, 15, None, 0.1), 5, 30, 3)).tolist() == list(range(2, 13))


@pytest.mark.parametrize(("low", "event_low", "shown"), [(0.01, 0.02, True), (-0.01, 0.02, False), (0.01, -0.02, False), (0.01, math.nan, False)])
def test_a_claim_needs_both_ranges_above_zero(low: float, event_low: float, shown: bool) -> None:
    made = claim(Score(0.05, "", low, 0.1, event_low, 0.1), "radar (20/5)", "vix")
    assert made.shown is shown
    assert made.sentence.endswith("not shown.") is not shown
