"""Shuffled twins of layers, for placebos: the same degrees, weights and persistence, with the relations themselves made up.

A model that gains as much from the twin as from the layer gains nothing from who is joined to whom.
"""

from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b

import numpy as np

from riskradar.layers.kernels.rewire import swap_ends
from riskradar.tables import Bits, Graphs, Groups, Held, Layer, Neighbours, Weights
from riskradar.tables.arrays import Float32

SWAPS = 10  # tries per edge; Milo et al. (2003) find the result mixed well before that
CHUNK = 64  # sessions that are dense at a time


def placebo(graphs: Graphs, seed: int) -> Graphs:
    """The graphs with every layer replaced by its shuffled twin."""
    return replace(graphs, layers={name: shuffled(layer, len(graphs.dates), seed) for name, layer in graphs.layers.items()})


def shuffled(layer: Layer, sessions: int, seed: int) -> Layer:
    """The twin of a layer of so many sessions: pairs of edges exchange their ends, and weights are dealt anew over the edges.

    Each node keeps its number of edges on each session (of those chosen and of those that chose it, for a directed layer), on sessions of
    drawing for a layer that is held. Equal graphs have equal twins, so a twin lives as long as its layer does, and row t needs row t alone.
    A complete graph has no other ends to offer: there only the weights move.
    """
    if isinstance(layer, Held):
        return replace(layer, drawn=shuffled(layer.drawn, int(layer.row.max(initial=-1)) + 1, seed))
    if isinstance(layer, Neighbours):
        index, weight = np.full(layer.index.shape, -1, np.int32), np.zeros(layer.index.shape, np.float32)
        _each(layer, sessions, seed, lambda t, dense: _choices(dense, index[t], weight[t]))
        return Neighbours(index, weight)
    nodes = layer.block(0, 0).shape[1]
    upper = np.triu(np.ones((nodes, nodes), bool), 1)
    if isinstance(layer, Bits | Groups):
        bits = np.zeros((sessions, -(-nodes * (nodes - 1) // 16)), np.uint8)
        _each(layer, sessions, seed, lambda t, dense: bits.__setitem__(t, np.packbits(dense[upper] > 0)))
        return Bits(nodes, bits)
    pairs = np.zeros((sessions, nodes * (nodes - 1) // 2), np.float32)
    _each(layer, sessions, seed, lambda t, dense: pairs.__setitem__(t, dense[upper]))
    return Weights(nodes, pairs)


def rewired(dense: Float32, directed: bool, seed: int) -> Float32:
    """One graph [N, N] with the same degrees and other ends; the draw depends on the seed and on the graph."""
    seeds = np.frombuffer(blake2b(dense.tobytes(), digest_size=16).digest(), np.uint32)
    rng = np.random.default_rng([seed, *seeds.tolist()])
    edges = np.argwhere(dense if directed else np.triu(dense, 1))
    out = np.zeros_like(dense)
    if not len(edges):
        return out
    weight = rng.permutation(dense[edges[:, 0], edges[:, 1]])
    joined = dense > 0
    swap_ends(edges, joined, rng.integers(len(edges), size=(SWAPS * len(edges), 2)), rng.random(SWAPS * len(edges)) < 0.5, directed)
    out[edges[:, 0], edges[:, 1]] = weight
    if not directed:
        out[edges[:, 1], edges[:, 0]] = weight
    return out


def _each(layer: Layer, sessions: int, seed: int, keep: Callable[[int, Float32], None]) -> None:
    """Rewire session by session; a graph that equals the one before is not drawn again."""
    last = twin = np.empty((0, 0), np.float32)
    for start in range(0, sessions, CHUNK):
        for t, dense in enumerate(layer.block(start, min(start + CHUNK, sessions)), start):
            if not np.array_equal(dense, last):
                last, twin = dense, rewired(dense, isinstance(layer, Neighbours), seed)
            keep(t, twin)


def _choices(dense: Float32, index: np.ndarray, weight: Float32) -> None:
    """The neighbours of each node, strongest first."""
    order = np.argsort(-dense, axis=1, kind="stable")[:, : index.shape[1]]
    value = np.take_along_axis(dense, order, axis=1)
    index[:, : order.shape[1]] = np.where(value > 0, order, -1)
    weight[:, : order.shape[1]] = value
