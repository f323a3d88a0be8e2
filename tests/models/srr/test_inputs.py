"""What the network reads of the tables: every layer as it was drawn, and only where it has data."""

from dataclasses import replace

import numpy as np
import pytest

from riskradar import features, layers
from riskradar.features import FeaturesConfig
from riskradar.layers import LAYERS, LayersConfig, settings_of
from riskradar.layers.twins import shuffled
from riskradar.models.srr.inputs import market
from riskradar.models.srr.market import Market
from riskradar.tables import Features, Graphs, Held, Panel
from tests.markets import ragged, with_sentiment

ROWS = np.arange(20, 170, 7)
INPUTS = ("return", "volatility_20")


@pytest.fixture(scope="module")
def short() -> Panel:
    """Enough sessions for every layer, and a hedge that moves against the others."""
    plain = ragged(170, seed=3)
    close = plain.close.copy()
    close[:, 3] = 1e4 / close[:, 3]
    return with_sentiment(replace(plain, close=close))


@pytest.fixture(scope="module")
def nodes(short: Panel) -> Features:
    return features.build(short, FeaturesConfig(node=INPUTS, context=()))


@pytest.fixture(scope="module")
def graphs(short: Panel) -> Graphs:
    small = {"window": 20, "threshold": 0.2, "least": 10, "enter": 0.5, "stay": 0.1, "leave": 20}
    sections = {LAYERS[name].section or name: settings_of(name, LayersConfig()) for name in LAYERS}
    made = {key: kind.model_copy(update={k: v for k, v in small.items() if hasattr(kind, k)}) for key, kind in sections.items()}
    return layers.build(short, LayersConfig(names=tuple(LAYERS)).model_copy(update=made))


def dense(built: Market, layer: int) -> np.ndarray:
    """Weights [G, N, N] as the network would apply them."""
    drawn, row = built.layers[layer].drawn.sparse(), built.layers[layer].row
    out = np.zeros((len(row), drawn.shape[1], drawn.shape[1]), np.float32)
    blocks = np.zeros((*drawn.shape, drawn.shape[1]), np.float32)
    r, i = drawn.ends()
    blocks[r, i, drawn.index] = drawn.weight
    out[row >= 0] = blocks[row[row >= 0]]
    return out * built.mask[:, :, None] * built.mask[:, None, :]


@pytest.mark.parametrize("twin", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_read_as_it_was_drawn(name: str, twin: bool, nodes: Features, graphs: Graphs) -> None:
    layer = shuffled(graphs.layers[name], len(nodes.dates), 1) if twin else graphs.layers[name]
    built = market(nodes, replace(graphs, layers={name: layer}), ROWS, INPUTS, (name,), np.zeros((len(ROWS), 0), np.float32))
    want = np.concatenate([layer.block(t, t + 1) for t in ROWS])
    live = built.mask[:, :, None] & built.mask[:, None, :]
    assert (dense(built, 0) == want * live).all()
    assert want.any()
    joins = want.any(axis=(1, 2))
    if isinstance(layer, Held):
        drawn = layer.drawn.block(0, int(layer.row.max()) + 1).any(axis=(1, 2))
        joins = (layer.row[ROWS] >= 0) & drawn[layer.row[ROWS]]
    assert (built.present[:, 0] == joins).all()


def test_a_layer_that_does_not_change_is_stored_once(nodes: Features, graphs: Graphs) -> None:
    built = market(nodes, graphs, ROWS, INPUTS, ("sector",), np.zeros((len(ROWS), 0), np.float32))
    codes = graphs.layers["sector"].codes[ROWS]  # type: ignore[attr-defined]
    changes = 1 + int((codes[1:] != codes[:-1]).any(axis=1).sum())
    assert built.layers[0].drawn.shape[0] == changes < len(ROWS)
    monthly = market(nodes, graphs, ROWS, INPUTS, ("residual",), np.zeros((len(ROWS), 0), np.float32))
    assert monthly.layers[0].drawn.shape[0] == len(np.unique(graphs.layers["residual"].row[ROWS])) - 1 < len(ROWS)  # type: ignore[attr-defined]
    assert not monthly.present[0]


def test_a_layer_that_joins_nobody_is_absent(nodes: Features, graphs: Graphs) -> None:
    for name in ("correlation", "sector"):
        built = market(nodes, graphs, np.array([0, 160]), INPUTS, (name, "unheard-of"), np.zeros((2, 0), np.float32))
        want = np.concatenate([graphs.layers[name].block(t, t + 1) for t in (0, 160)]).any(axis=(1, 2))
        assert built.present.tolist() == [[bool(joined), False] for joined in want]
    none = market(nodes, graphs, np.empty(0, np.int64), INPUTS, ("residual",), np.zeros((0, 0), np.float32))
    assert none.present.shape == (0, 1)
