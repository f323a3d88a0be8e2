"""Softmax attention along edges with several heads: GATv2 (Brody, Alon, Yahav 2022) and the graph transformer (Shi et al. 2021)."""

from functools import cache
from math import log, sqrt
from typing import Any, NamedTuple

import numpy as np

from riskradar.models.srr.kernels.edges import Edges, compiled
from riskradar.models.srr.kernels.lanes import by_head, exponential, fill, larger, load, repeat, store, to_heads, where_positive
from riskradar.tables.arrays import Int

SLOPE = 0.2  # of LeakyReLU, as in GATv2
LANES = 16  # exponentials taken side by side, at least one of each head


class Attention(NamedTuple):
    """A pair of kernels over P = S times snapshots, with the ReLU that follows; `snapshot` [P] says which.

    forward(values, vector, edge, shift, snapshot, edges, out, peak) fills out [P, N, H], and the logarithm of each softmax's denominator
    [P, N, heads]; backward(values, vector, edge, shift, snapshot, edges, out, peak, slope, to values, to vector, to edge, to shift) fills the first
    of its last four and adds to the others. values [P, N, ...]: what nodes send and compare; vector, shift [S, H] are read by GATv2 only;
    edge [S, heads]: the bias for a weight of one. Where a node takes no part or the layer is absent, out is zero.
    """

    forward: Any
    backward: Any


@cache
def gatv2(heads: int, size: int) -> Attention:
    """Score a . LeakyReLU(source_j + target_i) + edge weight; a node attends to itself with weight one; values are [source | target]."""
    return Attention(_gatv2_forward(heads, size), _gatv2_backward(heads, size))


@cache
def transformer(heads: int, size: int) -> Attention:
    """Score query_i . key_j / sqrt(size) + edge weight; a node adds itself outside the softmax; values are [query | key | value | itself]."""
    return Attention(_transformer_forward(heads, size), _transformer_backward(heads, size))


def _gatv2_forward(heads: int, size: int) -> Any:
    H, row = heads * size, heads * max(1, LANES // heads)

    @compiled
    def forward(values: Any, vector: Any, edge: Any, shift: Any, snapshot: Int, edges: Edges, out: Any, peak: Any) -> None:
        share, sender = np.zeros((edges.most + 1) * heads + row, values.dtype), np.empty(edges.most + 1, np.int64)
        one, N, per = values.dtype.type(1), values.shape[1], len(values) // len(vector)
        slope = fill(values, SLOPE, H)
        for p in range(len(values)):
            g, s = snapshot[p], p // per
            r = edges.row[g]
            a, bias, zero = load(vector, s * H, H), load(edge, s * heads, heads), fill(out, 0, H)
            for i in range(N):
                at = p * N + i
                if r < 0 or not edges.mask[g, i]:
                    store(out, at * H, fill(out, 0, H))
                    store(peak, at * heads, fill(out, 0, heads))
                    continue
                target = load(values, at * 2 * H + H, H)
                first, last = edges.indptr[r, i], edges.indptr[r, i + 1]
                top, count = fill(values, -np.inf, heads), 0
                for e in range(first, last + 1):
                    j = edges.sender[e] if e < last else i
                    if edges.mask[g, j]:
                        z = load(values, (p * N + j) * 2 * H, H) + target
                        weight = edges.weight[e] if e < last else one
                        score = by_head(a * larger(z, z * slope), heads) + bias * fill(values, weight, heads)
                        store(share, count * heads, score)
                        sender[count] = j
                        top, count = larger(top, score), count + 1
                for m in range(0, count * heads, row):
                    store(share, m, exponential(load(share, m, row) - repeat(top, row)))
                total, mixed = fill(values, 0, heads), fill(values, 0, H)
                for m in range(count):
                    power = load(share, m * heads, heads)
                    total = total + power
                    mixed = mixed + to_heads(power, H) * load(values, (p * N + sender[m]) * 2 * H, H)
                store(out, at * H, larger(mixed / to_heads(total, H) + load(shift, s * H, H), zero))
                store(peak, at * heads, top)
                store(share, 0, total)
                for h in range(heads):
                    peak[p, i, h] += log(share[h])

    return forward


def _gatv2_backward(heads: int, size: int) -> Any:
    H, W = heads * size, 2 * heads * size

    @compiled
    def backward(
        values: Any, vector: Any, edge: Any, shift: Any, snapshot: Int, edges: Edges, out: Any, peak: Any, slope: Any,
        to_values: Any, to_vector: Any, to_edge: Any, to_shift: Any,
    ) -> None:  # fmt: skip
        one, N, per = values.dtype.type(1), values.shape[1], len(values) // len(vector)
        level, bent = fill(values, 1, H), fill(values, SLOPE, H)
        for p in range(len(values)):
            g, s = snapshot[p], p // per
            r = edges.row[g]
            for at in range(p * N, p * N + N):
                store(to_values, at * W, fill(values, 0, W))
            if r < 0:
                continue
            a, bias, zero = load(vector, s * H, H), load(edge, s * heads, heads), fill(values, 0, H)
            own, turn, moved = zero, fill(values, 0, heads), zero
            for i in range(N):
                if not edges.mask[g, i]:
                    continue
                at = p * N + i
                target, denominator, given = load(values, at * 2 * H + H, H), load(peak, at * heads, heads), load(out, at * H, H)
                back = where_positive(given, load(slope, at * H, H), zero)
                mean = by_head(back * (given - load(shift, s * H, H)), heads)
                here, moved = zero, moved + back
                last = edges.indptr[r, i + 1]
                for e in range(edges.indptr[r, i], last + 1):
                    j = edges.sender[e] if e < last else i
                    if edges.mask[g, j]:
                        source = load(values, (p * N + j) * 2 * H, H)
                        z = source + target
                        bend = where_positive(z, level, bent)
                        weight = fill(values, edges.weight[e] if e < last else one, heads)
                        share = exponential(by_head(a * z * bend, heads) + bias * weight - denominator)
                        error = share * (by_head(back * source, heads) - mean)
                        turn = turn + error * weight
                        wide = to_heads(error, H) * bend
                        own = own + wide * z
                        through = wide * a
                        here = here + through
                        to = (p * N + j) * 2 * H
                        store(to_values, to, load(to_values, to, H) + to_heads(share, H) * back + through)
                store(to_values, at * 2 * H + H, here)
            store(to_vector, s * H, load(to_vector, s * H, H) + own)
            store(to_shift, s * H, load(to_shift, s * H, H) + moved)
            store(to_edge, s * heads, load(to_edge, s * heads, heads) + turn)

    return backward


def _transformer_forward(heads: int, size: int) -> Any:
    H, row, scale = heads * size, heads * max(1, LANES // heads), 1 / sqrt(size)

    @compiled
    def forward(values: Any, vector: Any, edge: Any, shift: Any, snapshot: Int, edges: Edges, out: Any, peak: Any) -> None:
        share, sender = np.zeros((edges.most + 1) * heads + row, values.dtype), np.empty(edges.most + 1, np.int64)
        N, per = values.shape[1], len(values) // len(edge)
        for p in range(len(values)):
            g = snapshot[p]
            r = edges.row[g]
            bias = load(edge, p // per * heads, heads)
            for i in range(N):
                at = p * N + i
                store(peak, at * heads, fill(out, 0, heads))
                if r < 0 or not edges.mask[g, i]:
                    store(out, at * H, fill(out, 0, H))
                    continue
                query = load(values, at * 4 * H, H) * fill(values, scale, H)
                first, last = edges.indptr[r, i], edges.indptr[r, i + 1]
                top, count = fill(values, -np.inf, heads), 0
                for e in range(first, last):
                    j = edges.sender[e]
                    if edges.mask[g, j]:
                        score = by_head(query * load(values, (p * N + j) * 4 * H + H, H), heads) + bias * fill(values, edges.weight[e], heads)
                        store(share, count * heads, score)
                        sender[count] = j
                        top, count = larger(top, score), count + 1
                itself = load(values, at * 4 * H + 3 * H, H)
                store(out, at * H, larger(itself, fill(out, 0, H)))
                if not count:
                    continue
                for m in range(0, count * heads, row):
                    store(share, m, exponential(load(share, m, row) - repeat(top, row)))
                total, mixed = fill(values, 0, heads), fill(values, 0, H)
                for m in range(count):
                    power = load(share, m * heads, heads)
                    total = total + power
                    mixed = mixed + to_heads(power, H) * load(values, (p * N + sender[m]) * 4 * H + 2 * H, H)
                store(out, at * H, larger(mixed / to_heads(total, H) + itself, fill(out, 0, H)))
                store(peak, at * heads, top)
                store(share, 0, total)
                for h in range(heads):
                    peak[p, i, h] += log(share[h])

    return forward


def _transformer_backward(heads: int, size: int) -> Any:
    H, W, scale = heads * size, 4 * heads * size, 1 / sqrt(size)

    @compiled
    def backward(
        values: Any, vector: Any, edge: Any, shift: Any, snapshot: Int, edges: Edges, out: Any, peak: Any, slope: Any,
        to_values: Any, to_vector: Any, to_edge: Any, to_shift: Any,
    ) -> None:  # fmt: skip
        N, per = values.shape[1], len(values) // len(edge)
        narrow = fill(values, scale, H)
        for p in range(len(values)):
            g, s = snapshot[p], p // per
            r = edges.row[g]
            for at in range(p * N, p * N + N):
                store(to_values, at * W, fill(values, 0, W))
            if r < 0:
                continue
            bias, turn = load(edge, s * heads, heads), fill(values, 0, heads)
            for i in range(N):
                if not edges.mask[g, i]:
                    continue
                at = p * N + i
                query, denominator, given = load(values, at * 4 * H, H) * narrow, load(peak, at * heads, heads), load(out, at * H, H)
                back = where_positive(given, load(slope, at * H, H), fill(values, 0, H))
                mean = by_head(back * (given - load(values, at * 4 * H + 3 * H, H)), heads)
                asked = fill(values, 0, H)
                for e in range(edges.indptr[r, i], edges.indptr[r, i + 1]):
                    j = edges.sender[e]
                    if edges.mask[g, j]:
                        to = (p * N + j) * 4 * H + H
                        key, weight = load(values, to, H), fill(values, edges.weight[e], heads)
                        share = exponential(by_head(query * key, heads) + bias * weight - denominator)
                        error = share * (by_head(back * load(values, to + H, H), heads) - mean)
                        turn = turn + error * weight
                        wide = to_heads(error, H)
                        asked = asked + wide * key
                        store(to_values, to, load(to_values, to, H) + wide * query)
                        store(to_values, to + H, load(to_values, to + H, H) + to_heads(share, H) * back)
                store(to_values, at * 4 * H, asked * narrow)
                store(to_values, at * 4 * H + 3 * H, back)
            store(to_edge, s * heads, load(to_edge, s * heads, heads) + turn)

    return backward
