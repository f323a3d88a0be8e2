"""A market with planted contagion (the 20 seeds are in prove/contagion.py): the graph is needed to see it, and is enough."""

import numpy as np
import pytest
from prove.contagion import ASSETS, DECISION, DEGREE, ROWS, STRESSED, TRAINED, Market, judged
from sklearn.metrics import roc_auc_score

SEED = 100  # not one of those of the proof


@pytest.fixture(scope="module")
def planted() -> Market:
    return Market.of(SEED, 1.0)


def test_only_the_graph_tells_the_two_kinds_of_stress_apart(planted: Market) -> None:
    """No feature that forgets who is who can: volatilities sorted by size say nothing of the label, edges between the stressed say much."""
    days, y = planted.decisions, planted.labels.values[planted.decisions, 0, 0]
    edges = planted.graphs.layers["contagion"].block(0, 1)[0]
    assert (edges.sum(axis=1) == DEGREE).all()
    assert np.isfinite(planted.labels.values[:, 0, 0]).sum() == len(days)
    volatility = np.sort(planted.features.values[days, :, 0], axis=1)
    areas = [roc_auc_score(y, volatility[:, rank]) for rank in range(ASSETS)]
    assert max(abs(np.array(areas) - 0.5)) < 0.09, "four standard errors of a rank"
    assert (volatility[:, -STRESSED // 2 :].mean(axis=1) > 1.5 * volatility[:, : ASSETS // 2].mean(axis=1)).all()
    assert 0.68 < roc_auc_score(y, planted.oracle) < 0.82
    level = planted.labels.level
    before = [level[day - DECISION // 2 : day + 1] for day in days]
    assert max(float((1 - window / np.maximum.accumulate(window)).max()) for window in before) < 0.05, "a price fell before the decision day"


def test_the_network_sees_it_with_the_true_graph_and_not_with_its_twin(planted: Market) -> None:
    y, oracle = planted.labels.values[planted.decisions[TRAINED:], 0, 0], planted.oracle[TRAINED:]
    true, twin = (judged(ROWS[row](), planted, SEED)[0] for row in ("srr", "srr-shuffled"))
    assert true > roc_auc_score(y, oracle) - 0.05
    assert twin < true - 0.1


def test_the_radar_finds_it_against_its_anchor_and_its_twin_does_not(planted: Market) -> None:
    (true, opened), (twin, closed) = (judged(ROWS[row](), planted, SEED) for row in ("radar", "radar-shuffled"))
    assert opened.state()["gate"] > 0.5
    assert closed.state()["gate"] < 0.1
    assert twin < true - 0.1
