"""Strongest paths against every path that there is, and on a chain by hand."""

from itertools import pairwise, permutations

import numpy as np
import pytest

from riskradar.attribution.chains import reach
from riskradar.contagion import shares
from riskradar.tables.arrays import Float


def every_path(weights: Float, source: int, end: int) -> float:
    """The strongest of all simple paths, by trying them."""
    others = [i for i in range(len(weights)) if i not in (source, end)]
    best = 0.0
    for length in range(len(others) + 1):
        for middle in permutations(others, length):
            path = (source, *middle, end)
            best = max(best, float(np.prod([weights[to, of] for of, to in pairwise(path)])))
    return best


@pytest.mark.parametrize("seed", range(8))
def test_no_path_is_stronger(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = shares(np.where(rng.random((6, 6)) < 0.4, rng.random((6, 6)), 0.0) * (1 - np.eye(6)))
    found = reach(weights, 2)
    for end in range(6):
        if end != 2:
            assert found.strength[end] == pytest.approx(every_path(weights, 2, end))
        path = found.path(end)
        if found.strength[end]:
            assert (path[0], path[-1]) == (2, end)
            assert found.strength[end] == pytest.approx(np.prod([weights[to, of] for of, to in pairwise(path)]))
        else:
            assert path == (end,)


def test_a_chain_may_be_stronger_than_an_edge_and_edges_point() -> None:
    weights = np.zeros((4, 4))
    weights[1, 0], weights[2, 1], weights[2, 0] = 0.9, 0.8, 0.5  # receiver, sender
    found = reach(weights, 0)
    assert found.path(2) == (0, 1, 2)
    assert found.strength.tolist() == pytest.approx([1.0, 0.9, 0.72, 0.0])
    assert reach(weights, 2).strength.tolist() == [0, 0, 1, 0], "nothing leads back"
