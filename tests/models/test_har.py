"""The autoregression against scikit-learn's ridge, and what it may learn from."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from riskradar.backtest import score_day
from riskradar.labels import FLOOR, worst_drawdown
from riskradar.models.har import INPUTS, Har, HarConfig
from riskradar.models.inputs import matrix
from tests.markets import Line, bits


@pytest.mark.parametrize("strength", [0.0, 3.0])
def test_it_is_a_ridge_of_the_log_fall_on_log_volatilities(strength: float, line: Line) -> None:
    fitted = Har(HarConfig(strength=strength)).fit(line.features, line.graphs, line.labels, seed=0)
    x = np.log(matrix(line.features, INPUTS) + FLOOR)
    for k, target in enumerate(line.labels.targets):
        depth = np.log(worst_drawdown(line.labels.level, target.horizon) + FLOOR)
        use = np.isfinite(x).all(axis=1) & np.isfinite(depth) & np.isfinite(line.labels.values[:, 0, k])
        scaler = StandardScaler().fit(x[use])
        oracle = Ridge(alpha=strength * target.horizon).fit(scaler.transform(x[use]), depth[use])
        days = range(1200, 1230)
        found = [score_day(fitted, line.features, line.graphs, t).score[0, k] for t in days]
        np.testing.assert_allclose(found, oracle.predict(scaler.transform(x[days])), rtol=1e-9)


def test_it_learns_from_days_whose_label_it_was_given_only(line: Line) -> None:
    """A transfer fold holds the index after the crisis that it leaves out: the closes behind a hidden label must teach nothing."""
    hidden = line.labels.values.copy()
    hidden[700:1000] = np.nan
    given = replace(line.labels, values=hidden)
    level = line.labels.level.copy()
    level[760:980] *= np.exp(np.random.default_rng(0).normal(0, 0.05, 220))
    one, other = (Har(HarConfig()).fit(line.features, line.graphs, of, seed=0) for of in (given, replace(given, level=level)))
    assert (bits(one.weights) == bits(other.weights)).all()
    whole = Har(HarConfig()).fit(line.features, line.graphs, line.labels, seed=0)
    assert (bits(one.weights) != bits(whole.weights)).any()
