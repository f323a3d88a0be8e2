"""From Features and Graphs to a Market: what the nodes and the date say, and each layer stored as it was drawn."""

from dataclasses import dataclass

import numpy as np

from riskradar import tables
from riskradar.models.inputs import matrix, missing
from riskradar.models.srr.market import Layer, Market, Sparse
from riskradar.tables import Bits, Features, Graphs, Groups, Held, Neighbours
from riskradar.tables.arrays import Bool, Float, Float32, Int

ROOM = 1 << 24  # numbers in a dense block


@dataclass(frozen=True, eq=False)
class Gaps:
    """How missing context is read. fill [M]: the mean over the training dates, NaN where it was never known; gap [M]: was it ever missing there."""

    fill: Float32
    gap: Bool

    @classmethod
    def of(cls, context: Float) -> "Gaps":
        """From the context [G, M] of the training dates."""
        known = np.isfinite(context)
        total, gap = np.where(known, context, 0.0).sum(axis=0), np.array(~known.all(axis=0))
        with np.errstate(invalid="ignore"):
            return cls((total / known.sum(axis=0)).astype(np.float32), gap)

    def read(self, context: Float) -> Float32:
        """Context [G, M] as [G, 2 M]: values with the mean in place of what is missing, then an indicator of the gaps, where training saw any.

        A series that training never knew is not read, whatever it says later.
        """
        unread = np.isnan(self.fill)
        missing = ~np.isfinite(context) | unread
        values = np.where(missing, np.where(unread, 0, self.fill), context)
        return np.concatenate([values, missing & self.gap & ~unread], axis=1).astype(np.float32)


def context(features: Features, rows: Int, names: tuple[str, ...]) -> Float:
    """Context of the sessions `rows`, [G, M]; NaN where not known, and throughout for what has no data."""
    out = np.full((len(rows), len(names)), np.nan)
    for m, name in enumerate(names):
        if not missing(features, (name,)):
            out[:, m] = matrix(features, (name,))[rows, 0]
    return out


def market(features: Features, graphs: Graphs, rows: Int, inputs: tuple[str, ...], layers: tuple[str, ...], context: Float32) -> Market:
    """The snapshots of the sessions `rows`. A node takes part when it is a member and has all its `inputs`.

    A layer is absent on a date when it has no data there: it is not built, not yet drawn, or joins nobody.
    """
    x = _values(features, rows, inputs)
    return Market(x, context, takes_part(features, rows, inputs), tuple(_layer(graphs.layers.get(name), rows, x.shape[1]) for name in layers))


def moments(values: Float) -> Float32:
    """Mean and deviation of each column of [G, K] where it is known, [2, K]; what is constant has deviation 1, what is never known no mean."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=0) / count
        scale = np.sqrt((np.where(known, values - mean, 0.0) ** 2).sum(axis=0) / count)
    return np.stack([mean, np.where(scale > 0, scale, 1.0)]).astype(np.float32)


def with_macro(assets: Market, values: Float) -> Market:
    """A market with a macro node more for each series of `values` [G, K], which takes part where its series is known.

    Node k says its value as the k-th of max(F, K) features, so that each series has a direction of its own. One more layer, the last, joins every
    macro node with every asset, both ways, by a plain edge of weight 1; it is absent on a date without a macro node.
    """
    (G, N, F), K = assets.x.shape, values.shape[1]
    known = np.isfinite(values) & assets.mask.any(axis=1, keepdims=True)
    x = np.zeros((G, N + K, max(F, K)), np.float32)
    x[:, :N, :F] = assets.x
    x[:, np.arange(N, N + K), np.arange(K)] = np.where(known, values, 0.0)
    layers = []
    for layer in assets.layers:
        edges = layer.drawn.sparse()
        layers.append(Layer(Sparse(np.pad(edges.indptr, ((0, 0), (0, K)), mode="edge"), edges.index, edges.weight), layer.row))
    senders = np.concatenate([np.tile(np.arange(N, N + K), N), np.tile(np.arange(N), K)]).astype(np.int32)
    ends = np.concatenate([np.arange(N) * K, N * K + np.arange(K + 1) * N])[None]
    joined = Layer(Sparse(ends, senders, np.ones(2 * N * K, np.float32)), np.where(known.any(axis=1), 0, -1))
    return Market(x, assets.context, np.concatenate([assets.mask, known], axis=1), (*layers, joined), K)


def takes_part(features: Features, rows: Int, inputs: tuple[str, ...]) -> Bool:
    """Members with all their `inputs` on the sessions `rows`, [G, N]."""
    out: Bool = features.member[rows] & np.isfinite(_values(features, rows, inputs)).all(axis=2)
    return out


def _values(features: Features, rows: Int, inputs: tuple[str, ...]) -> Float32:
    return features.values[rows][:, :, [features.names.index(name) for name in inputs]].astype(np.float32)


def _layer(layer: tables.Layer | None, rows: Int, nodes: int) -> Layer:
    if layer is None:
        return Layer(_edges(Groups(np.zeros((0, nodes), np.int16)), np.empty(0, np.int64), nodes), np.full(len(rows), -1))
    held, at = (layer.drawn, layer.row[rows]) if isinstance(layer, Held) else (layer, rows)
    drawn, row = _distinct(held, at)
    edges = _edges(held, drawn, nodes)
    joined = np.append(edges.indptr[:, -1] > edges.indptr[:, 0], False)  # the last: no graph
    return Layer(edges, np.where(joined[row], row, -1))


def _distinct(layer: tables.Layer, rows: Int) -> tuple[Int, Int]:
    """The graphs that hold on `rows` (-1: none), each once, and which of them holds on each row; labels that do not change draw one graph."""
    drawn, row = np.unique(rows, return_inverse=True)
    if isinstance(layer, Groups) and len(drawn):
        codes = layer.codes[drawn]
        first = np.append(True, (codes[1:] != codes[:-1]).any(axis=1))
        drawn, row = drawn[first], (np.cumsum(first) - 1)[row]
    absent = int((drawn < 0).sum())  # sorted: at most the first
    return drawn[absent:], np.asarray(row.reshape(-1) - absent, np.int64)


def _edges(layer: tables.Layer, drawn: Int, nodes: int) -> Sparse:
    """The graphs `drawn` of a layer as lists of edges; those of pairs are dense a few at a time."""
    if isinstance(layer, Neighbours):
        index, weight = layer.index[drawn], layer.weight[drawn]
        chosen = index >= 0
        ends = np.append(0, np.cumsum(chosen.sum(axis=2)))
        return Sparse(ends[np.arange(len(drawn))[:, None] * nodes + np.arange(nodes + 1)], index[chosen], weight[chosen])
    counts, senders, weights = [np.zeros(1, np.int64)], [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
    for first in range(0, len(drawn), step := max(ROOM // max(nodes, 1) ** 2, 1)):
        dense = _dense(layer, drawn[first : first + step])
        joined = dense != 0
        flat = np.flatnonzero(joined)
        counts.append(np.count_nonzero(joined, axis=2).ravel())
        senders.append((flat % max(nodes, 1)).astype(np.int32))
        weights.append(dense.ravel()[flat])
    ends = np.cumsum(np.concatenate(counts))
    indptr = ends[np.arange(len(drawn))[:, None] * nodes + np.arange(nodes + 1)]
    return Sparse(indptr, np.concatenate(senders), np.concatenate(weights))


def _dense(layer: tables.Layer, rows: Int) -> Float32:
    """Blocks of the dates `rows`, [R, N, N]."""
    if isinstance(layer, Bits):
        return Bits(layer.nodes, layer.packed[rows]).block(0, len(rows))
    return np.concatenate([layer.block(r, r + 1) for r in rows.tolist()])
