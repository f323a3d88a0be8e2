"""Attention along edges that can fade, forward and backward: each edge has a gate, by which what is received along it is scaled after the softmax.

Plain loops over lists of edges, of any type of number: what is explained is one sample, and its weights learn nothing.
"""

from typing import Any, NamedTuple

import numpy as np

from riskradar.models.srr.kernels.attention import SLOPE
from riskradar.models.srr.kernels.edges import compiled


class Along(NamedTuple):
    """Edges of L lines, receiver after receiver: line i receives along edges begin[i] … begin[i + 1] - 1; sender, weight and gate [E]."""

    begin: Any
    sender: Any
    weight: Any
    gate: Any


class Fading(NamedTuple):
    """A pair of kernels with the ReLU that follows; S seeds.

    forward(values, vector, edge, shift, along, out, share, own) fills out [S, L, H], and the softmax of each edge [S, E, heads] and of each line
    itself [S, L, heads]; backward(values, vector, edge, shift, along, out, share, own, slope, to values, to gate) adds to its last two. values
    [S, L, ...]: what lines send and compare, in the order of kernels.attention; vector, shift [S, H] are read by GATv2 only; edge [S, heads].
    """

    forward: Any
    backward: Any


@compiled
def _gatv2_forward(values: Any, vector: Any, edge: Any, shift: Any, along: Along, out: Any, share: Any, own: Any) -> None:
    S, L, H = out.shape
    heads = edge.shape[1]
    size = H // heads
    for s in range(S):
        for i in range(L):
            first, last = along.begin[i], along.begin[i + 1]
            for k in range(heads):
                low, high = k * size, (k + 1) * size
                itself = edge[s, k]
                for h in range(low, high):
                    z = values[s, i, h] + values[s, i, H + h]
                    itself += vector[s, h] * max(z, SLOPE * z)
                top = itself
                for e in range(first, last):
                    j, score = along.sender[e], edge[s, k] * along.weight[e]
                    for h in range(low, high):
                        z = values[s, j, h] + values[s, i, H + h]
                        score += vector[s, h] * max(z, SLOPE * z)
                    share[s, e, k] = score
                    top = max(top, score)
                total = np.exp(itself - top)
                own[s, i, k] = total
                for e in range(first, last):
                    share[s, e, k] = np.exp(share[s, e, k] - top)
                    total += share[s, e, k]
                own[s, i, k] /= total
                for h in range(low, high):
                    out[s, i, h] = shift[s, h] + own[s, i, k] * values[s, i, h]
                for e in range(first, last):
                    share[s, e, k] /= total
                    told = share[s, e, k] * along.gate[e]
                    for h in range(low, high):
                        out[s, i, h] += told * values[s, along.sender[e], h]
                for h in range(low, high):
                    out[s, i, h] = max(out[s, i, h], 0)


@compiled
def _gatv2_backward(
    values: Any, vector: Any, edge: Any, shift: Any, along: Along, out: Any, share: Any, own: Any, slope: Any, to_values: Any, to_gate: Any
) -> None:  # fmt: skip
    S, L, H = out.shape
    heads = edge.shape[1]
    size = H // heads
    back = np.empty(H, out.dtype)
    for s in range(S):
        for i in range(L):
            for k in range(heads):
                low, high = k * size, (k + 1) * size
                mean, met = 0.0 * slope[s, i, low], 0.0 * slope[s, i, low]
                for h in range(low, high):
                    back[h] = slope[s, i, h] if out[s, i, h] > 0 else 0
                    mean += back[h] * (out[s, i, h] - shift[s, h])
                    met += back[h] * values[s, i, h]
                wrong = own[s, i, k] * (met - mean)
                for h in range(low, high):
                    z = values[s, i, h] + values[s, i, H + h]
                    through = wrong * vector[s, h] * (1 if z > 0 else SLOPE)
                    to_values[s, i, h] += own[s, i, k] * back[h] + through
                    to_values[s, i, H + h] += through
                for e in range(along.begin[i], along.begin[i + 1]):
                    j, told = along.sender[e], share[s, e, k] * along.gate[e]
                    met = 0.0 * mean
                    for h in range(low, high):
                        met += back[h] * values[s, j, h]
                    to_gate[e] += share[s, e, k] * met
                    wrong = share[s, e, k] * (along.gate[e] * met - mean)
                    for h in range(low, high):
                        z = values[s, j, h] + values[s, i, H + h]
                        through = wrong * vector[s, h] * (1 if z > 0 else SLOPE)
                        to_values[s, j, h] += told * back[h] + through
                        to_values[s, i, H + h] += through


@compiled
def _transformer_forward(values: Any, vector: Any, edge: Any, shift: Any, along: Along, out: Any, share: Any, own: Any) -> None:
    S, L, H = out.shape
    heads = edge.shape[1]
    size = H // heads
    narrow = 1 / np.sqrt(size)
    for s in range(S):
        for i in range(L):
            first, last = along.begin[i], along.begin[i + 1]
            for h in range(H):
                out[s, i, h] = values[s, i, 3 * H + h]
            for k in range(heads):
                low, high = k * size, (k + 1) * size
                top = -np.inf
                for e in range(first, last):
                    j, met = along.sender[e], 0.0 * edge[s, k]
                    for h in range(low, high):
                        met += values[s, i, h] * values[s, j, H + h]
                    share[s, e, k] = met * narrow + edge[s, k] * along.weight[e]
                    top = max(top, share[s, e, k])
                total = 0.0 * edge[s, k]
                for e in range(first, last):
                    share[s, e, k] = np.exp(share[s, e, k] - top)
                    total += share[s, e, k]
                for e in range(first, last):
                    share[s, e, k] /= total
                    told = share[s, e, k] * along.gate[e]
                    for h in range(low, high):
                        out[s, i, h] += told * values[s, along.sender[e], 2 * H + h]
            for h in range(H):
                out[s, i, h] = max(out[s, i, h], 0)


@compiled
def _transformer_backward(
    values: Any, vector: Any, edge: Any, shift: Any, along: Along, out: Any, share: Any, own: Any, slope: Any, to_values: Any, to_gate: Any
) -> None:  # fmt: skip
    S, L, H = out.shape
    heads = edge.shape[1]
    size = H // heads
    narrow = 1 / np.sqrt(size)
    back = np.empty(H, out.dtype)
    for s in range(S):
        for i in range(L):
            for k in range(heads):
                low, high = k * size, (k + 1) * size
                mean = 0.0 * slope[s, i, low]
                for h in range(low, high):
                    back[h] = slope[s, i, h] if out[s, i, h] > 0 else 0
                    to_values[s, i, 3 * H + h] += back[h]
                    mean += back[h] * (out[s, i, h] - values[s, i, 3 * H + h])
                for e in range(along.begin[i], along.begin[i + 1]):
                    j, told = along.sender[e], share[s, e, k] * along.gate[e]
                    met = 0.0 * mean
                    for h in range(low, high):
                        met += back[h] * values[s, j, 2 * H + h]
                    to_gate[e] += share[s, e, k] * met
                    wrong = share[s, e, k] * (along.gate[e] * met - mean) * narrow
                    for h in range(low, high):
                        to_values[s, j, 2 * H + h] += told * back[h]
                        to_values[s, i, h] += wrong * values[s, j, H + h]
                        to_values[s, j, H + h] += wrong * values[s, i, h]


GATV2, TRANSFORMER = Fading(_gatv2_forward, _gatv2_backward), Fading(_transformer_forward, _transformer_backward)
