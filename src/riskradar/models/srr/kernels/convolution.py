"""The graph convolution's mean along edges, D^-1/2 (A + I) D^-1/2 (Kipf and Welling 2017), with the degrees of the nodes that take part."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from riskradar.models.srr.kernels.edges import Edges, compiled
from riskradar.models.srr.kernels.lanes import fill, larger, load, store, where_positive
from riskradar.tables.arrays import Int


class Convolution(NamedTuple):
    """forward(values, shift, snapshot, edges, out) fills out [P, N, H] from values [P, N, H], with the bias shift [S, H] and the ReLU that follow.

    backward(out, slope, snapshot, edges, to values, to shift) fills the first of its last two and adds to the other.
    Where a node takes no part or the layer is absent, out is zero.
    """

    forward: Any
    backward: Any


@compiled
def _roots(g: int, edges: Edges, root: Any) -> None:
    """1 / sqrt(1 + the weights that a node receives), 0 where it takes no part."""
    r = edges.row[g]
    for i in range(len(root)):
        root[i] = 0
        if edges.mask[g, i]:
            degree = root.dtype.type(1)
            for e in range(edges.indptr[r, i], edges.indptr[r, i + 1]):
                if edges.mask[g, edges.sender[e]]:
                    degree += edges.weight[e]
            root[i] = 1 / np.sqrt(degree)


@cache
def convolution(H: int) -> Convolution:
    """Kernels for embeddings of width H."""

    @compiled
    def forward(values: Any, shift: Any, snapshot: Int, edges: Edges, out: Any) -> None:
        N, per = values.shape[1], len(values) // len(shift)
        root = np.empty(N, values.dtype)
        for p in range(len(values)):
            g = snapshot[p]
            r = edges.row[g]
            if r < 0:
                out[p] = 0
                continue
            _roots(g, edges, root)
            bias, zero = load(shift, p // per * H, H), fill(out, 0, H)
            for i in range(N):
                at = (p * N + i) * H
                if not edges.mask[g, i]:
                    store(out, at, zero)
                    continue
                mixed = fill(values, root[i], H) * load(values, at, H)
                for e in range(edges.indptr[r, i], edges.indptr[r, i + 1]):
                    j = edges.sender[e]
                    mixed = mixed + fill(values, root[j] * edges.weight[e], H) * load(values, (p * N + j) * H, H)
                store(out, at, larger(fill(values, root[i], H) * mixed + bias, zero))

    @compiled
    def backward(out: Any, slope: Any, snapshot: Int, edges: Edges, to_values: Any, to_shift: Any) -> None:
        N, per = slope.shape[1], len(slope) // len(to_shift)
        root = np.empty(N, slope.dtype)
        for p in range(len(slope)):
            g, s = snapshot[p], p // per
            r = edges.row[g]
            to_values[p] = 0
            if r < 0:
                continue
            _roots(g, edges, root)
            moved = fill(slope, 0, H)
            for i in range(N):
                if not edges.mask[g, i]:
                    continue
                at = (p * N + i) * H
                given = where_positive(load(out, at, H), load(slope, at, H), fill(slope, 0, H))
                moved = moved + given
                back = fill(slope, root[i], H) * given
                store(to_values, at, load(to_values, at, H) + fill(slope, root[i], H) * back)
                for e in range(edges.indptr[r, i], edges.indptr[r, i + 1]):
                    j = edges.sender[e]
                    to = (p * N + j) * H
                    store(to_values, to, load(to_values, to, H) + fill(slope, root[j] * edges.weight[e], H) * back)
            store(to_shift, s * H, load(to_shift, s * H, H) + moved)

    return Convolution(forward, backward)
