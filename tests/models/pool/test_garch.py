"""The filtered simulation: parameters that are found again, and paths that have the moments they should."""

import numpy as np
import pytest
from scipy import stats

from riskradar.backtest import score_day
from riskradar.models.pool.garch import Garch, GarchConfig, Parameters, _filter, _negative_log_likelihood, _simulate, estimate
from riskradar.tables.arrays import Float
from tests.markets import Line

TRUE = Parameters(0.0004, 1.5e-6, 0.02, 0.12, 0.90, 7.0)
CONFIG = GarchConfig()


def simulated(sessions: int, seed: int) -> Float:
    """Returns of the true model."""
    rng = np.random.default_rng(seed)
    z = rng.standard_t(TRUE.freedom, sessions) * np.sqrt((TRUE.freedom - 2) / TRUE.freedom)
    out, variance = np.empty(sessions), TRUE.variance
    for t in range(sessions):
        shock = np.sqrt(variance) * z[t]
        out[t] = TRUE.mean + shock
        variance = TRUE.omega + (TRUE.alpha + TRUE.gamma * (shock < 0)) * shock**2 + TRUE.beta * variance
    return out


def test_likelihood_is_that_of_scipy() -> None:
    returns = simulated(400, 0)
    _, variance = 0, TRUE.variance
    total = 0.0
    for r in returns:
        shock = r - TRUE.mean
        total -= stats.t.logpdf(shock, TRUE.freedom, scale=np.sqrt(variance * (TRUE.freedom - 2) / TRUE.freedom))
        variance = TRUE.omega + (TRUE.alpha + TRUE.gamma * (shock < 0)) * shock**2 + TRUE.beta * variance
    assert _negative_log_likelihood(returns, TRUE.values()) == pytest.approx(total, rel=1e-10)


def test_parameters_are_found_again() -> None:
    """The mean estimate over ten histories of 4,000 sessions lies within three standard errors of the truth or 5 % of it."""
    found = np.array([estimate(simulated(4000, seed)).values() for seed in range(10)])
    error = found.std(axis=0, ddof=1) / np.sqrt(10)
    assert (np.abs(found.mean(axis=0) - TRUE.values()) < 3 * error + 0.05 * np.abs(TRUE.values())).all(), found.mean(axis=0)
    assert (np.abs(found[:, 4] - TRUE.beta) < 0.06).all(), "persistence of the variance, each time"


def test_the_estimate_is_as_likely_as_the_truth() -> None:
    returns = simulated(3000, 3)
    assert _negative_log_likelihood(returns, estimate(returns).values()) <= _negative_log_likelihood(returns, TRUE.values())


def test_residuals_of_the_true_model_are_its_draws() -> None:
    residuals, variance = _filter(simulated(6000, 4), TRUE.values())
    late = residuals[250:]
    assert late.mean() == pytest.approx(0, abs=0.04)
    assert late.std() == pytest.approx(1, abs=0.05)
    assert abs(np.corrcoef(late[1:] ** 2, late[:-1] ** 2)[0, 1]) < 0.05
    assert variance > 0


def test_simulated_variance_follows_the_closed_form() -> None:
    """E[s^2 after k steps] = v + (a + g/2 + b)^k (s^2 - v) for symmetric residuals of unit variance."""
    residuals = np.array([-1.0, 1.0])
    start, steps, n = 4 * TRUE.variance, 30, 200_000
    draws = np.random.default_rng(1).integers(2, size=(steps, n))
    fall = _simulate(TRUE.values(), residuals, start, draws[:1], np.array([1]))[:, 0]
    assert np.unique(fall.round(12)).tolist() == pytest.approx([0.0, np.sqrt(start) - TRUE.mean])
    persistence, expected, width = TRUE.alpha + TRUE.gamma / 2 + TRUE.beta, TRUE.variance, np.full(n, start)
    for k in range(steps):
        assert width.mean() == pytest.approx(expected + persistence**k * (start - expected), rel=0.02)
        shock = np.sqrt(width) * residuals[draws[k]]
        width = TRUE.omega + (TRUE.alpha + TRUE.gamma * (shock < 0)) * shock**2 + TRUE.beta * width


def test_simulated_falls_are_those_of_a_loop() -> None:
    residuals, draws = np.random.default_rng(5).normal(size=40), np.random.default_rng(6).integers(40, size=(20, 50))
    found = _simulate(TRUE.values(), residuals, 1e-4, draws, np.array([3, 20]))
    for i in range(50):
        width, level = 1e-4, [0.0]
        for k in range(20):
            shock = np.sqrt(width) * residuals[draws[k, i]]
            level.append(level[-1] + TRUE.mean + shock)
            width = TRUE.omega + (TRUE.alpha + TRUE.gamma * (shock < 0)) * shock**2 + TRUE.beta * width
        for h, steps in enumerate((3, 20)):
            worst = max(max(level[: j + 1]) - level[j] for j in range(steps + 1))
            assert found[i, h] == pytest.approx(worst, abs=1e-14)


def test_a_longer_horizon_leaves_the_draws_of_a_shorter_one(line: Line) -> None:
    fitted = Garch(CONFIG).fit(line.features, line.graphs, line.labels, seed=0)
    short, both = fitted.falls(line.features, (5,)), fitted.falls(line.features, (5, 60))
    assert short is not None
    assert both is not None
    np.testing.assert_array_equal(short.falls[:, 0], both.falls[:, 0])


def test_days_have_their_own_draws(line: Line) -> None:
    fitted = Garch(CONFIG).fit(line.features, line.graphs, line.labels, seed=0)
    first, again, other = (score_day(fitted, line.features, line.graphs, t).probability for t in (1300, 1300, 1301))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_withheld_while_returns_are_few_or_constant(line: Line) -> None:
    fitted = Garch(CONFIG).fit(line.features.rows(0, 200), line.graphs, line.labels, seed=0)
    assert np.isnan(fitted.parameters).all()
    assert np.isnan(score_day(fitted, line.features, line.graphs, 1300).probability).all()
