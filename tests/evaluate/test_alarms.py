"""Thresholds that could have been known, and the alarms that they raise."""

import math

import numpy as np
import pytest

from riskradar.errors import UsageError
from riskradar.evaluate import alarms
from riskradar.evaluate.alarms import AIM, CALM_DAYS, GAP, LEAST_HELD, STEP


def calm(labels, score, t: int) -> np.ndarray:
    u = np.arange(max(0, t - 59))
    return u[(labels.system("60/10")[u] == 0) & labels.onset[u] & ~np.isnan(score[u])]


@pytest.mark.parametrize("rate", [0.1, 0.25])
def test_a_threshold_that_does_not_adapt_is_the_quantile_of_matured_calm_onset_scores(labels, rate: float) -> None:
    score = np.random.default_rng(1).normal(size=len(labels.dates))
    score[::17] = np.nan
    threshold = alarms.alarms(score, labels, "20/5", rate, step=0.0).threshold
    for t in (400, 600, 1500, 2999):
        past = score[calm(labels, score, t)]
        expected = np.quantile(past, 1 - AIM * rate) if len(past) >= CALM_DAYS else math.nan
        assert threshold[t] == pytest.approx(expected, nan_ok=True)
    assert np.isnan(threshold[:300]).all()
    assert np.isfinite(threshold[-1])


def slowly(score: np.ndarray, labels, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """The same alarms written down once more, day by day, with numpy's own quantile."""
    threshold, raised = np.full(len(score), np.nan), np.zeros(len(score), bool)
    quantile, on, held, seen = 1 - AIM * rate, False, 0, 0
    for t in range(len(score)):
        days = calm(labels, score, t)
        for u in days[seen:]:
            if not np.isnan(threshold[u]):
                quantile = np.clip(quantile + STEP * (raised[u] - AIM * rate), 0.5, 0.995)
        seen = len(days)
        if seen < CALM_DAYS:
            continue
        threshold[t] = np.quantile(score[days], quantile)
        if labels.onset[t] and not np.isnan(score[t]):
            if not on:
                on, held = bool(score[t] >= threshold[t]), 0
            elif held >= LEAST_HELD:
                on = bool(score[t] >= np.quantile(score[days], quantile - GAP))
            held += 1
            raised[t] = on
    return threshold, raised


def test_alarms_are_those_of_the_recipe(labels) -> None:
    rng = np.random.default_rng(4)
    score = np.convolve(rng.normal(size=len(labels.dates) + 9), np.ones(10), "valid")
    score[::23] = np.nan
    found = alarms.alarms(score, labels, "60/10", 0.1)
    threshold, raised = slowly(score, labels, 0.1)
    np.testing.assert_allclose(found.threshold, threshold, rtol=1e-12)
    np.testing.assert_array_equal(found.raised, raised)
    assert 20 < raised.sum() < len(raised) / 2
    assert not raised[~labels.onset].any()


def test_false_alarms_stay_near_their_rate_when_the_score_shifts(build) -> None:
    """From one year on the score is higher for good: a quantile of all its past is passed on most days, one that adapts is not."""
    rng = np.random.default_rng(6)
    labels = build(100 * np.exp(np.cumsum(rng.normal(0.0008, 0.006, 5000))))
    score = rng.normal(size=5000) + (np.arange(5000) > 2500)
    quiet = labels.onset & (labels.system("60/10") == 0)
    after = quiet & (np.arange(5000) > 2900)
    rates = [alarms.alarms(score, labels, "60/10", 0.1, step).raised[after].mean() for step in (STEP, 0.0)]
    assert rates[0] < 0.2
    assert rates[1] > 0.4


def test_alarms_have_the_prefix_property_at_every_session(build) -> None:
    rng = np.random.default_rng(2)
    labels = build(100 * np.exp(np.cumsum(rng.normal(0.0007, 0.006, 700))))
    score = rng.normal(size=700)
    whole = alarms.alarms(score, labels, "20/10", 0.1)
    assert np.isfinite(whole.threshold).sum() > 100
    assert whole.raised.any()
    for t in range(700):
        cut = alarms.alarms(score[: t + 1], labels.upto(labels.dates[t]), "20/10", 0.1)
        np.testing.assert_array_equal(cut.threshold, whole.threshold[: t + 1])
        np.testing.assert_array_equal(cut.raised, whole.raised[: t + 1])


def test_threshold_does_not_see_labels_that_are_not_known_yet(labels) -> None:
    score = np.random.default_rng(3).normal(size=len(labels.dates))
    t = 1800
    poisoned = score.copy()
    poisoned[t - 59 :] = 1e9
    one, other = (alarms.real_time_threshold(s, labels, "20/5", 0.1)[: t - 58] for s in (score, poisoned))
    np.testing.assert_array_equal(one, other)


def test_unknown_target_is_refused(labels) -> None:
    with pytest.raises(UsageError, match="20/5"):
        alarms.real_time_threshold(np.zeros(len(labels.dates)), labels, "7/7", 0.1)
