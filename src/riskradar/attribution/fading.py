"""Graph layers whose edges can fade: the messages of srr in plain torch, each edge with a gate between 0 (not there) and 1 (as stored).

In a convolution a gate scales the weight of its edge, and with it the degrees. In attention it scales what is received along the edge after the
softmax over all stored edges, so that an edge that has faded is still compared and says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from riskradar.models.networks import Weights
from riskradar.models.srr.architecture import Architecture
from riskradar.models.srr.encoders import linear
from riskradar.models.srr.kernels.attention import SLOPE
from riskradar.models.srr.market import Layer, Market
from riskradar.models.srr.network import Send
from riskradar.tables.arrays import Int


@dataclass(frozen=True, eq=False)
class Stored:
    """The edges of one layer on G snapshots, one after the other: first [G + 1], snapshot, receiver and sender [E], weight [E]; there [G, N]."""

    first: Int
    snapshot: Int
    receiver: Int
    sender: Int
    weight: Tensor
    there: Tensor

    @classmethod
    def of(cls, layer: Layer, market: Market) -> Stored:
        """As the compiled kernels read them: only between nodes that take part while the layer holds."""
        drawn = layer.drawn.sparse()
        graph, receiver = drawn.ends()
        parts = []
        for g, row in enumerate(layer.row):
            at = np.flatnonzero((graph == row) & market.mask[g, receiver] & market.mask[g, drawn.index])
            parts.append((np.full(len(at), g), receiver[at], drawn.index[at], drawn.weight[at]))
        snapshot, receiver, sender, weight = (np.concatenate(each) for each in zip(*parts, strict=True))
        first = np.searchsorted(snapshot, np.arange(len(layer.row) + 1))
        there = torch.from_numpy(market.mask & (layer.row >= 0)[:, None])
        return cls(first, snapshot, receiver, sender, torch.from_numpy(weight.astype(np.float64)), there)


def sender(layers: Mapping[str, Stored], gates: Mapping[str, Tensor]) -> Send:
    """Messages with the gates [E] of each layer, in the place of encoders.messages."""

    def send(architecture: Architecture, weights: Weights, name: str, h: Tensor, snapshot: Int, edges: Any) -> Tensor:
        layer = name.rpartition(".")[0]
        stored, (S, U, N, H) = layers[layer], h.shape
        low, high = int(snapshot[0]), int(snapshot[U - 1]) + 1
        part = slice(stored.first[low], stored.first[high])
        to, of = ((stored.snapshot[part] - low) * N + ends[part] for ends in (stored.receiver, stored.sender))
        along = _Part(torch.from_numpy(to), torch.from_numpy(of), stored.weight[part], gates[layer][part])
        mixed = KINDS[architecture.encoder](architecture, weights, name, h.reshape(S, U * N, H), along)
        return (mixed * stored.there[low:high].reshape(1, U * N, 1)).view(S, U, N, H)

    return send


@dataclass(frozen=True, eq=False)
class _Part:
    to: Tensor
    of: Tensor
    weight: Tensor
    gate: Tensor

    def sent(self, values: Tensor) -> Tensor:
        """What each edge's sender holds of [S, lines, ...]; the slope of index_select is a sum over lines, that of brackets many times slower."""
        return values.index_select(1, self.of)

    def received(self, values: Tensor) -> Tensor:
        """What each edge's receiver holds of [S, lines, ...]."""
        return values.index_select(1, self.to)

    def summed(self, values: Tensor, lines: int) -> Tensor:
        """Sum of [S, E, ...] over the edges of each receiver, [S, lines, ...]."""
        return values.new_zeros(len(values), lines, *values.shape[2:]).index_add(1, self.to, values)


def _convolution(architecture: Architecture, weights: Weights, name: str, h: Tensor, along: _Part) -> Tensor:
    sent = torch.bmm(h, weights[name])
    faded = along.weight * along.gate
    root = (1 + along.summed(faded[None], sent.shape[1])[0]) ** -0.5
    received = along.summed((faded * root[along.of])[:, None] * along.sent(sent), sent.shape[1])
    return (root[:, None] * (received + root[:, None] * sent) + weights[f"{name}.bias"][:, None]).relu()


def _gatv2(architecture: Architecture, weights: Weights, name: str, h: Tensor, along: _Part) -> Tensor:
    (S, lines, H), heads = h.shape, architecture.heads
    source, target = linear(weights, f"{name}.project", h).chunk(2, dim=2)
    vector, bias = weights[f"{name}.attention"][:, None], weights[f"{name}.edge"][:, None]

    def score(z: Tensor, weight: Tensor) -> Tensor:
        bent = vector * leaky_relu(z, SLOPE)
        return bent.view(S, -1, heads, H // heads).sum(3) + bias * weight[:, None]

    edge, own = score(along.sent(source) + along.received(target), along.weight), score(source + target, h.new_ones(1))
    top = _largest(edge, own, along)
    power, itself = (edge - along.received(top)).exp(), (own - top).exp()
    total = itself + along.summed(power, lines)
    heard = along.summed(_wide(power * along.gate[:, None], H) * along.sent(source), lines) + _wide(itself, H) * source
    return (heard / _wide(total, H) + weights[f"{name}.bias"][:, None]).relu()


def _transformer(architecture: Architecture, weights: Weights, name: str, h: Tensor, along: _Part) -> Tensor:
    (S, lines, H), heads = h.shape, architecture.heads
    query, key, value, own = linear(weights, f"{name}.project", h).chunk(4, dim=2)
    product = (along.received(query) * along.sent(key)).view(S, -1, heads, H // heads).sum(3) / (H // heads) ** 0.5
    edge = product + weights[f"{name}.edge"][:, None] * along.weight[:, None]
    top = _largest(edge, edge.new_full((S, lines, heads), -torch.inf), along)
    power = (edge - along.received(top)).exp()
    total = along.summed(power, lines)
    heard = along.summed(_wide(power * along.gate[:, None], H) * along.sent(value), lines)
    return (heard / _wide(torch.where(total > 0, total, 1.0), H) + own).relu()


KINDS = {"gcn": _convolution, "gatv2": _gatv2, "transformer": _transformer}


def _largest(edge: Tensor, own: Tensor, along: _Part) -> Tensor:
    """The largest score of each receiver, [S, lines, heads]: a constant of its softmax, without a slope."""
    index = along.to[None, :, None].expand(len(edge), -1, edge.shape[2])
    return own.detach().scatter_reduce(1, index, edge.detach(), "amax")


def _wide(by_head: Tensor, H: int) -> Tensor:
    return by_head.repeat_interleave(H // by_head.shape[2], dim=2)
