"""Filtered graphs: the minimum spanning tree and the triangulated maximally filtered graph of the correlations over a window.

Both keep the strongest relations under a limit on their number: M-1 edges without a loop (Mantegna 1999), or 3M-6 edges that can be drawn in a
plane (Massara, Di Matteo, Aste 2016). An edge weighs (1 + rho) / 2, so that its length is sqrt(2(1 - rho)) = 2 sqrt(1 - weight).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from riskradar.features import log_returns
from riskradar.layers.kernels.filters import grow_planar, grow_tree
from riskradar.layers.ranks import Method
from riskradar.layers.windows import Drawing, DrawnConfig, correlations, pairs
from riskradar.tables import Layer, Panel
from riskradar.tables.arrays import Float

FAINT = 2.0**-24  # an edge at rho = -1 is still an edge
Filter = Callable[[Float], NDArray[np.int64]]


class FilterConfig(DrawnConfig, frozen=True):
    """window: log returns in each correlation."""

    method: Method = "pearson"


def tree(panel: Panel, config: FilterConfig) -> Layer | str:
    """The minimum spanning tree of the members whose whole window is known, [T, N, N], weights (1 + rho) / 2; row t uses closes up to its refresh."""
    return _filtered(panel, config, spanning_tree)


def planar(panel: Panel, config: FilterConfig) -> Layer | str:
    """The triangulated maximally filtered graph of the members whose whole window is known, else as `tree`."""
    return _filtered(panel, config, triangulated)


def distance(rho: Float) -> Float:
    """Mantegna's distance sqrt(2(1 - rho)): 0 for rho = 1, 2 for rho = -1."""
    out: Float = np.sqrt(2 * np.maximum(1 - rho, 0.0))
    return out


def spanning_tree(rho: Float) -> NDArray[np.int64]:
    """Edges [M-1, 2] of the spanning tree of least total distance; among equals the lower positions."""
    edges: NDArray[np.int64] = grow_tree(np.ascontiguousarray(rho))
    return edges


def triangulated(rho: Float) -> NDArray[np.int64]:
    """Edges [3M-6, 2] of the triangulated maximally filtered graph (all edges up to M = 3); among equals the lower positions.

    Vertices join one by one, each inside the triangle where it adds the most correlation, from the four of the largest sum of correlations
    above the mean (Massara, Di Matteo, Aste 2016, algorithm 1).
    """
    M = len(rho)
    if M < 4:
        return np.argwhere(np.triu(np.ones((M, M), bool), 1))
    strength = np.where(rho > rho.mean(), rho, 0.0).sum(axis=1)
    edges: NDArray[np.int64] = grow_planar(np.ascontiguousarray(rho), np.sort(np.argsort(-strength, kind="stable")[:4]))
    return edges


def _filtered(panel: Panel, config: FilterConfig, choose: Filter) -> Layer | str:
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = log_returns(panel.close)

    def weights(drawing: Drawing) -> Float:
        rho = correlations(drawing.values, config.method)
        out = np.zeros_like(rho)
        i, j = choose(rho).T
        out[i, j] = out[j, i] = np.maximum((1 + rho[i, j]) / 2, FAINT)
        return out

    return pairs(panel, returns, config, weights)
