"""Shuffled twins: same degrees, same weights, same life, other relations."""

import networkx
import numpy as np
import pytest

from riskradar import layers
from riskradar.layers import LAYERS, LayersConfig
from riskradar.layers.twins import placebo, rewired, shuffled
from riskradar.tables import Graphs, Held, Neighbours, Panel
from tests.markets import odd, with_sentiment
from tests.test_registries import settings


@pytest.fixture(scope="module")
def graphs(ragged: Panel) -> Graphs:
    """Every layer there is."""
    built = {name: kind.build(with_sentiment(ragged), settings(name)) for name, kind in LAYERS.items()}
    return Graphs(ragged.dates, ragged.assets, {n: b for n, b in built.items() if not isinstance(b, str)}, {})


@pytest.fixture(scope="module")
def twins(graphs: Graphs) -> Graphs:
    return placebo(graphs, seed=5)


def test_a_twin_keeps_degrees_and_weights(graphs: Graphs, twins: Graphs) -> None:
    assert set(graphs.layers) == set(LAYERS)
    for name, whole in graphs.layers.items():
        layer, twin = (getattr(g.layers[name], "drawn", g.layers[name]) for g in (graphs, twins))
        count = int(whole.row.max()) + 1 if isinstance(whole, Held) else len(graphs.dates)
        was, now = layer.block(0, count), twin.block(0, count)
        for axis in (1, 2):
            assert ((was > 0).sum(axis=axis) == (now > 0).sum(axis=axis)).all(), name
        assert (np.sort(was.reshape(count, -1)) == np.sort(now.reshape(count, -1))).all(), name
        assert not now[:, np.arange(10), np.arange(10)].any()
        assert isinstance(layer, Neighbours) or (now == now.transpose(0, 2, 1)).all(), name
        same = [(a == b).all() for a, b in zip(was[1:], was[:-1], strict=True)]
        assert all((a == b).all() for s, a, b in zip(same, now[1:], now[:-1], strict=True) if s), "equal graphs with unequal twins"


def test_a_twin_has_no_edge_of_a_stranger(graphs: Graphs, twins: Graphs, ragged: Panel) -> None:
    block = twins.block(0, len(ragged.dates))
    assert not block.transpose(0, 2, 1, 3)[~ragged.member].any()
    assert not block.transpose(0, 3, 1, 2)[~ragged.member].any()


def test_a_row_of_a_twin_needs_that_row_alone(graphs: Graphs, twins: Graphs) -> None:
    for start, stop in ((0, 90), (100, 101), (317, 330)):
        part = placebo(graphs.rows(start, stop), seed=5)
        assert (part.block(0, stop - start) == twins.block(start, stop)).all()


@pytest.mark.parametrize("directed", [False, True])
def test_twins_differ_from_the_graph_and_by_seed(directed: bool) -> None:
    graph = networkx.gnp_random_graph(60, 0.1, seed=1, directed=directed)
    dense = networkx.to_numpy_array(graph, dtype=np.float32)
    twins = [rewired(dense, directed, seed) for seed in range(30)]
    overlap = [float((dense * twin).sum() / dense.sum()) for twin in twins]
    assert max(overlap) < 0.3
    assert np.mean(overlap) == pytest.approx(0.1, abs=0.05), "what chance gives"
    assert not (twins[0] == twins[1]).all()
    assert (twins[0] == rewired(dense, directed, 0)).all()


def test_a_complete_graph_has_its_weights_dealt_anew() -> None:
    upper = np.triu(np.random.default_rng(0).random((8, 8)).astype(np.float32), 1)
    dense = upper + upper.T
    twin = rewired(dense, False, 1)
    assert (twin > 0).sum() == 56
    assert not (twin == dense).all()


def test_no_sessions_no_nodes() -> None:
    config = LayersConfig(names=("residual", "sector"))
    for market in (odd()["0 assets"], odd()["1 sessions"]):
        built = layers.build(market, config)
        for layer in built.layers.values():
            assert shuffled(layer, len(market.dates), 0).block(0, len(market.dates)).shape == layer.block(0, len(market.dates)).shape
