"""What the network reads: storages, masks, parts."""

from dataclasses import replace

import numpy as np
import pytest

from riskradar.models.srr.market import Dense, Layer, Market, Near, Sparse
from tests.models.srr.markets import STORAGES, F, G, M, N, dense, market


def blocks(layer: Layer, mask: np.ndarray) -> np.ndarray:
    """The layer as it holds on each snapshot, dense."""
    edges = layer.drawn.sparse()
    out = np.zeros((*edges.shape, edges.shape[1]), np.float32)
    r, i = edges.ends()
    out[r, i, edges.index] = edges.weight
    held = np.where((layer.row >= 0)[:, None, None], out[layer.row] if len(out) else 0, 0)
    return held * mask[:, :, None] * mask[:, None, :]


def whole(graph: Market) -> list[np.ndarray]:
    return [graph.x, graph.context, graph.mask, *(blocks(layer, graph.mask) for layer in graph.layers)]


@pytest.mark.parametrize("storage", STORAGES)
def test_every_storage_holds_the_same_graphs(storage: str) -> None:
    a = dense(np.random.default_rng(0), 4)
    row = np.array([0, 1, 2, 3, 1, -1])
    have = blocks(Layer(STORAGES[storage](a), row), np.ones((6, N), bool))
    assert (have[:5] == a[row[:5]]).all()
    assert not have[5].any()


def test_present() -> None:
    assert market().present.tolist() == [[True, True, g >= 5] for g in range(G)]


def test_a_part_is_the_rows_of_the_whole() -> None:
    graph = market()
    for start, stop in ((0, G), (2, 9), (0, 4), (6, 6)):
        for have, want in zip(whole(graph.part(start, stop)), whole(graph), strict=True):
            assert (have == want[start:stop]).all()
    assert graph.part(0, 4).layers[2].drawn.shape[0] == 0, "graphs that hold on no date are dropped"


def test_compact_drops_nodes_that_never_take_part() -> None:
    graph = market()
    mask = graph.mask.copy()
    mask[:, [2, 5]] = False
    graph = replace(graph, mask=mask)
    small, some = graph.compact(), [i for i in range(N) if i not in (2, 5)]
    assert small.x.shape == (G, 7, F)
    assert small.macro == 1
    for have, want in zip(whole(small)[3:], whole(graph)[3:], strict=True):
        assert (have == want[:, some][:, :, some]).all()
    mask[:, N - 1] = False
    assert replace(graph, mask=mask).compact().macro == 0


def test_moments_tell_assets_macro_nodes_and_context_apart() -> None:
    graph = market()
    mean, scale = graph.moments()
    assert mean.shape == scale.shape == (2 * F + M,)
    standard = graph.standardised(mean, scale)
    assets = standard.x[:, : N - 1][graph.mask[:, : N - 1]]
    np.testing.assert_allclose(assets.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(assets.std(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(standard.x[:, N - 1][graph.mask[:, N - 1]].std(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(standard.context.std(axis=0), 1, atol=1e-5)
    assert not standard.x[~graph.mask].any()
    none = replace(graph, mask=np.zeros_like(graph.mask))
    assert (none.moments()[1] == 1).all()


def test_what_is_masked_is_dropped_nan_included() -> None:
    graph, wild = market(), np.full((G, N, N), np.nan, np.float32)
    live = graph.mask[:, :, None] & graph.mask[:, None, :]
    layer = Layer(Dense(np.where(live, np.float32(0.5), wild)), np.arange(G))
    context = np.where(np.arange(G)[:, None] == 3, np.float32(np.nan), graph.context)
    mask = graph.mask.copy()
    mask[3] = False
    clean = replace(graph, context=context, mask=mask, layers=(layer,))
    assert np.isfinite(clean.context).all()
    assert all(np.isfinite(array).all() for array in clean.arrays())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_what_takes_part_must_be_known(bad: float) -> None:
    graph = market()
    x = graph.x.copy()
    x[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="features"):
        replace(graph, x=x)
    a = np.zeros((1, N, N), np.float32)
    a[0, 0, 1] = bad
    with pytest.raises(ValueError, match="weight"):
        replace(graph, layers=(Layer(Dense(a), np.zeros(G, np.int64)),))


def test_graphs_that_do_not_fit_are_refused() -> None:
    a = dense(np.random.default_rng(0), 2)
    edges = Dense(a).sparse()
    for make in (
        lambda: Layer(Dense(a), np.array([0, 2])),
        lambda: Layer(Dense(a), np.array([-2, 0])),
        lambda: replace(market(), layers=(Layer(Dense(a), np.array([0, 1])),)),
        lambda: Sparse(edges.indptr + 1, edges.index, edges.weight),
        lambda: Sparse(edges.indptr, edges.index + np.int32(1), edges.weight),
        lambda: Near(np.zeros((1, 3, 2), np.int32), np.zeros((1, 3, 3), np.float32)),
    ):
        with pytest.raises(ValueError, match=r"row|joins|must|names"):
            make()
