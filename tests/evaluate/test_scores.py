import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score, roc_curve
from sklearn.metrics import log_loss as sklearn_log_loss

from riskradar.evaluate import scores

ONCE = np.ones((1, 1))


@given(st.integers(0, 10_000), st.integers(5, 200), st.integers(1, 12))
def test_ranking_with_ties_and_weights_is_sklearns(seed: int, n: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    score, positive, days = rng.integers(levels, size=n).astype(float), rng.random(n) < 0.4, rng.random(n) < 0.8
    positive[:2], days[:2] = (True, False), True
    weights = np.vstack([np.ones(n), rng.integers(0, 4, size=n) + np.isin(np.arange(n), (0, 1))])
    auroc, lift = scores.ranking(score, positive, days, weights)
    for row, w in enumerate(weights):
        assert auroc[row] == pytest.approx(roc_auc_score(positive[days], score[days], sample_weight=w[days]), abs=1e-12)
        base = np.average(positive[days], weights=w[days])
        assert lift[row] == pytest.approx(average_precision_score(positive[days], score[days], sample_weight=w[days]) / base, abs=1e-12)


def test_one_class_is_undefined() -> None:
    auroc, lift = scores.ranking(np.arange(3.0), np.ones(3, bool), np.ones(3, bool), np.ones((1, 3)))
    assert np.isnan(auroc).all()
    assert np.isnan(lift).all()


def test_one_class_left_by_the_weights_is_undefined_for_that_row_only() -> None:
    auroc, _ = scores.ranking(np.arange(3.0), np.array([False, True, True]), np.ones(3, bool), np.array([[1.0, 1, 1], [0, 1, 1]]))
    assert auroc[0] == 1
    assert np.isnan(auroc[1])


def test_constant_score_is_chance_in_the_pure_metric() -> None:
    auroc, lift = scores.ranking(np.zeros(4), np.array([True, False, False, False]), np.ones(4, bool), np.ones((1, 4)))
    assert auroc[0] == 0.5
    assert lift[0] == 1


def test_losses_are_sklearns() -> None:
    p, y = np.array([0.1, 0.7, 0.4, 0.9]), np.array([False, True, True, False])
    assert scores.log_loss(p, y).mean() == pytest.approx(sklearn_log_loss(y, p))
    assert scores.brier(p, y).mean() == pytest.approx(brier_score_loss(y, p))
    assert np.isfinite(scores.log_loss(np.array([0.0]), np.array([True])))[0]


def test_skill_in_closed_form() -> None:
    loss, reference, days = np.array([1.0, 3, np.nan]), np.array([2.0, 6, 1]), np.array([True, True, False])
    assert scores.skill(loss, reference, days, np.array([[1.0, 1, 1], [0, 1, 5]])) == pytest.approx([0.5, 0.5])


def test_bins_count_each_chosen_day_once() -> None:
    p, y, days = np.array([0.0, 0.05, 0.049, 1.0, np.nan]), np.array([0, 1, 0, 1, 1], bool), np.array([1, 1, 1, 1, 0], bool)
    count, forecast, outcome = scores.binned(p, y, days, np.ones((1, 5)))
    assert count[0].tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 0, 1]
    assert outcome[0].tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 1]
    assert forecast.sum() == pytest.approx(1.099)


def test_climatology_counts_matured_labels_only(labels) -> None:
    target = labels.targets[2]
    rate, y = scores.climatology(labels, target), labels.system(target)
    assert np.isnan(rate[: 60 + scores.CLIMATOLOGY_DAYS - 1]).all()
    for t in (60 + scores.CLIMATOLOGY_DAYS - 1, 700, 2999):
        past = y[: t - 59]
        past = past[~np.isnan(past)]
        assert rate[t] == pytest.approx((past.sum() + 1) / (len(past) + 2))


def test_climatology_has_the_prefix_property(labels) -> None:
    whole = scores.climatology(labels, labels.targets[0])
    for t in (300, 1111, 2000):
        np.testing.assert_array_equal(scores.climatology(labels.upto(labels.dates[t]), labels.targets[0]), whole[: t + 1])


def test_usefulness_golden_values() -> None:
    """Random forest on the Dot-com window, Table 3 of the paper."""
    counts = (164, 63, 65, 21)
    assert scores.alessi_detken(*counts, 0.5) == pytest.approx(0.1971, abs=5e-5)
    assert scores.sarlin(*counts, 0.5) == pytest.approx((0.0703, 0.3437), abs=5e-5)
    noise_to_signal = (63 / 128) / (1 - 21 / 185)
    assert noise_to_signal == pytest.approx(0.555, abs=5e-4)


def test_all_positive_is_worth_exactly_nothing() -> None:
    assert scores.sarlin(185, 128, 0, 0, 0.5) == (0.0, 0.0)
    assert scores.alessi_detken(185, 128, 0, 0, 0.5) == 0.0


def test_usefulness_of_one_class_is_undefined() -> None:
    assert np.isnan(scores.alessi_detken(5, 0, 0, 3, 0.5))
    assert np.isnan(scores.sarlin(5, 0, 0, 3, 0.5)).all()


def test_curves_are_sklearns_and_thinned() -> None:
    rng = np.random.default_rng(0)
    y, score, days = rng.random(150) < 0.3, rng.integers(40, size=150).astype(float), np.ones(150, bool)
    roc, pr = scores.curves(score, y, days)
    fpr, tpr, _ = roc_curve(y, score, drop_intermediate=False)
    np.testing.assert_allclose(roc, np.column_stack([fpr, tpr]))
    np.testing.assert_allclose(pr[-1], [1, y.mean()])
    thin, thin_pr = scores.curves(rng.random(150 * 40), np.tile(y, 40), np.ones(6000, bool))
    assert len(thin) <= scores.CURVE_POINTS
    assert len(thin_pr) <= scores.CURVE_POINTS
    assert thin[-1].tolist() == [1, 1]
