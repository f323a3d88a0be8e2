"""Graphs: one storage per layer behind one method, `block`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from riskradar.tables.arrays import Bool, Code, Days, Float32, Int, count_upto, frozen, sessions, unique


class Layer(Protocol):
    """One kind of relation between N nodes on T dates."""

    def block(self, start: int, stop: int) -> Float32:
        """Dense weights of dates start … stop-1, [t, N, N]: non-negative, symmetric or directed, zero diagonal."""
        ...

    def rows(self, start: int, stop: int) -> Layer:
        """The same layer on dates start … stop-1."""
        ...


@cache
def _upper(nodes: int) -> Bool:
    return np.triu(np.ones((nodes, nodes), bool), 1)


def _symmetric(pairs: NDArray[Any], nodes: int) -> Float32:
    """Upper triangles [t, N(N-1)/2] as dense symmetric weights [t, N, N]."""
    out = np.zeros((len(pairs), nodes, nodes), np.float32)
    out[:, _upper(nodes)] = pairs
    out += out.transpose(0, 2, 1).copy()
    return out


@dataclass(frozen=True, eq=False)
class Bits:
    """A thresholded symmetric layer: the upper triangle of each date as bits, [T, ceil(N(N-1)/2 / 8)]."""

    nodes: int
    packed: NDArray[np.uint8]

    def __post_init__(self) -> None:
        object.__setattr__(self, "packed", frozen("packed", self.packed, "uint8", (None, -(-self.nodes * (self.nodes - 1) // 16))))

    @classmethod
    def of(cls, edges: Bool) -> Bits:
        """Pack boolean adjacencies [T, N, N]; only the upper triangle is read."""
        return cls(edges.shape[1], np.packbits(edges[:, _upper(edges.shape[1])], axis=1))

    def block(self, start: int, stop: int) -> Float32:
        """See Layer.block."""
        pairs = self.nodes * (self.nodes - 1) // 2
        return _symmetric(np.unpackbits(self.packed[start:stop], axis=1, count=pairs), self.nodes)

    def rows(self, start: int, stop: int) -> Bits:
        """See Layer.rows."""
        return Bits(self.nodes, self.packed[start:stop])


@dataclass(frozen=True, eq=False)
class Weights:
    """A weighted symmetric layer: the upper triangle of each date in rows, [T, N(N-1)/2] float32, non-negative."""

    nodes: int
    pairs: Float32

    def __post_init__(self) -> None:
        object.__setattr__(self, "pairs", frozen("pairs", self.pairs, "float32", (None, self.nodes * (self.nodes - 1) // 2)))

    def block(self, start: int, stop: int) -> Float32:
        """See Layer.block."""
        return _symmetric(self.pairs[start:stop], self.nodes)

    def rows(self, start: int, stop: int) -> Weights:
        """See Layer.rows."""
        return Weights(self.nodes, self.pairs[start:stop])


@dataclass(frozen=True, eq=False)
class Neighbours:
    """A directed layer: the k neighbours that each node chose, index [T, N, k] int32 (-1 for none) and weight [T, N, k] float32."""

    index: NDArray[np.int32]
    weight: Float32

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", frozen("index", self.index, "int32", (None, None, None)))
        object.__setattr__(self, "weight", frozen("weight", self.weight, "float32", self.index.shape))

    def block(self, start: int, stop: int) -> Float32:
        """See Layer.block; row i holds the weights of the neighbours that node i chose."""
        index, weight = self.index[start:stop], self.weight[start:stop]
        out = np.zeros((*index.shape[:2], index.shape[1]), np.float32)
        t, i, k = np.nonzero(index >= 0)
        out[t, i, index[t, i, k]] = weight[t, i, k]
        return out

    def rows(self, start: int, stop: int) -> Neighbours:
        """See Layer.rows."""
        return Neighbours(self.index[start:stop], self.weight[start:stop])


@dataclass(frozen=True, eq=False)
class Groups:
    """Nodes joined when they carry the same label: codes [T, N], negative for none."""

    codes: Code

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", frozen("codes", self.codes, "int16", (None, None)))

    def block(self, start: int, stop: int) -> Float32:
        """See Layer.block."""
        codes = self.codes[start:stop]
        out: Float32 = ((codes[:, :, None] == codes[:, None, :]) & (codes[:, :, None] >= 0)).astype(np.float32)
        out[:, np.arange(codes.shape[1]), np.arange(codes.shape[1])] = 0
        return out

    def rows(self, start: int, stop: int) -> Groups:
        """See Layer.rows."""
        return Groups(self.codes[start:stop])


@dataclass(frozen=True, eq=False)
class Held:
    """A layer that is drawn on some sessions and holds until the next one.

    drawn: the graphs of those sessions [R]; row: which of them holds on each date, -1 for none yet [T]; member [T, N]: an edge ends
    while one of its two nodes is no member.
    """

    drawn: Layer
    row: Int
    member: Bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "row", frozen("row", self.row, "int64", (None,)))
        object.__setattr__(self, "member", frozen("member", self.member, "bool", (len(self.row), None)))

    def block(self, start: int, stop: int) -> Float32:
        """See Layer.block."""
        member = self.member[start:stop]
        first, last, row = self._span(start, stop)
        if first == last:
            return np.zeros((*member.shape, member.shape[1]), np.float32)
        out: Float32 = self.drawn.block(first, last)[np.maximum(row, 0)]
        out *= (member & (row >= 0)[:, None])[:, :, None]
        out *= member[:, None, :]
        return out

    def rows(self, start: int, stop: int) -> Held:
        """See Layer.rows."""
        first, last, row = self._span(start, stop)
        return Held(self.drawn.rows(first, last), row, self.member[start:stop])

    def _span(self, start: int, stop: int) -> tuple[int, int, Int]:
        """The graphs that hold on these dates, first … last-1, and which of them holds on each."""
        row = self.row[start:stop]
        held = row[row >= 0]
        first, last = (int(held.min()), int(held.max()) + 1) if len(held) else (0, 0)
        return first, last, np.where(row >= 0, row - first, -1)


@dataclass(frozen=True, eq=False)
class Graphs:
    """L layers over the same T dates and N nodes; absent maps a layer that was asked for and has no data to the reason."""

    dates: Days
    nodes: tuple[str, ...]
    layers: dict[str, Layer]
    absent: dict[str, str]

    def __post_init__(self) -> None:
        unique("nodes", self.nodes)
        object.__setattr__(self, "dates", sessions("dates", self.dates))

    def block(self, start: int, stop: int) -> Float32:
        """Dense weights of dates start … stop-1, [t, L, N, N], float32, non-negative, zero diagonal; non-members have no edges."""
        blocks = [layer.block(start, stop) for layer in self.layers.values()]
        return np.stack(blocks, axis=1) if blocks else np.zeros((stop - start, 0, len(self.nodes), len(self.nodes)), np.float32)

    def rows(self, start: int, stop: int) -> Graphs:
        """Dates start … stop-1."""
        return Graphs(self.dates[start:stop], self.nodes, {k: v.rows(start, stop) for k, v in self.layers.items()}, self.absent)

    def upto(self, date: Any) -> Graphs:
        """Graphs on or before `date`."""
        return self.rows(0, count_upto(self.dates, date))
