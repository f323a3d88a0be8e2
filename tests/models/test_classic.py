"""Logistic regression and forest against scikit-learn itself."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from riskradar.backtest import learned, score_day
from riskradar.models.calibration import coherent
from riskradar.models.classic import PAPER, Forest, ForestConfig, Logistic, LogisticConfig
from riskradar.models.inputs import matrix
from tests.markets import Line, bits

DAYS = range(1100, 1340)


@pytest.fixture(scope="module")
def learning(line: Line) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels of all sessions."""
    return matrix(line.features, PAPER), line.labels.values[:, 0, :]


def scores(fitted: object, line: Line) -> tuple[np.ndarray, np.ndarray]:
    made = [score_day(fitted, line.features, line.graphs, t) for t in DAYS]  # type: ignore[arg-type]
    return np.array([p.score[0] for p in made]), np.array([p.probability[0] for p in made])


@pytest.mark.parametrize("strength", [0.01, 1.0])
def test_logistic_is_scikit_learn(strength: float, line: Line, learning: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = learning
    fitted = Logistic(LogisticConfig(strength=strength)).fit(line.features, line.graphs, line.labels, seed=0)
    score, probability = scores(fitted, line)
    free = np.full(score.shape, np.nan)
    ready = np.isfinite(x[DAYS]).all(axis=1)
    for k in range(3):
        use = np.isfinite(x).all(axis=1) & np.isfinite(y[:, k])
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000)).fit(x[use], y[use, k])
        free[ready, k] = model.predict_proba(x[DAYS][ready])[:, 1]
    np.testing.assert_allclose(1 / (1 + np.exp(-score)), free, rtol=1e-9)
    np.testing.assert_allclose(probability, [coherent(p, line.labels.targets) for p in free], rtol=1e-9)
    assert ready.mean() > 0.9


@pytest.mark.parametrize("every", [1, 5])
def test_forest_is_scikit_learn_bit_for_bit(every: int, line: Line, learning: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = learning
    fitted = Forest(ForestConfig(trees=23, every=every, leaf=3)).fit(line.features, line.graphs, line.labels, seed=7)
    score, probability = scores(fitted, line)
    ready = np.isfinite(x[DAYS]).all(axis=1)
    for k in range(3):
        use = np.flatnonzero(np.isfinite(x).all(axis=1) & np.isfinite(y[:, k]))
        use = use[np.arange(len(use))[::-1] % every == 0]
        forest = RandomForestClassifier(23, min_samples_leaf=3, random_state=7, n_jobs=1).fit(x[use], y[use, k])
        assert (bits(score[ready, k]) == bits(forest.predict_proba(x[DAYS][ready])[:, 1])).all()
    assert np.isnan(score[~ready]).all()
    assert (bits(probability) == bits(np.array([coherent(s, line.labels.targets) for s in score]))).all()
    assert len(np.unique(score[ready])) > 50


def test_a_value_beside_a_threshold_goes_where_scikit_learn_sends_it(line: Line) -> None:
    """Trees compare in single precision: the next larger double is still on the left."""
    names = ("index_volatility", "mean_drawdown")
    fitted = Forest(ForestConfig(inputs=names, trees=5)).fit(line.features, line.graphs, line.labels, seed=1)
    x, y = matrix(line.features, names), line.labels.values[:, 0, 0]
    use = np.flatnonzero(np.isfinite(x).all(axis=1) & np.isfinite(y))[::-5][::-1]
    forest = RandomForestClassifier(5, min_samples_leaf=10, random_state=1, n_jobs=1).fit(x[use], y[use])
    nodes = np.flatnonzero(fitted.feature[: fitted.roots[5]] >= 0)[:150]
    days = np.repeat(x[-1:], len(nodes), axis=0)
    days[np.arange(len(nodes)), fitted.feature[nodes]] = np.nextafter(fitted.threshold[nodes], np.inf)
    context = line.features.context[-len(nodes) :].copy()
    for i, name in enumerate(names):
        context[:, line.features.context_names.index(name)] = days[:, i]
    beside = replace(line.features.rows(len(y) - len(nodes), len(y)), context=context)
    found = np.array([score_day(fitted, beside, line.graphs, t).score[0, 0] for t in range(len(nodes))])
    assert (bits(found) == bits(forest.predict_proba(days)[:, 1])).all()


@pytest.mark.parametrize("model", [Logistic(LogisticConfig()), Forest(ForestConfig(trees=3))])
def test_too_little_or_one_sided_history_is_withheld(model: Logistic | Forest, line: Line) -> None:
    few = model.fit(line.features.rows(0, 300), line.graphs.rows(0, 300), line.labels.upto(line.labels.dates[299]), seed=0)
    score, probability = scores(few, line)
    assert np.isnan(score).all()
    assert np.isnan(probability).all()
    calm = line.labels.values.copy()
    calm[:, :, 2] = np.where(np.isnan(calm[:, :, 2]), np.nan, 0)
    one_class = model.fit(line.features, line.graphs, type(line.labels)(line.labels.dates, line.labels.units, line.labels.targets, calm,
                          line.labels.known, line.labels.onset, line.labels.level), seed=0)  # fmt: skip
    assert np.isnan(scores(one_class, line)[0]).mean(axis=0).round().tolist() == [0, 0, 1]


def test_only_the_forest_draws(line: Line) -> None:
    for model, differs in ((Logistic(LogisticConfig()), False), (Forest(ForestConfig(trees=5)), True)):
        hashes = [learned(model.fit(line.features, line.graphs, line.labels, seed=seed)) for seed in (0, 0, 1)]
        assert hashes[0] == hashes[1]
        assert (hashes[0] != hashes[2]) is differs is model.seeds


def test_a_day_with_an_unknown_input_is_withheld(line: Line) -> None:
    t = int(np.flatnonzero(~np.isfinite(matrix(line.features, PAPER)).all(axis=1))[0])
    for model in (Logistic(LogisticConfig()), Forest(ForestConfig(trees=3))):
        prediction = score_day(model.fit(line.features, line.graphs, line.labels, seed=0), line.features, line.graphs, t)
        assert np.isnan(prediction.score).all()
        assert np.isnan(prediction.probability).all()
