"""Who listens to whom: the attention of the last graph layer, edge by edge.

A diagnostic of the encoder, not an attribution: a share says how a message was mixed, not what it did to a score.
"""

from math import sqrt

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from riskradar.models.networks import Weights
from riskradar.models.srr.architecture import Architecture
from riskradar.models.srr.encoders import Block, entrance, linear, messages
from riskradar.models.srr.kernels.attention import SLOPE
from riskradar.tables.arrays import Float32


def attention(architecture: Architecture, weights: Weights, block: Block, row: int) -> dict[str, Float32]:
    """Shares of the snapshot `row` for each layer, [N, N], mean over heads: node i listens to node j; for gatv2 and transformer.

    A row sums to 1 over the neighbours, with gatv2 over them and the node itself. It is zero where a node takes no part or, with transformer, has no
    neighbour; and everywhere while the layer is absent.
    """
    first, snapshot, last = entrance(weights, block, torch.tensor([[row]])), np.array([row]), architecture.depth - 1
    out = {}
    for m, name in enumerate(architecture.layers):
        h = first
        for step in range(last):
            h = messages(architecture, weights, f"{name}.{step}", h, snapshot, block.edges[m])
        out[name] = _shares(architecture, weights, f"{name}.{last}", h, _edges(architecture, block, m, row))
    return out


def _edges(architecture: Architecture, block: Block, layer: int, row: int) -> tuple[Tensor, Tensor, Tensor]:
    """Receiver, sender and weight of each edge [E] of a layer; with gatv2 every node is its own neighbour too, with weight one."""
    edges, here = block.edges[layer], block.mask[row]
    graph = int(edges.row[row])
    if graph < 0:
        return torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64), block.x.new_empty(0)
    ends = edges.indptr[graph]
    to = torch.from_numpy(np.repeat(np.arange(len(here)), np.diff(ends)))
    sender, weight = (torch.tensor(array[ends[0] : ends[-1]]) for array in (edges.sender, edges.weight))
    keep = here[to] & here[sender.long()]
    own = here.nonzero()[:, 0] if architecture.encoder == "gatv2" else to[:0]
    return torch.cat([to[keep], own]), torch.cat([sender.long()[keep], own]), torch.cat([weight[keep], weight.new_ones(len(own))])


def _shares(architecture: Architecture, weights: Weights, name: str, h: Tensor, edges: tuple[Tensor, Tensor, Tensor]) -> Float32:
    to, sender, weight = edges
    N, heads, H = h.shape[2], architecture.heads, architecture.width
    parts = torch.split(linear(weights, f"{name}.project", h)[0, 0], H, dim=1)
    if architecture.encoder == "gatv2":
        each = leaky_relu(parts[0][sender] + parts[1][to], SLOPE) * weights[f"{name}.attention"][0]
    else:
        each = parts[0][to] * parts[1][sender] / sqrt(H // heads)
    score = each.view(-1, heads, H // heads).sum(dim=2) + weight[:, None] * weights[f"{name}.edge"][0]
    at = to[:, None].expand(-1, heads)
    peak = score.new_full((N, heads), -torch.inf).scatter_reduce(0, at, score, "amax")
    power = torch.exp(score - peak[to])
    share = power / power.new_zeros(N, heads).scatter_add(0, at, power)[to]
    out = np.zeros((N, N), np.float32)
    out[to.numpy(), sender.numpy()] = share.mean(dim=1).numpy()
    return out
