"""Prim's tree and the growth of a triangulated planar graph, both on a dense correlation matrix."""

from typing import Any

import numpy as np

from riskradar.layers.kernels.windows import compiled
from riskradar.tables.arrays import Float


@compiled
def grow_tree(rho: Float) -> Any:
    """Edges [M-1, 2], lower position first, of the tree of the largest correlations: distance falls as correlation rises, so no root is taken."""
    M = rho.shape[0]
    edges = np.empty((max(M - 1, 0), 2), np.int64)
    best, parent, outside = np.full(M, -np.inf), np.zeros(M, np.int64), np.ones(M, np.bool_)
    new = 0
    for n in range(M - 1):
        outside[new] = False
        nearest = -1
        for j in range(M):
            if not outside[j]:
                continue
            if rho[new, j] > best[j]:
                best[j], parent[j] = rho[new, j], new
            if nearest < 0 or best[j] > best[nearest]:
                nearest = j
        new = nearest
        edges[n, 0], edges[n, 1] = min(new, parent[new]), max(new, parent[new])
    return edges


@compiled
def _best_vertex(rho: Float, outside: Any, face: Any) -> tuple[int, float]:
    """The vertex outside that adds the most inside a triangle, -1 when none is left."""
    vertex, gain = -1, -np.inf
    for v in range(outside.size):
        if outside[v]:
            added = rho[v, face[0]] + rho[v, face[1]] + rho[v, face[2]]
            if vertex < 0 or added > gain:
                vertex, gain = v, added
    return vertex, gain


@compiled
def grow_planar(rho: Float, first: Any) -> Any:
    """Edges [3M-6, 2] grown from the tetrahedron `first` [4]; faces remember their best vertex until somebody takes it."""
    M = rho.shape[0]
    edges, faces = np.empty((3 * M - 6, 2), np.int64), np.empty((2 * M - 4, 3), np.int64)
    vertex, gain, outside = np.empty(2 * M - 4, np.int64), np.empty(2 * M - 4), np.ones(M, np.bool_)
    outside[first] = False
    count = 0
    for a in range(4):
        for b in range(a + 1, 4):
            edges[count, 0], edges[count, 1] = first[a], first[b]
            count += 1
        faces[a, 0], faces[a, 1], faces[a, 2] = first[(a + 1) % 4], first[(a + 2) % 4], first[(a + 3) % 4]
        vertex[a], gain[a] = _best_vertex(rho, outside, faces[a])
    known = 4
    for _ in range(M - 4):
        face = 0
        for f in range(1, known):
            if gain[f] > gain[face]:
                face = f
        new, corners = vertex[face], faces[face].copy()
        outside[new] = False
        for c in range(3):
            edges[count, 0], edges[count, 1] = min(new, corners[c]), max(new, corners[c])
            count += 1
            at = face if c == 0 else known + c - 1
            faces[at, 0], faces[at, 1], faces[at, 2] = corners[(c + 1) % 3], corners[(c + 2) % 3], new
            vertex[at] = new
        known += 2
        for f in range(known):
            if vertex[f] == new:
                vertex[f], gain[f] = _best_vertex(rho, outside, faces[f])
    return edges
