"""What the full network reads, without torch: node features, context and graph layers of G snapshots, each layer in the storage that suits it."""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from riskradar.tables.arrays import Bool, Float32, Int, frozen

Index = NDArray[np.int32]


class Storage(Protocol):
    """R drawn graphs between N nodes: node i receives from node j with a weight, non-negative; zero is no edge, and the diagonal is ignored."""

    @property
    def shape(self) -> tuple[int, int]:
        """R and N."""
        ...

    def sparse(self) -> "Sparse":
        """The same graphs as lists of edges."""
        ...

    def rows(self, start: int, stop: int) -> "Storage":
        """The drawn graphs start … stop-1."""
        ...


@dataclass(frozen=True, eq=False)
class Sparse:
    """Compressed rows: node i of graph r receives from index[indptr[r, i] : indptr[r, i + 1]]; indptr [R, N + 1], index and weight [E]."""

    indptr: Int
    index: Index
    weight: Float32

    def __post_init__(self) -> None:
        object.__setattr__(self, "indptr", frozen("indptr", self.indptr, "int64", (None, None)))
        object.__setattr__(self, "index", frozen("index", self.index, "int32", (None,)))
        object.__setattr__(self, "weight", frozen("weight", self.weight, "float32", self.index.shape))
        N = self.shape[1]
        joints = np.concatenate([[0], self.indptr[:, -1]]) == np.concatenate([self.indptr[:, 0], [len(self.index)]])
        if (np.diff(self.indptr, axis=1) < 0).any() or not joints.all():
            raise ValueError("indptr must rise from 0 to the number of edges, graph after graph")
        if len(self.index) and (self.index.min() < 0 or self.index.max() >= N):
            raise ValueError(f"index names a node beyond the {N} there are")

    @property
    def shape(self) -> tuple[int, int]:
        """See Storage."""
        return len(self.indptr), self.indptr.shape[1] - 1

    def sparse(self) -> "Sparse":
        """See Storage.sparse."""
        return self

    def rows(self, start: int, stop: int) -> "Sparse":
        """See Storage.rows."""
        indptr = self.indptr[start:stop]
        first, last = (int(indptr.min()), int(indptr.max())) if indptr.size else (0, 0)
        return Sparse(indptr - first, self.index[first:last], self.weight[first:last])

    def ends(self) -> tuple[Int, Int]:
        """The drawn graph and the receiver of each edge, [E] each; graphs stand one after the other."""
        R, N = self.shape
        place = np.repeat(np.arange(R * N), np.diff(self.indptr, axis=1).ravel())
        return place // max(N, 1), place % max(N, 1)

    @classmethod
    def of(cls, shape: tuple[int, int], edges: tuple[Any, Any, Any], weight: Float32) -> "Sparse":
        """From graph, receiver and sender of each edge, sorted by graph and receiver."""
        R, N = shape
        count = np.bincount(edges[0] * N + edges[1], minlength=R * N)
        ends = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        return cls(ends[np.arange(R)[:, None] * N + np.arange(N + 1)], edges[2].astype(np.int32), weight)


@dataclass(frozen=True, eq=False)
class Dense:
    """Blocks a [R, N, N]: a[r, i, j] is the weight with which i receives from j."""

    a: Float32

    def __post_init__(self) -> None:
        object.__setattr__(self, "a", frozen("a", self.a, "float32", (None, None, self.a.shape[1])))

    @property
    def shape(self) -> tuple[int, int]:
        """See Storage."""
        return self.a.shape[0], self.a.shape[1]

    def sparse(self) -> Sparse:
        """See Storage.sparse."""
        r, i, j = np.nonzero(self.a)
        return Sparse.of(self.shape, (r, i, j), self.a[r, i, j])

    def rows(self, start: int, stop: int) -> "Dense":
        """See Storage.rows."""
        return Dense(self.a[start:stop])


@dataclass(frozen=True, eq=False)
class Near:
    """The k neighbours that each node receives from: index [R, N, k], -1 for none, and weight [R, N, k]."""

    index: Index
    weight: Float32

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", frozen("index", self.index, "int32", (None, None, None)))
        object.__setattr__(self, "weight", frozen("weight", self.weight, "float32", self.index.shape))

    @property
    def shape(self) -> tuple[int, int]:
        """See Storage."""
        return self.index.shape[0], self.index.shape[1]

    def sparse(self) -> Sparse:
        """See Storage.sparse."""
        r, i, k = np.nonzero(self.index >= 0)
        return Sparse.of(self.shape, (r, i, self.index[r, i, k]), self.weight[r, i, k])

    def rows(self, start: int, stop: int) -> "Near":
        """See Storage.rows."""
        return Near(self.index[start:stop], self.weight[start:stop])


@dataclass(frozen=True, eq=False)
class Layer:
    """One kind of relation: the drawn graphs, and which of them holds on each snapshot [G] (-1: the layer is absent)."""

    drawn: Storage
    row: Int

    def __post_init__(self) -> None:
        object.__setattr__(self, "row", frozen("row", self.row, "int64", (None,)))
        if len(self.row) and not -1 <= self.row.min() <= self.row.max() < self.drawn.shape[0]:
            raise ValueError(f"row names a graph beyond the {self.drawn.shape[0]} drawn")

    def part(self, start: int, stop: int) -> "Layer":
        """Snapshots start … stop-1, with the graphs that hold on them."""
        row = self.row[start:stop]
        held = row[row >= 0]
        first, last = (int(held.min()), int(held.max()) + 1) if len(held) else (0, 0)
        return Layer(self.drawn.rows(first, last), np.where(row >= 0, row - first, -1))

    def live(self, mask: Bool) -> "Layer":
        """Edges of positive weight between two nodes that take part [G, N] while their graph holds; ValueError where such a weight is no number."""
        edges, held = self.drawn.sparse(), self.row >= 0
        alive = np.zeros(edges.shape, bool)
        np.logical_or.at(alive, self.row[held], mask[held])
        r, i = edges.ends()
        keep = alive[r, i] & alive[r, edges.index] & (edges.index != i) & (edges.weight != 0)
        weight = edges.weight[keep]
        if not (np.isfinite(weight) & (weight > 0)).all():
            raise ValueError("a weight between two nodes that take part is negative or not a number; mask a node or leave the edge out")
        if keep.all():
            return Layer(edges, self.row)
        return Layer(Sparse.of(edges.shape, (r[keep], i[keep], edges.index[keep]), weight), self.row)


@dataclass(frozen=True, eq=False)
class Market:
    """G snapshots in order of time: x [G, N, F] node features, context [G, M], mask [G, N] nodes that take part, layers over the same nodes.

    The last `macro` of the nodes are macro nodes. Layers are kept as lists of edges, whatever storage they came in. What stands at masked nodes, in
    the context of a snapshot without nodes, and on edges that join no two nodes that take part while their graph holds, NaN included, is dropped.
    """

    x: Float32
    context: Float32
    mask: Bool
    layers: tuple[Layer, ...]
    macro: int = 0

    def __post_init__(self) -> None:
        G, N, _ = self.x.shape
        mask = frozen("mask", self.mask, "bool", (G, N))
        object.__setattr__(self, "mask", mask)
        self._say(self.x, self.context)
        if any(layer.drawn.shape[1] != N or len(layer.row) != G for layer in self.layers):
            raise ValueError(f"every layer must join the {N} nodes on the {G} snapshots")
        object.__setattr__(self, "layers", tuple(layer.live(mask) for layer in self.layers))

    def _say(self, x: Float32, context: Float32) -> None:
        """Hold these numbers, without those that are masked."""
        x = np.where(self.mask[:, :, None], x, np.float32(0))
        context = np.where(np.any(self.mask, axis=1)[:, None], context, np.float32(0))
        if not np.isfinite(x).all() or not np.isfinite(context).all():
            raise ValueError("a node that takes part needs all its features, and its snapshot all its context; mask it")
        object.__setattr__(self, "x", frozen("x", x, "float32", (*self.mask.shape, None)))
        object.__setattr__(self, "context", frozen("context", context, "float32", (len(self.mask), None)))

    @property
    def present(self) -> Bool:
        """Layers that hold on each snapshot, [G, L]."""
        rows = [layer.row >= 0 for layer in self.layers]
        return np.stack(rows, axis=1) if rows else np.zeros((len(self.x), 0), bool)

    def part(self, start: int, stop: int) -> "Market":
        """Snapshots start … stop-1."""
        layers = tuple(layer.part(start, stop) for layer in self.layers)
        return Market(self.x[start:stop], self.context[start:stop], self.mask[start:stop], layers, self.macro)

    def moments(self) -> tuple[Float32, Float32]:
        """Mean and deviation of each feature over the assets that take part, over the macro nodes, and of the context: [2 F + M] each.

        What is constant, or there is none of, has deviation 1.
        """
        assets = self.mask.copy()
        assets[:, self.mask.shape[1] - self.macro :] = False
        groups = (self.x[assets], self.x[self.mask & ~assets], self.context[self.mask.any(axis=1)])
        pairs = [_moments(values) for values in groups]
        mean, scale = (np.concatenate([pair[k] for pair in pairs]) for k in (0, 1))
        return mean, scale

    def standardised(self, mean: Float32, scale: Float32) -> "Market":
        """The same snapshots with features and context less `mean` over `scale`, as `moments` gives them."""
        F, assets = self.x.shape[2], self.x.shape[1] - self.macro
        x = np.concatenate([(self.x[:, :assets] - mean[:F]) / scale[:F], (self.x[:, assets:] - mean[F : 2 * F]) / scale[F : 2 * F]], axis=1)
        made = copy(self)  # its layers were checked when it was made
        made._say(x, (self.context - mean[2 * F :]) / scale[2 * F :])
        return made

    def compact(self) -> "Market":
        """Without nodes that take part in no snapshot: what others follow changes nothing."""
        some = np.any(self.mask, axis=0)
        if some.all():
            return self
        place = (np.cumsum(some) - 1).astype(np.int32)
        shape = int(some.sum())
        layers = []
        for layer in self.layers:
            edges = layer.drawn.sparse()
            r, i = edges.ends()  # no edge of a Market touches a node that never takes part
            layers.append(Layer(Sparse.of((edges.shape[0], shape), (r, place[i], place[edges.index]), edges.weight), layer.row))
        macro = int(some[len(some) - self.macro :].sum())
        return Market(self.x[:, some], self.context, self.mask[:, some], tuple(layers), macro)

    def arrays(self) -> Iterator[NDArray[Any]]:
        """Every array that decides what a network learns, in order."""
        yield from (self.x, self.context, self.mask)
        for layer in self.layers:
            edges = layer.drawn.sparse()
            yield from (edges.indptr, edges.index, edges.weight, layer.row)


def _moments(values: Float32) -> tuple[Float32, Float32]:
    wide = values.astype(np.float64)
    if not len(wide):
        return np.zeros(wide.shape[1], np.float32), np.ones(wide.shape[1], np.float32)
    scale = wide.std(axis=0)
    return wide.mean(axis=0).astype(np.float32), np.where(scale > 0, scale, 1.0).astype(np.float32)
