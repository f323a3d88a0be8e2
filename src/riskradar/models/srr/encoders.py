"""Graph encoders: one interface over every storage, since a block keeps each layer as edges; all weights lead with the axis of seeds.

Their messages are compiled (srr.kernels): dense N x N blocks of attention are never made, and nothing is kept for an edge once its snapshot is done.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from riskradar.models.networks import Weights
from riskradar.models.srr.architecture import Architecture
from riskradar.models.srr.functions import Attend, Convolve
from riskradar.models.srr.kernels.attention import gatv2, transformer
from riskradar.models.srr.kernels.convolution import convolution
from riskradar.models.srr.kernels.edges import Edges
from riskradar.models.srr.market import Market
from riskradar.tables.arrays import Int

ATTENTION = {"gatv2": gatv2, "transformer": transformer}


@dataclass(frozen=True, eq=False)
class Block:
    """A market made ready: x [G, N, F], context [G, M], mask [G, N], present [G, L], edges of each layer.

    pool [G, N]: the weights of the mean over assets plus the mean over macro nodes.
    """

    x: Tensor
    context: Tensor
    mask: Tensor
    present: Tensor
    pool: Tensor
    edges: tuple[Edges, ...]
    macro: int

    @classmethod
    def of(cls, market: Market, dtype: str) -> "Block":
        """A snapshot without a node pools to zero."""
        parts = np.split(market.mask, [market.mask.shape[1] - market.macro], axis=1)
        mean = np.concatenate([part / np.maximum(part.sum(axis=1, keepdims=True), 1) for part in parts], axis=1)
        x, context, pool = (torch.from_numpy(array.astype(dtype)) for array in (market.x, market.context, mean))
        edges = []
        for layer in market.layers:
            drawn = layer.drawn.sparse()
            most = int((drawn.indptr[:, -1] - drawn.indptr[:, 0]).max(initial=0))
            edges.append(Edges(layer.row, drawn.indptr, drawn.index, drawn.weight.astype(dtype), market.mask, most))
        mask, present = torch.from_numpy(market.mask.copy()), torch.from_numpy(market.present)
        return cls(x, context, mask, present, pool, tuple(edges), market.macro)


def linear(weights: Weights, name: str, x: Tensor) -> Tensor:
    """[S, ..., A] times the matrix `name` [S, A, B], plus its bias."""
    flat = torch.baddbmm(weights[f"{name}.bias"][:, None], x.reshape(len(x), -1, x.shape[-1]), weights[name])
    return flat.view(*x.shape[:-1], flat.shape[2])


def entrance(weights: Weights, block: Block, index: Tensor) -> Tensor:
    """First embeddings of the snapshots `index` [S, U] -> [S, U, N, H]: assets and macro nodes each by their own matrix, context added."""
    S, U = index.shape
    flat = index.reshape(-1)
    x = block.x.index_select(0, flat).view(S, U, *block.x.shape[1:])
    assets = x.shape[2] - block.macro
    h = linear(weights, "input", x[:, :, :assets])
    if block.macro:
        h = torch.cat([h, linear(weights, "input.macro", x[:, :, assets:])], dim=2)
    if "input.context" in weights:
        context = block.context.index_select(0, flat).view(S, U, -1)
        h = h + torch.bmm(context, weights["input.context"])[:, :, None]
    return h.relu()


def messages(architecture: Architecture, weights: Weights, name: str, h: Tensor, snapshot: Int, edges: Edges) -> Tensor:
    """One graph layer `name` with its ReLU: [S, U, N, H] -> [S, U, N, H]; zero where a node takes no part or the layer of the market is absent."""
    S, U, N, H = h.shape
    if architecture.encoder == "gcn":
        sent = torch.bmm(h.view(S, U * N, H), weights[name]).view(S * U, N, H)
        mixed: Tensor = Convolve.apply(sent, weights[f"{name}.bias"], snapshot, edges, convolution(H))  # type: ignore[no-untyped-call]
    else:
        kernels = ATTENTION[architecture.encoder](architecture.heads, H // architecture.heads)
        sent = linear(weights, f"{name}.project", h).view(S * U, N, -1)
        none = h.new_zeros(S, H)
        vector, shift = (weights.get(f"{name}.{part}", none) for part in ("attention", "bias"))
        mixed = Attend.apply(sent, vector, weights[f"{name}.edge"], shift, snapshot, edges, kernels)  # type: ignore[no-untyped-call]
    return mixed.view(S, U, N, H)


def everywhere(architecture: Architecture, weights: Weights, name: str, h: Tensor, mask: Tensor) -> Tensor:
    """Self-attention over all nodes that take part, plus itself (paper 5.3): [S, U, N, H] -> [S, U, N, H]; mask [S U, N]."""
    S, U, N, H = h.shape
    query, key, value = linear(weights, f"{name}.project", h).view(S * U, N, 3, architecture.heads, -1).permute(2, 0, 3, 1, 4)
    keys = mask | ~mask.any(dim=1, keepdim=True)  # a snapshot without a node still needs a softmax
    mixed = scaled_dot_product_attention(query, key, value, attn_mask=keys[:, None, None, :].expand(-1, -1, N, -1))
    return linear(weights, f"{name}.mix", mixed.transpose(1, 2).reshape(S, U, N, H)) + h
