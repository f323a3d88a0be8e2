"""Spanning tree and planar graph against Mantegna's distances, scipy, networkx and a plain greedy loop."""

from itertools import combinations

import networkx
import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree

from riskradar.layers.filters import FilterConfig, distance, planar, spanning_tree, tree, triangulated
from riskradar.layers.windows import correlations, refreshes
from riskradar.tables import Panel

# facts 2: rho12=.8, rho13=.3, rho14=.1, rho23=.4, rho24=.2, rho34=.6
FOUR = np.array([[1, 0.8, 0.3, 0.1], [0.8, 1, 0.4, 0.2], [0.3, 0.4, 1, 0.6], [0.1, 0.2, 0.6, 1]])


def matrix(assets: int, seed: int, common: float = 0.5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return correlations(rng.normal(size=(60, assets)) + common * rng.normal(size=(60, 1)))


def length(rho: np.ndarray, edges: np.ndarray) -> float:
    return float(distance(rho[edges[:, 0], edges[:, 1]]).sum())


def test_mantegna_distances() -> None:
    np.testing.assert_allclose(distance(np.array([1, 0.5, 0, -1])), [0, 1, 1.414214, 2], atol=5e-7)


def test_the_tree_of_four() -> None:
    edges = spanning_tree(FOUR)
    assert sorted(map(tuple, edges)) == [(0, 1), (1, 2), (2, 3)]
    assert length(FOUR, edges) == pytest.approx(2.622328, abs=5e-7)
    assert length(FOUR, edges) / 3 == pytest.approx(0.874109, abs=5e-7)


@pytest.mark.parametrize("assets", [2, 3, 10, 44])
@pytest.mark.parametrize("seed", range(5))
def test_the_tree_is_that_of_scipy_and_networkx(assets: int, seed: int) -> None:
    rho = matrix(assets, seed)
    edges = {tuple(edge) for edge in spanning_tree(rho)}
    theirs = minimum_spanning_tree(np.triu(distance(rho), 1)).tocoo()
    assert edges == {(min(i, j), max(i, j)) for i, j in zip(theirs.row, theirs.col, strict=True)}
    graph = networkx.from_numpy_array(distance(rho))
    assert edges == {tuple(sorted(edge)) for edge in networkx.minimum_spanning_tree(graph).edges}


def greedy(rho: np.ndarray) -> set[frozenset[int]]:
    """Algorithm 1 of the paper with every gain looked up anew."""
    total = np.where(rho > rho.mean(), rho, 0).sum(axis=1)
    start = sorted(np.argsort(-total, kind="stable")[:4].tolist())
    edges = {frozenset(pair) for pair in combinations(start, 2)}
    faces = [frozenset(face) for face in combinations(start, 3)]
    rest = set(range(len(rho))) - set(start)
    while rest:
        _, new, face = max((sum(rho[v, c] for c in face), v, face) for v in rest for face in faces)
        faces.remove(face)
        faces += [frozenset({new, *pair}) for pair in combinations(face, 2)]
        edges |= {frozenset({new, corner}) for corner in face}
        rest.remove(new)
    return edges


@pytest.mark.parametrize("assets", [3, 4, 5, 12, 44])
@pytest.mark.parametrize("seed", range(5))
def test_the_planar_graph_has_its_edges_and_is_planar(assets: int, seed: int) -> None:
    rho = matrix(assets, seed)
    edges = triangulated(rho)
    assert len({tuple(edge) for edge in edges}) == len(edges) == 3 * assets - 6
    assert (edges[:, 0] < edges[:, 1]).all()
    assert networkx.check_planarity(networkx.Graph(edges.tolist()))[0]
    if assets >= 4:
        assert {frozenset(edge) for edge in edges.tolist()} == greedy(rho)


def test_graphs_of_nobody_of_one_and_of_two() -> None:
    for choose in (spanning_tree, triangulated):
        assert [choose(np.eye(n)).shape for n in (0, 1, 2)] == [(0, 2), (0, 2), (1, 2)]


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_layers_hold_the_filtered_graph_of_the_window(ragged: Panel, method: str) -> None:
    config = FilterConfig(window=20, method=method)  # type: ignore[arg-type]
    built = {choose: build(ragged, config) for choose, build in ((spanning_tree, tree), (triangulated, planar))}
    returns = np.diff(np.log(ragged.close), axis=0, prepend=np.nan)
    for t in refreshes(ragged.dates, config):
        window = returns[t - 19 : t + 1]
        use = np.flatnonzero(ragged.member[t] & np.isfinite(window).all(axis=0) & (np.ptp(window, axis=0) > 0))
        rho = correlations(window[:, use], method)  # type: ignore[arg-type]
        for choose, layer in built.items():
            block = layer.block(t, t + 1)[0][np.ix_(use, use)]
            assert (block > 0).sum() == 2 * len(choose(rho))
            np.testing.assert_allclose(block[block > 0], (1 + rho[block > 0]) / 2, atol=1e-7)
            if choose is spanning_tree:
                assert 2 * np.sqrt(1 - block[block > 0].astype(float)).sum() / 2 == pytest.approx(length(rho, choose(rho)), abs=1e-4)
