"""Compacted days and the ridges over them, against loops and scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from riskradar.models.radar.days import gather, moments, ridge, standardised
from riskradar.models.radar.ground import INPUTS
from tests.models.radar.conftest import Nodes

NAMES = INPUTS[:3]


def test_days_hold_exactly_the_members_with_all_inputs(nodes: Nodes) -> None:
    days = gather(nodes.features, NAMES)
    values = nodes.features.values[:, :, :3]
    part = nodes.features.member & np.isfinite(values).all(axis=2)
    assert 0 < part.sum() < part.size
    assert (days.x == values[part].astype(np.float32)).all()
    assert (np.stack([days.day, days.node]) == np.nonzero(part)).all()
    assert ((days.place >= 0) == part).all()
    assert (days.start[:-1][days.day] + days.place[part] == np.arange(len(days.x))).all()
    some = gather(nodes.features, NAMES, np.array([400, 500]))
    assert (some.x == days.x[np.isin(days.day, [400, 500])]).all()
    assert (days.last().x == days.x[days.day == len(part) - 1]).all()


def test_means_are_of_the_day_and_earlier_is_the_same_node(nodes: Nodes) -> None:
    days = gather(nodes.features, NAMES)
    means, centred, earlier = days.means(days.x), days.centred(days.x), days.earlier(days.x[:, 0], 5)
    assert not means[:3].any(), "nobody has a volatility yet"
    for t in (100, 400, 759):
        own = days.x[days.day == t]
        np.testing.assert_allclose(means[t], own.mean(axis=0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(centred[days.day == t], own - own.mean(axis=0), atol=1e-5)
    column = np.where(days.place >= 0, nodes.features.values[:, :, 0], np.nan).astype(np.float32)
    shifted = np.concatenate([np.full_like(column[:5], np.nan), column[:-5]])
    assert np.array_equal(earlier, shifted[days.day, days.node], equal_nan=True)
    assert np.isnan(earlier).any()


@pytest.mark.parametrize("intercept", [True, False])
def test_ridge_is_that_of_scikit_learn_target_by_target(intercept: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40_000, 5)).astype(np.float32)
    y = (x @ rng.normal(size=(5, 3)) + 2.0 * intercept + rng.normal(size=(40_000, 3))).astype(np.float32)
    y[rng.random(y.shape) < 0.1] = np.nan
    y[:, 2] = np.nan
    found = ridge(x, y, 300.0, intercept)
    for k in range(2):
        known = np.isfinite(y[:, k])
        oracle = Ridge(alpha=300.0, fit_intercept=intercept).fit(x[known].astype(float), y[known, k].astype(float))
        np.testing.assert_allclose(found[:5, k], oracle.coef_, rtol=1e-6)
        if intercept:
            np.testing.assert_allclose(found[5, k], oracle.intercept_, rtol=1e-6)
    assert np.isnan(found[:, 2]).all()


def test_inputs_are_standardised_and_bounded(nodes: Nodes) -> None:
    days = gather(nodes.features, NAMES)
    mean, scale = moments(days.x)
    np.testing.assert_allclose(mean, days.x.mean(axis=0, dtype=float), rtol=1e-5)
    np.testing.assert_allclose(scale, days.x.std(axis=0, dtype=float), rtol=1e-5)
    assert np.abs(standardised(days, mean, scale, 1.5).x).max() == 1.5
    assert (moments(np.full((4, 1), 3.0, np.float32))[1] == 1).all()
