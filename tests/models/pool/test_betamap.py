"""The beta map: ranks that know the past only, and weights that minimise what they say they do."""

import numpy as np
import pytest
from scipy.special import expit

from riskradar.backtest import score_day
from riskradar.models.pool import BetaMap, anchor
from riskradar.models.pool.betamap import _fit, _ranks
from tests.markets import Line, bits


def test_rank_is_the_share_of_scores_so_far() -> None:
    scores = np.array([np.nan, 2.0, 1.0, 2.0, np.nan, 3.0])
    np.testing.assert_allclose(_ranks(scores), [np.nan, 0.5, 0.25, (1 + 0.5 * 2) / 3, np.nan, 3.5 / 4])


def test_a_days_rank_is_the_one_that_was_learned_from(line: Line) -> None:
    fitted = BetaMap().fit(line.features, line.graphs, line.labels, seed=0)
    ranks = _ranks(anchor(line.features))
    b = fitted.weights[0]
    for t in (900, 1339):
        logit = b[0] + b[1] * np.log(ranks[t]) - b[2] * np.log1p(-ranks[t])
        assert score_day(fitted, line.features, line.graphs, t).probability[0, 0] == pytest.approx(expit(logit), rel=1e-12)


def test_a_true_map_is_found_again() -> None:
    rng = np.random.default_rng(0)
    rank = rng.random(60_000)
    y = (rng.random(60_000) < expit(-1.0 + 0.8 * np.log(rank) - 0.4 * np.log1p(-rank))).astype(float)
    np.testing.assert_allclose(_fit(rank, y, 1), [-1.0, 0.8, 0.4], atol=0.06)


def test_few_labels_stay_near_the_prior_and_slopes_are_never_negative() -> None:
    rng = np.random.default_rng(1)
    rank = rng.random(300)
    upside_down = (rank < 0.3).astype(float)
    weights = _fit(rank, upside_down, 1)
    assert (weights[1:] >= 0).all()
    assert weights[1] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(_fit(rank, (rng.random(300) < 0.5).astype(float), 10_000)[1:], 0.5, atol=0.01)
    assert np.isnan(_fit(rank[:251], upside_down[:251], 1)).all()


def test_anchor_is_breadth_and_vix_and_volatility_before_vix(line: Line) -> None:
    x = line.features
    vix, volatility, breadth = (x.column(name) for name in ("z_vix", "z_index_volatility", "breadth"))
    begin = int(np.flatnonzero(np.isfinite(vix))[0])
    stale = np.flatnonzero(np.isnan(vix[begin:]))[0] + begin
    expected = np.where(np.arange(len(vix)) < begin, volatility, vix) / 2 + breadth / 2
    np.testing.assert_allclose(anchor(x), expected)
    assert np.isnan(anchor(x)[stale]), "a missing VIX is not replaced"
    assert (bits(anchor(x.rows(0, begin))) == bits(anchor(x)[:begin])).all()
