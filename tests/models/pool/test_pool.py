"""The pool: a weighted mean of its members, coherent on any input."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskradar import backtest, models
from riskradar.backtest import BacktestConfig, score_day
from riskradar.models import POOLS, ModelsConfig
from riskradar.models.calibration import coherent
from riskradar.models.pool import ATOMS, Falls, FittedPool, Pool, PoolConfig
from riskradar.models.pool.falls import probabilities
from riskradar.split import SplitConfig, folds
from riskradar.tables import Target
from tests.markets import Line, renamed, with_stranger

TARGETS = tuple(Target(h, c) for h in (5, 10, 20, 60) for c in (0.03, 0.05, 0.10))


@pytest.fixture(scope="module")
def fitted(line: Line) -> FittedPool:
    return Pool(PoolConfig(), "").fit(line.features, line.graphs, line.labels, seed=0)


def test_probability_is_the_weighted_mean_of_the_members(fitted: FittedPool, line: Line) -> None:
    for t in (900, 1100, 1339):
        parts = [score_day(member, line.features, line.graphs, t).probability for member in (fitted.library, fitted.garch, fitted.beta)]
        assert np.isfinite(parts).all()
        expected = np.clip(0.4 * parts[0] + 0.3 * parts[1] + 0.3 * parts[2], 0.002, 0.998)[0]
        found = score_day(fitted, line.features, line.graphs, t).probability[0]
        np.testing.assert_allclose(found, coherent(expected, line.labels.targets), rtol=1e-12)


def test_a_young_beta_map_leaves_its_weight_to_the_others(line: Line) -> None:
    early = Pool(PoolConfig(), "").fit(line.features.rows(0, 600), line.graphs, line.labels.upto(line.labels.dates[599]), seed=0)
    assert np.isnan(early.beta.weights).all()
    library, garch = (score_day(member, line.features, line.graphs, 599).probability for member in (early.library, early.garch))
    assert np.isfinite(library).all()
    np.testing.assert_allclose(score_day(early, line.features, line.graphs, 599).probability, (4 * library + 3 * garch) / 7, rtol=1e-12)


def test_every_pool_model_ranks_by_the_same_score(line: Line) -> None:
    scores = [
        score_day(models.make(name, ModelsConfig()).fit(line.features, line.graphs, line.labels, seed=0), line.features, line.graphs, 1339).score
        for name in POOLS
    ]
    assert np.isfinite(scores[0]).all()
    assert all((score == scores[0]).all() for score in scores)


@given(st.integers(0, 10_000))
def test_weighted_falls_are_coherent_in_horizon_and_depth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    falls = np.maximum.accumulate(rng.choice([0.0, 0.03, 0.05, 0.1, rng.random()], size=(n, 4)), axis=1)
    found = probabilities(Falls((5, 10, 20, 60), falls, rng.random(n) + 1e-9), TARGETS)
    assert ((found > 0) & (found < 1)).all()
    np.testing.assert_array_equal(coherent(found, TARGETS), found)


def test_simulated_paths_are_coherent(fitted: FittedPool, line: Line) -> None:
    for member in (fitted.library, fitted.garch):
        falls = member.falls(line.features, (5, 10, 20))
        assert falls is not None
        assert (np.diff(falls.falls, axis=1) >= 0).all()
        assert (falls.falls >= 0).all()
        assert (falls.falls < 1).all()


def test_the_falls_are_the_mean_of_the_quantiles(fitted: FittedPool, line: Line) -> None:
    within, levels = (5, 20), (np.arange(ATOMS) + 0.5) / ATOMS
    found = score_day(fitted, line.features, line.graphs, 1339).falls
    members = [member.falls(line.features, within) for member in (fitted.library, fitted.garch)]
    expected = np.mean([member.quantiles(levels) for member in members if member], axis=0)
    assert found.shape == (2, ATOMS)
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    alone = [score_day(member, line.features, line.graphs, 1339).falls for member in (fitted.library, fitted.garch)]
    np.testing.assert_array_equal(found, (alone[0] + alone[1]) / 2)


def test_a_quantile_is_the_least_fall_that_holds_its_weight() -> None:
    falls = Falls((5,), np.array([[0.3], [0.1], [0.2]]), np.array([1.0, 2.0, 1.0]))
    np.testing.assert_array_equal(falls.quantiles(np.array([0.1, 0.5, 0.51, 0.75, 0.76])), [[0.1, 0.1, 0.2, 0.2, 0.3]])


@pytest.mark.parametrize("change", [renamed, with_stranger])
def test_order_and_number_of_columns_change_no_bit_but_of_sums(change: object, line: Line) -> None:
    """A stranger changes nothing; another order changes sums over members by rounding only (data puts columns into one order)."""
    other = change(line.panel)[0]  # type: ignore[operator]
    second = Line.of(other)
    known = []
    for of in (line, second):
        fitted = Pool(PoolConfig(), "").fit(of.features, of.graphs, of.labels, seed=0)
        known.append(np.array([score_day(fitted, of.features, of.graphs, t).probability for t in (1000, 1339)]))
    assert np.isfinite(known).all()
    if change is with_stranger:
        np.testing.assert_array_equal(known[1], known[0])
    else:
        np.testing.assert_allclose(known[1], known[0], atol=1e-9)


def test_back_test_of_falls_is_one_day_at_a_time(line: Line) -> None:
    split, chosen = SplitConfig(first=line.labels.dates[1200].astype(object)), ModelsConfig(names=("pool", "vol+breadth"))
    ran = backtest.run(line.features, line.graphs, line.labels, chosen, split, BacktestConfig(jobs=1))
    assert list(ran.falls) == ["pool"]
    found = ran.falls["pool"]
    assert found.falls.shape == (140, 2, ATOMS)
    assert found.horizons == (5, 20)
    assert np.isfinite(found.falls).mean() > 0.9
    model, plan = models.make("pool", chosen), folds(line.labels, split, 1)
    for t in (1200, 1339):
        cut = Line.of(line.panel.rows(0, t + 1))
        fold = next(f for f in plan if f.start <= t < f.stop)
        past = replace(fold, train=fold.train[: t + 1], stop=t + 1)
        alone = backtest.do(backtest.Job("pool", model, (0,), past), cut.features, cut.graphs, cut.labels)
        np.testing.assert_array_equal(alone.falls[-1], found.falls[t - 1200])
