"""Layers over time against loops over pairs, and against the future."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from riskradar import layers
from riskradar.layers import LAYERS, LayersConfig, summarize, twins
from riskradar.layers import summary as module
from riskradar.tables import Bits, Graphs, Held, Layer, LayerSummary, Neighbours, Panel
from tests.markets import bits, days, odd, ragged, with_sentiment
from tests.test_registries import settings

FIGURES = ("density", "weight", "survival", "overlap", "chance")


@pytest.fixture(scope="module")
def market() -> Panel:
    """Nine assets that come and go, over two years."""
    return with_sentiment(ragged(520))


@pytest.fixture(scope="module")
def graphs(market: Panel) -> Graphs:
    """Every layer there is."""
    built = {name: kind.build(market, settings(name)) for name, kind in LAYERS.items()}
    return Graphs(market.dates, market.assets, {n: b for n, b in built.items() if not isinstance(b, str)}, {})


@pytest.fixture(scope="module")
def found(graphs: Graphs, market: Panel) -> LayerSummary:
    return summarize(graphs, market.member)


def joined(dense: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(map(int, pair)) for pair in np.argwhere(dense > 0)}


def ratio(part: set[frozenset[int]], whole: set[frozenset[int]]) -> float:
    return len(part) / len(whole) if whole else np.nan


def looks(graphs: Graphs) -> list[int]:
    """First session of each week but the first, by the calendar of Python."""
    weeks = [day.isocalendar()[:2] for day in graphs.dates.tolist()]
    return [t for t in range(1, len(weeks)) if weeks[t] != weeks[t - 1]]


def test_every_figure_is_that_of_a_loop(graphs: Graphs, market: Panel, found: LayerSummary) -> None:
    at = looks(graphs)
    assert (found.dates == graphs.dates[at]).all()
    assert found.names == tuple(LAYERS)
    edges = {name: [joined(layer.block(t, t + 1)[0]) for t in at] for name, layer in graphs.layers.items()}
    for k, name in enumerate(found.names):
        for r, t in enumerate(at):
            n, dense = int(market.member[t].sum()), graphs.layers[name].block(t, t + 1)[0]
            begun = any(edges[name][: r + 1])
            np.testing.assert_equal(found.density[r, k], len(edges[name][r]) / (n * (n - 1) / 2) if begun else np.nan)
            np.testing.assert_allclose(found.weight[r, k], dense[dense > 0].mean(dtype=float) if dense.any() else np.nan, rtol=1e-6)
            for h, lag in enumerate(found.lags):
                old = {e for e in edges[name][r - lag] if all(market.member[t, i] for i in e)} if r >= lag else set()
                np.testing.assert_equal(found.survival[r, k, h], ratio(old & edges[name][r], old))
    for p, (a, b) in enumerate(combinations(found.names, 2)):
        for r in range(len(at)):
            x, y = edges[a][r], edges[b][r]
            begun = any(edges[a][: r + 1]) and any(edges[b][: r + 1])
            np.testing.assert_equal(found.overlap[r, p], ratio(x & y, x | y) if begun else np.nan)


def test_chance_is_what_the_twins_give(graphs: Graphs, found: LayerSummary) -> None:
    at = looks(graphs)
    quarters = [(d.year, (d.month - 1) // 3) for d in graphs.dates[at].tolist()]
    seen = 0
    for r in range(len(at)):
        if r == 0 or quarters[r] == quarters[r - 1]:
            assert np.isnan(found.chance[r]).all()
            continue
        dense = {name: layer.block(at[r], at[r] + 1)[0] for name, layer in graphs.layers.items()}
        for p, (a, b) in enumerate(found.pairs):
            if np.isnan(found.chance[r, p]):
                continue
            real = {n: joined(dense[n]) for n in (a, b)}
            twin = {n: joined(twins.rewired(dense[n], directed(graphs.layers[n]), 0)) for n in (a, b)}
            expected = np.mean([ratio(twin[x] & real[y], twin[x] | real[y]) for x, y in ((a, b), (b, a))])
            assert found.chance[r, p] == pytest.approx(expected)
            seen += 1
    assert seen > 100


def directed(layer: Layer) -> bool:
    return isinstance(layer.drawn if isinstance(layer, Held) else layer, Neighbours)


def test_history_cut_off_moves_nothing(graphs: Graphs, market: Panel, found: LayerSummary) -> None:
    for stop in (120, 301, 519):
        part = summarize(graphs.rows(0, stop), market.member[:stop])
        for figure in FIGURES:
            whole, cut = getattr(found, figure), getattr(part, figure)
            assert (bits(whole[: len(cut)]) == bits(cut)).all(), (figure, stop)


def test_many_nodes_are_looked_at_monthly(graphs: Graphs, market: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEW", 5)
    found = summarize(graphs, market.member)
    months = [(d.year, d.month) for d in found.dates.tolist()]
    assert found.step == "month"
    assert len(set(months)) == len(months) > 20
    drawn = found.dates[np.isfinite(found.chance).any(axis=1)]
    assert [(d.year, d.month) for d in drawn.tolist()] == [(2001, 1), (2002, 1)]
    back = LayerSummary.from_frame(found.frame())
    assert (back.step, back.lags) == ("month", found.lags)


def test_a_table_comes_back_whole(found: LayerSummary) -> None:
    back = LayerSummary.from_frame(found.frame())
    assert (back.names, back.step, back.lags, back.pairs) == (found.names, found.step, found.lags, found.pairs)
    assert (back.dates == found.dates).all()
    for figure in FIGURES:
        assert (bits(getattr(back, figure)) == bits(getattr(found, figure))).all()


@pytest.mark.parametrize("name", list(odd()))
def test_any_panel_has_a_summary(name: str) -> None:
    panel = odd()[name]
    built = layers.build(panel, LayersConfig(names=("correlation", "sector", "tree")))
    found = summarize(built, panel.member)
    assert found.names == tuple(built.layers)
    assert found.survival.shape[0] == len(found.dates)
    back = LayerSummary.from_frame(found.frame())
    assert back.names == found.names


def test_an_edge_that_leaves_with_its_node_has_not_died() -> None:
    """Two edges; a node of the first leaves, the second is cut."""
    T, dense = 60, np.zeros((60, 4, 4), bool)
    dense[:30, 0, 1] = dense[:40, 2, 3] = True
    member = np.ones((T, 4), bool)
    member[30:, 1] = False
    found = summarize(Graphs(days(T), tuple("ABCD"), {"x": Bits.of(dense)}, {}), member)
    at = np.searchsorted(days(T), found.dates)
    one = found.survival[:, 0, found.lags.index(1)]
    leaves, dies = (int(np.flatnonzero(at >= t)[0]) for t in (30, 40))
    assert one[leaves] == 1
    assert one[dies] == 0
    assert np.isnan(one[dies + 1])
    with pytest.raises(ValueError, match="overlap"):
        replace(found, overlap=np.zeros((2, 5)))
