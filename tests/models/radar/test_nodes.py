"""Every entry of NODE_MODELS, found by walking the dictionary: time, shape, missing data, and what a graph must find."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from riskradar.backtest import Job, do, fit_fold, learned, score_day
from riskradar.models import Fitted
from riskradar.models.radar import NODE_MODELS, NodesConfig
from riskradar.models.radar.nodes import RECIPE
from riskradar.split import Fold, SplitConfig, folds
from riskradar.tables import Panel
from tests.markets import bits, noise, panel, with_future, with_stranger
from tests.models.radar.conftest import SMALL, Nodes

CUT = 600


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def cut(market: Panel) -> dict[int, Nodes]:
    """Features, graphs and labels from nothing but what was known on a day."""
    return {t: Nodes.of(market.rows(0, t + 1)) for t in (CUT, CUT + 40)}


@pytest.fixture(scope="module")
def futures(market: Panel) -> dict[str, Nodes]:
    return {how: Nodes.of(with_future(market, CUT, how)) for how in ("1e6", "nan", "shuffled")}


def fit(name: str, nodes: Nodes, seed: int = 0) -> Fitted:
    labels = nodes.labels
    fold = Fold("test", CUT, len(labels.dates), labels.known <= labels.dates[CUT], labels.dates[CUT], "live")
    return fit_fold(NODE_MODELS[name](SMALL), nodes.features, nodes.graphs, labels, fold, seed)


@pytest.mark.parametrize("name", NODE_MODELS)
def test_shape_of_a_forecast(name: str, nodes: Nodes) -> None:
    model, fitted = NODE_MODELS[name](SMALL), fit(name, nodes)
    assert model.lacks(nodes.features, nodes.graphs) == ""
    for t in (0, 20, 700):
        prediction = score_day(fitted, nodes.features, nodes.graphs, t)
        assert prediction.score.shape == prediction.probability.shape == (1 + len(nodes.panel.assets), 4)
        assert np.isnan(prediction.probability).all()
        assert np.isnan(prediction.score[0]).all(), "the system has no forecast"
        assert np.isnan(prediction.score[1:][~nodes.panel.member[t]]).all()
    assert np.isfinite(prediction.score[1:]).all(axis=1).sum() >= 5
    assert fitted.state()


@pytest.mark.parametrize("name", NODE_MODELS)
def test_nothing_learned_or_forecast_sees_the_future(name: str, nodes: Nodes, cut: dict[int, Nodes], futures: dict[str, Nodes]) -> None:
    whole, known = fit(name, nodes), 0
    for t, past in cut.items():
        assert learned(fit(name, past)) == learned(whole), "trained on the day itself"
        a, b = (score_day(whole, each.features, each.graphs, t).score for each in (nodes, past))
        assert (bits(a) == bits(b)).all(), t
        known += int(np.isfinite(a).sum())
    for how, changed in futures.items():
        assert learned(fit(name, changed)) == learned(whole), how
        for t in range(CUT - 45, CUT + 1, 9):
            a, b = (score_day(whole, each.features, each.graphs, t).score for each in (nodes, changed))
            assert (bits(a) == bits(b)).all(), (how, t)
    assert known > 20


@pytest.mark.parametrize("name", NODE_MODELS)
def test_other_labels_and_seeds_teach_something_else(name: str, nodes: Nodes) -> None:
    flipped = Nodes(nodes.panel, nodes.features, nodes.graphs, replace(nodes.labels, values=-nodes.labels.values))
    assert learned(fit(name, flipped)) != learned(fit(name, nodes))
    assert (learned(fit(name, nodes, 1)) != learned(fit(name, nodes))) is NODE_MODELS[name](SMALL).seeds


@pytest.mark.parametrize("name", NODE_MODELS)
def test_a_column_that_nobody_follows_changes_no_bit(name: str, market: Panel, nodes: Nodes) -> None:
    wider, old = with_stranger(market)
    other = Nodes.of(wider)
    a, b = (score_day(fit(name, each), each.features, each.graphs, 700).score for each in (nodes, other))
    assert (bits(b[np.append(0, 1 + old)]) == bits(a)).all()


@pytest.mark.parametrize("name", NODE_MODELS)
@pytest.mark.parametrize("what", ["too short", "labels of the system", "yes or no"])
def test_without_anything_to_learn_there_is_no_forecast(name: str, what: str, market: Panel) -> None:
    quiet = noise(660, 5, 0)
    member = np.arange(660)[:, None] * np.ones(5) % 620 < 240  # there is a graph, but nobody has a year of closes before the cut-off
    made = {
        "too short": lambda: Nodes.of(replace(quiet, member=member)),
        "labels of the system": lambda: Nodes.of(market, units="system"),
        "yes or no": lambda: Nodes.of(market, ("20/5",)),
    }[what]()
    score = score_day(fit(name, made), made.features, made.graphs, 640).score
    assert score.shape == (len(made.labels.units), len(made.labels.targets))
    assert np.isnan(score).all()


def pairs(sessions: int, seed: int) -> Panel:
    """Twenty pairs of stocks: each pair shares its returns and its volatility, which jumps for one of them 15 sessions before the other."""
    rng = np.random.default_rng(seed)
    state = np.zeros((sessions + 15, 20))
    for t in range(1, len(state)):
        state[t] = 0.98 * state[t - 1] + 0.2 * rng.standard_normal(20)
    early, late = state[15:], state[:-15]
    shared = rng.standard_normal((sessions, 20))
    steps = [0.01 * np.exp(s) * (0.8 * shared + 0.6 * rng.standard_normal(shared.shape)) for s in (early, late)]
    common = 0.008 * rng.standard_normal((sessions, 1))
    return panel(50 * np.exp(np.cumsum(common + np.concatenate(steps, axis=1), axis=0)))


def test_the_graph_finds_what_its_twin_cannot() -> None:
    made = Nodes.of(pairs(1300, 0), ("log-volatility/20",))
    config = NodesConfig(width=16, train=RECIPE.model_copy(update={"steps": 150}))
    plan = folds(made.labels, SplitConfig(first=made.labels.dates[900].astype(object)), 3)[:1]
    error = {}
    for name in ("ridge", "nodes-no-graph", "nodes"):
        scored = do(Job(name, NODE_MODELS[name](config), (0,), plan[0]), made.features, made.graphs, made.labels).values
        error[name] = np.nanmean((scored[0, 0, :, 1:, 0] - made.labels.values[plan[0].start : plan[0].stop, 1:, 0]) ** 2)
    assert error["nodes"] < 0.97 * error["nodes-no-graph"]
    assert error["nodes"] < 0.97 * error["ridge"]
