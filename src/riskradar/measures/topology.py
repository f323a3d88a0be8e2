"""Measures of one graph: binary, symmetric, zero diagonal, members only, [n, n]; and the tree inside a correlation matrix."""

import math

import numba
import numpy as np
from scipy.optimize import linprog
from scipy.sparse.csgraph import shortest_path

from riskradar.measures.spectral import correlations
from riskradar.tables.arrays import Code, Float

IDLENESS = 0.5  # mass that stays at a node: the alpha of Lin, Lu and Yau


def density(graph: Float, sector: Code) -> float:
    """Share of the possible edges."""
    n = len(graph)
    return float(graph.sum() / (n * (n - 1))) if n > 1 else math.nan


def clustering(graph: Float, sector: Code) -> float:
    """Mean share of a node's pairs of neighbours that are joined, 0 for a node with fewer than two (Watts and Strogatz 1998)."""
    degree = graph.sum(axis=1)
    closed = ((graph @ graph) * graph).sum(axis=1)
    pairs = degree * (degree - 1)
    return float(np.divide(closed, pairs, out=np.zeros(len(graph)), where=pairs > 0).mean()) if len(graph) > 1 else math.nan


def modularity(graph: Float, sector: Code) -> float:
    """How much more the edges stay inside the sectors than degrees alone would have it (Newman 2006); NaN without labelled edges."""
    known = sector >= 0
    inside, codes = graph[known][:, known], sector[known]
    twice = inside.sum()
    if twice == 0:
        return math.nan
    groups = (codes[:, None] == np.unique(codes)).astype(float)
    within = (groups * (inside @ groups)).sum()
    return float(within / twice - ((inside.sum(axis=1) @ groups / twice) ** 2).sum())


def spectral_radius(graph: Float, sector: Code) -> float:
    """Largest eigenvalue of the graph over n-1, its value where every pair is joined."""
    n = len(graph)
    return float(max(np.linalg.eigvalsh(graph)[-1], 0.0) / (n - 1)) if n > 1 else math.nan


def forman(graph: Float, triangles: bool) -> Float:
    """Forman curvature of each edge, upper triangle: 4 - d_u - d_v, and 3 for each triangle in the augmented form (Sreejith et al. 2016)."""
    degree = graph.sum(axis=1)
    curvature = 4 - degree[:, None] - degree + (3 * (graph @ graph) if triangles else 0)
    edges: Float = curvature[np.triu(graph, 1) > 0]
    return edges


def forman_plain(graph: Float, sector: Code) -> float:
    """Mean Forman curvature over the edges; NaN without edges."""
    return float(forman(graph, False).mean()) if graph.any() else math.nan


def forman_augmented(graph: Float, sector: Code) -> float:
    """Mean Forman curvature with triangles over the edges; NaN without edges."""
    return float(forman(graph, True).mean()) if graph.any() else math.nan


def ollivier(graph: Float, idleness: float = IDLENESS) -> Float:
    """Ollivier-Ricci curvature of each edge, upper triangle: 1 - W1 of the two walkers, by exact transport (Ollivier 2009)."""
    hops = shortest_path(graph, unweighted=True)
    walk = idleness * np.eye(len(graph)) + (1 - idleness) * graph / np.maximum(graph.sum(axis=1), 1)[:, None]
    return np.array([1 - _transport(walk[u], walk[v], hops) for u, v in np.argwhere(np.triu(graph, 1) > 0)])


def ollivier_mean(graph: Float, sector: Code) -> float:
    """Mean Ollivier-Ricci curvature over the edges; NaN without edges."""
    return float(ollivier(graph).mean()) if graph.any() else math.nan


def _transport(give: Float, take: Float, hops: Float) -> float:
    """Least work that turns one distribution into the other; mass that both have stays where it is, which is optimal for a metric."""
    stay = np.minimum(give, take)
    give, take = give - stay, take - stay
    of, to = np.flatnonzero(give), np.flatnonzero(take)
    if not len(of):
        return 0.0
    rows = np.repeat(np.eye(len(of)), len(to), axis=1)
    columns = np.tile(np.eye(len(to)), len(of))
    solved = linprog(hops[np.ix_(of, to)].ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.append(give[of], take[to]), method="highs")
    return float(solved.fun)


@numba.njit(cache=True)
def _prim(distance: Float) -> float:
    n = distance.shape[0]
    near = np.full(n, np.inf)
    near[0] = 0.0
    outside = np.ones(n, np.bool_)
    total = 0.0
    for _ in range(n):
        best = -1
        for i in range(n):
            if outside[i] and (best < 0 or near[i] < near[best]):
                best = i
        outside[best] = False
        total += near[best]
        for i in range(n):
            if outside[i] and distance[best, i] < near[i]:
                near[i] = distance[best, i]
    return total


def tree_length(rho: Float) -> float:
    """Mean edge of the minimum spanning tree under the distance sqrt(2(1-rho)) (Mantegna 1999); NaN under two assets."""
    n = len(rho)
    return float(_prim(np.sqrt(2 * (1 - rho))) / (n - 1)) if n > 1 else math.nan


def tree_of(returns: Float) -> float:
    """The same of a window of returns."""
    return tree_length(correlations(returns))
