"""Graph layers whose edges can fade: the messages of srr, each edge with a gate between 0 (not there) and 1 (as stored).

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

from riskradar.models.networks import Weights
from riskradar.models.srr.architecture import Architecture
from riskradar.models.srr.encoders import linear
from riskradar.models.srr.functions import Fade
from riskradar.models.srr.kernels.fading import GATV2, TRANSFORMER
from riskradar.models.srr.market import Layer, Market
from riskradar.models.srr.network import Send
from riskradar.tables.arrays import Int


@dataclass(frozen=True, eq=False)
class Stored:
    """The edges of one layer on G snapshots, one after the other: snapshot, receiver and sender [E], weight [E]; there [G, N].

    Node i of snapshot g receives along edges begin[g N + i] … begin[g N + i + 1] - 1, begin [G N + 1].
    """

    begin: Int
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
        begin = np.searchsorted(snapshot * market.mask.shape[1] + receiver, np.arange(market.mask.size + 1))
        there = torch.from_numpy(market.mask & (layer.row >= 0)[:, None])
        return cls(begin, snapshot, receiver, sender, torch.from_numpy(weight.astype(np.float64)), there)


def sender(layers: Mapping[str, Stored], gates: Mapping[str, Tensor]) -> Send:
    """Messages with the gates [E] of each layer, in the place of encoders.messages."""

    def send(architecture: Architecture, weights: Weights, name: str, h: Tensor, snapshot: Int, edges: Any) -> Tensor:
        layer = name.rpartition(".")[0]
        stored, (S, U, N, H) = layers[layer], h.shape
        low, high = int(snapshot[0]), int(snapshot[U - 1]) + 1
        begin = stored.begin[low * N : high * N + 1]
        part = slice(begin[0], begin[-1])
        to, of = (torch.from_numpy((stored.snapshot[part] - low) * N + ends[part]) for ends in (stored.receiver, stored.sender))
        along = _Part(begin - begin[0], to, of, stored.weight[part], gates[layer][part])
        mixed = KINDS[architecture.encoder](architecture, weights, name, h.reshape(S, U * N, H), along)
        return (mixed * stored.there[low:high].reshape(1, U * N, 1)).view(S, U, N, H)

    return send


@dataclass(frozen=True, eq=False)
class _Part:
    begin: Int
    to: Tensor
    of: Tensor
    weight: Tensor
    gate: Tensor

    def sent(self, values: Tensor) -> Tensor:
        """What each edge's sender holds of [S, lines, ...]; the slope of index_select is a sum over lines, that of brackets many times slower."""
        return values.index_select(1, self.of)

    def summed(self, values: Tensor, lines: int) -> Tensor:
        """Sum of [S, E, ...] over the edges of each receiver, [S, lines, ...]."""
        return values.new_zeros(len(values), lines, *values.shape[2:]).index_add(1, self.to, values)


def _convolution(architecture: Architecture, weights: Weights, name: str, h: Tensor, along: _Part) -> Tensor:
    sent = torch.bmm(h, weights[name])
    faded = along.weight * along.gate
    root = (1 + along.summed(faded[None], sent.shape[1])[0]) ** -0.5
    received = along.summed((faded * root[along.of])[:, None] * along.sent(sent), sent.shape[1])
    return (root[:, None] * (received + root[:, None] * sent) + weights[f"{name}.bias"][:, None]).relu()


def _attention(architecture: Architecture, weights: Weights, name: str, h: Tensor, along: _Part) -> Tensor:
    values, none = linear(weights, f"{name}.project", h), h.new_zeros(len(h), h.shape[2])
    vector, shift = (weights.get(f"{name}.{part}", none) for part in ("attention", "bias"))
    kernels = {"gatv2": GATV2, "transformer": TRANSFORMER}[architecture.encoder]
    edges = (along.begin, along.of.numpy(), along.weight.numpy())
    out: Tensor = Fade.apply(values, along.gate, (vector, weights[f"{name}.edge"], shift), edges, kernels)  # type: ignore[no-untyped-call]
    return out


KINDS = {"gcn": _convolution, "gatv2": _attention, "transformer": _attention}
