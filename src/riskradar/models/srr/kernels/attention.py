"""Softmax attention along edges with several heads: GATv2 (Brody, Alon, Yahav 2022) and the graph transformer (Shi et al. 2021)."""

from functools import cache
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from riskradar.models.srr.kernels.edges import FOUR, Edges, compiled, senders
from riskradar.models.srr.kernels.lanes import (
    by_head,
    exponential,
    fill,
    highest,
    join,
    larger,
    load,
    logarithm,
    repeat,
    store,
    to_heads,
    where_positive,
)
from riskradar.tables.arrays import Int

SLOPE = 0.2  # of LeakyReLU, as in GATv2


class Attention(NamedTuple):
    """A pair of kernels over P = S times snapshots, with the ReLU that follows; `snapshot` [P] says which.

    forward(values, vector, edge, shift, snapshot, edges, out, peak) fills out [P, N, H], and peak [P, N, 2 heads] with the largest score of each
    softmax and the sum of its exponentials over that; backward(values, vector, edge, shift, snapshot, edges, out, peak, slope, to values, to vector,
    to edge, to shift) fills the first of its last four and adds to the others. values [P, N, ...]: what nodes send and compare; vector, shift [S, H]
    are read by GATv2 only; edge [S, heads]: the bias for a weight of one. Where a node takes no part or the layer is absent, out is zero.
    A snapshot is walked in passes over all its nodes, four edges side by side, so that no node waits for the chain of sums of another.
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
    H, W, row = heads * size, 2 * heads * size, FOUR * heads

    @compiled
    def forward(values: Any, vector: Any, edge: Any, shift: Any, snapshot: Int, edges: Edges, out: Any, peak: Any) -> None:
        N, per = values.shape[1], len(values) // len(vector)
        most = edges.most + FOUR * N
        first, count, sender = np.empty(N + 1, np.int64), np.empty(N, np.int64), np.empty(most, np.int64)
        weight, share = np.empty(most, values.dtype), np.empty(most * heads, values.dtype)
        slope, zero = fill(values, SLOPE, H), fill(values, 0, H)
        for p in range(len(values)):
            s, base = p // per, p * N * W
            if edges.row[snapshot[p]] < 0:
                out[p] = 0
                continue
            senders(snapshot[p], edges, True, first, count, sender, weight)
            a, bias = load(vector, s * H, H), repeat(load(edge, s * heads, heads), row)
            for i in range(N):
                target, high = load(values, base + i * W + H, H), fill(values, -np.inf, row)
                for m in range(first[i], first[i + 1], FOUR):
                    z0 = load(values, base + sender[m] * W, H) + target
                    z1 = load(values, base + sender[m + 1] * W, H) + target
                    z2 = load(values, base + sender[m + 2] * W, H) + target
                    z3 = load(values, base + sender[m + 3] * W, H) + target
                    left = join(a * larger(z0, z0 * slope), a * larger(z1, z1 * slope))
                    right = join(a * larger(z2, z2 * slope), a * larger(z3, z3 * slope))
                    score = by_head(join(left, right), row) + bias * to_heads(load(weight, m, FOUR), row)
                    store(share, m * heads, score)
                    high = larger(high, score)
                store(peak, (p * N + i) * 2 * heads, highest(high, heads))
            for i in range(N):
                top = repeat(load(peak, (p * N + i) * 2 * heads, heads), row)
                for m in range(first[i] * heads, first[i + 1] * heads, row):
                    store(share, m, exponential(load(share, m, row) - top))
            for i in range(N):
                at, total, mixed = p * N + i, fill(values, 0, heads), zero
                for m in range(first[i], first[i] + count[i]):
                    power = load(share, m * heads, heads)
                    total = total + power
                    mixed = mixed + to_heads(power, H) * load(values, base + sender[m] * W, H)
                store(peak, at * 2 * heads + heads, total)
                store(out, at * H, larger(mixed / to_heads(total, H) + load(shift, s * H, H), zero) if count[i] else zero)

    return forward


def _gatv2_backward(heads: int, size: int) -> Any:
    H, W, row = heads * size, 2 * heads * size, FOUR * heads

    @compiled
    def backward(
        values: Any, vector: Any, edge: Any, shift: Any, snapshot: Int, edges: Edges, out: Any, peak: Any, slope: Any,
        to_values: Any, to_vector: Any, to_edge: Any, to_shift: Any,
    ) -> None:  # fmt: skip
        N, per = values.shape[1], len(values) // len(vector)
        most = edges.most + FOUR * N
        first, count, sender = np.empty(N + 1, np.int64), np.empty(N, np.int64), np.empty(most, np.int64)
        weight, share, error = np.empty(most, values.dtype), np.empty(most * heads, values.dtype), np.empty(most * heads, values.dtype)
        level, bent, zero = fill(values, 1, H), fill(values, SLOPE, H), fill(values, 0, H)
        for p in range(len(values)):
            s, base = p // per, p * N * W
            to_values[p] = 0
            if edges.row[snapshot[p]] < 0:
                continue
            senders(snapshot[p], edges, True, first, count, sender, weight)
            a, bias = load(vector, s * H, H), repeat(load(edge, s * heads, heads), row)
            for i in range(N):
                target, at = load(values, base + i * W + H, H), p * N + i
                back = where_positive(load(out, at * H, H), load(slope, at * H, H), zero)
                for m in range(first[i], first[i + 1], FOUR):
                    s0, s1 = load(values, base + sender[m] * W, H), load(values, base + sender[m + 1] * W, H)
                    s2, s3 = load(values, base + sender[m + 2] * W, H), load(values, base + sender[m + 3] * W, H)
                    z0, z1, z2, z3 = s0 + target, s1 + target, s2 + target, s3 + target
                    left = join(a * z0 * where_positive(z0, level, bent), a * z1 * where_positive(z1, level, bent))
                    right = join(a * z2 * where_positive(z2, level, bent), a * z3 * where_positive(z3, level, bent))
                    store(share, m * heads, by_head(join(left, right), row) + bias * to_heads(load(weight, m, FOUR), row))
                    store(error, m * heads, by_head(join(join(back * s0, back * s1), join(back * s2, back * s3)), row))
            for i in range(N):
                at, given = p * N + i, load(out, (p * N + i) * H, H)
                back = where_positive(given, load(slope, at * H, H), zero)
                mean = repeat(by_head(back * (given - load(shift, s * H, H)), heads), row)
                denominator = repeat(load(peak, at * 2 * heads, heads) + logarithm(load(peak, at * 2 * heads + heads, heads)), row)
                for m in range(first[i] * heads, first[i + 1] * heads, row):
                    each = exponential(load(share, m, row) - denominator)
                    store(share, m, each)
                    store(error, m, each * (load(error, m, row) - mean))
            own, turn, moved = zero, fill(values, 0, heads), zero
            for i in range(N):
                target, at, here = load(values, base + i * W + H, H), p * N + i, zero
                back = where_positive(load(out, at * H, H), load(slope, at * H, H), zero)
                moved = moved + back
                for m in range(first[i], first[i] + count[i]):
                    to = base + sender[m] * W
                    z, wrong = load(values, to, H) + target, load(error, m * heads, heads)
                    bend = where_positive(z, level, bent)
                    turn = turn + wrong * fill(values, weight[m], heads)
                    wide = to_heads(wrong, H) * bend
                    through = wide * a
                    own, here = own + wide * z, here + through
                    store(to_values, to, load(to_values, to, H) + to_heads(load(share, m * heads, heads), H) * back + through)
                store(to_values, base + i * W + H, here)
            store(to_vector, s * H, load(to_vector, s * H, H) + own)
            store(to_shift, s * H, load(to_shift, s * H, H) + moved)
            store(to_edge, s * heads, load(to_edge, s * heads, heads) + turn)

    return backward


def _transformer_forward(heads: int, size: int) -> Any:
    H, W, row, scale = heads * size, 4 * heads * size, FOUR * heads, 1 / sqrt(size)

    @compiled
    def forward(values: Any, vector: Any, edge: Any, shift: Any, snapshot: Int, edges: Edges, out: Any, peak: Any) -> None:
        N, per = values.shape[1], len(values) // len(edge)
        most = edges.most + FOUR * N
        first, count, sender = np.empty(N + 1, np.int64), np.empty(N, np.int64), np.empty(most, np.int64)
        weight, share = np.empty(most, values.dtype), np.empty(most * heads, values.dtype)
        narrow, zero = fill(values, scale, H), fill(values, 0, H)
        for p in range(len(values)):
            if edges.row[snapshot[p]] < 0:
                out[p] = 0
                continue
            senders(snapshot[p], edges, False, first, count, sender, weight)
            bias, base = repeat(load(edge, p // per * heads, heads), row), p * N * W
            for i in range(N):
                query, high = load(values, base + i * W, H) * narrow, fill(values, -np.inf, row)
                for m in range(first[i], first[i + 1], FOUR):
                    k0, k1 = load(values, base + sender[m] * W + H, H), load(values, base + sender[m + 1] * W + H, H)
                    k2, k3 = load(values, base + sender[m + 2] * W + H, H), load(values, base + sender[m + 3] * W + H, H)
                    met = by_head(join(join(query * k0, query * k1), join(query * k2, query * k3)), row)
                    score = met + bias * to_heads(load(weight, m, FOUR), row)
                    store(share, m * heads, score)
                    high = larger(high, score)
                store(peak, (p * N + i) * 2 * heads, highest(high, heads))
            for i in range(N):
                top = repeat(load(peak, (p * N + i) * 2 * heads, heads), row)
                for m in range(first[i] * heads, first[i + 1] * heads, row):
                    store(share, m, exponential(load(share, m, row) - top))
            for i in range(N):
                at, total, mixed = p * N + i, fill(values, 0, heads), zero
                for m in range(first[i], first[i] + count[i]):
                    power = load(share, m * heads, heads)
                    total = total + power
                    mixed = mixed + to_heads(power, H) * load(values, base + sender[m] * W + 2 * H, H)
                store(peak, at * 2 * heads + heads, total)
                told = mixed / to_heads(total, H) if count[i] else zero
                given = larger(told + load(values, base + i * W + 3 * H, H), zero)
                store(out, at * H, given if edges.mask[snapshot[p], i] else zero)

    return forward


def _transformer_backward(heads: int, size: int) -> Any:
    H, W, row, scale = heads * size, 4 * heads * size, FOUR * heads, 1 / sqrt(size)

    @compiled
    def backward(
        values: Any, vector: Any, edge: Any, shift: Any, snapshot: Int, edges: Edges, out: Any, peak: Any, slope: Any,
        to_values: Any, to_vector: Any, to_edge: Any, to_shift: Any,
    ) -> None:  # fmt: skip
        N, per = values.shape[1], len(values) // len(edge)
        most = edges.most + FOUR * N
        first, count, sender = np.empty(N + 1, np.int64), np.empty(N, np.int64), np.empty(most, np.int64)
        weight, share, error = np.empty(most, values.dtype), np.empty(most * heads, values.dtype), np.empty(most * heads, values.dtype)
        narrow, zero = fill(values, scale, H), fill(values, 0, H)
        for p in range(len(values)):
            to_values[p] = 0
            if edges.row[snapshot[p]] < 0:
                continue
            senders(snapshot[p], edges, False, first, count, sender, weight)
            s, base = p // per, p * N * W
            bias, turn = repeat(load(edge, s * heads, heads), row), fill(values, 0, heads)
            for i in range(N):
                at, query = p * N + i, load(values, base + i * W, H) * narrow
                back = where_positive(load(out, at * H, H), load(slope, at * H, H), zero)
                store(to_values, base + i * W + 3 * H, back)
                for m in range(first[i], first[i + 1], FOUR):
                    a0, a1, a2, a3 = sender[m] * W + base, sender[m + 1] * W + base, sender[m + 2] * W + base, sender[m + 3] * W + base
                    left = join(query * load(values, a0 + H, H), query * load(values, a1 + H, H))
                    right = join(query * load(values, a2 + H, H), query * load(values, a3 + H, H))
                    store(share, m * heads, by_head(join(left, right), row) + bias * to_heads(load(weight, m, FOUR), row))
                    left = join(back * load(values, a0 + 2 * H, H), back * load(values, a1 + 2 * H, H))
                    right = join(back * load(values, a2 + 2 * H, H), back * load(values, a3 + 2 * H, H))
                    store(error, m * heads, by_head(join(left, right), row))
            for i in range(N):
                at, given = p * N + i, load(out, (p * N + i) * H, H)
                back = where_positive(given, load(slope, at * H, H), zero)
                mean = repeat(by_head(back * (given - load(values, base + i * W + 3 * H, H)), heads), row)
                denominator = repeat(load(peak, at * 2 * heads, heads) + logarithm(load(peak, at * 2 * heads + heads, heads)), row)
                for m in range(first[i] * heads, first[i + 1] * heads, row):
                    each = exponential(load(share, m, row) - denominator)
                    store(share, m, each)
                    store(error, m, each * (load(error, m, row) - mean))
            for i in range(N):
                at, asked, query = p * N + i, zero, load(values, base + i * W, H) * narrow
                back = load(to_values, base + i * W + 3 * H, H)
                for m in range(first[i], first[i] + count[i]):
                    to, wrong = base + sender[m] * W + H, load(error, m * heads, heads)
                    turn = turn + wrong * fill(values, weight[m], heads)
                    wide = to_heads(wrong, H)
                    asked = asked + wide * load(values, to, H)
                    store(to_values, to, load(to_values, to, H) + wide * query)
                    store(to_values, to + H, load(to_values, to + H, H) + to_heads(load(share, m * heads, heads), H) * back)
                store(to_values, base + i * W, asked * narrow)
            store(to_edge, s * heads, load(to_edge, s * heads, heads) + turn)

    return backward
