"""Small random graphs, and the same networks built from torch_geometric and torch.nn."""

import warnings

import numpy as np
import torch
from torch import Tensor

from riskradar.models.dense import Shape, Snapshots
from riskradar.models.networks import Weights

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # its import compiles with torch.jit.script
    from torch_geometric.nn import GCNConv

SHAPES = {
    "snapshot": Shape("snapshot", 8, 5, 4, 3), "snapshot, linear head": Shape("snapshot", 8, 0, 4, 1), "temporal": Shape("temporal", 8, 0, 4, 3, 3),
    "temporal, one snapshot": Shape("temporal", 6, 2, 4, 2, 1),
}  # fmt: skip


def snapshots(count: int = 12, nodes: int = 9, features: int = 4, seed: int = 0, weighted: bool = False) -> Snapshots:
    """Some nodes take no part, some have no edge, and one snapshot has one node only."""
    rng = np.random.default_rng(seed)
    a = np.triu(rng.random((count, nodes, nodes)) < 0.4, 1) * (rng.random((count, nodes, nodes)) if weighted else 1.0)
    mask = rng.random((count, nodes)) < 0.8
    mask[:, 0] = True
    mask[-1, 1:] = False
    x = rng.normal(size=(count, nodes, features))
    return Snapshots(x.astype(np.float32), (a + a.transpose(0, 2, 1)).astype(np.float32), mask)


def labels(count: int, outputs: int, seed: int = 0) -> np.ndarray:
    """Zeros, ones and some that are not known."""
    rng = np.random.default_rng([seed, 7])
    y = (rng.random((count, outputs)) < 0.4).astype(float)
    y[rng.random(y.shape) < 0.1] = np.nan
    return y


def reference(shape: Shape, weights: Weights, graphs: Snapshots, rows: np.ndarray) -> Tensor:
    """Logits [n, K] of one seed, graph after graph, by GCNConv and nn.GRU."""
    dtype = weights["head"].dtype
    convolve = [convolution(weights[name], weights[f"{name}.bias"]) for name in ("gcn1", "gcn2")]
    encoded = []
    for x, a, mask in zip(graphs.x, graphs.a, graphs.mask, strict=True):
        use = np.flatnonzero(mask)
        adjacency = torch.from_numpy(a[np.ix_(use, use)])
        edges = adjacency.nonzero().T
        h, strength = torch.from_numpy(x[use]).to(dtype), adjacency[edges[0], edges[1]].to(dtype)
        for layer in convolve:
            h = layer(h, edges, strength).relu()
        encoded.append(h.mean(dim=0) if len(use) else h.new_zeros(shape.width))
    z = torch.stack(encoded)
    if shape.kind == "temporal":
        windows = torch.stack([z[row - shape.sequence + 1 : row + 1] for row in rows])
        state = recurrent(weights)(windows)[1][0]
    else:
        state = z[torch.from_numpy(rows)]
    if shape.head_hidden:
        state = (state @ weights["hidden"] + weights["hidden.bias"]).relu()
    return state @ weights["head"] + weights["head.bias"]


def convolution(weight: Tensor, bias: Tensor) -> GCNConv:
    layer = GCNConv(*weight.shape).to(weight.dtype)
    layer.load_state_dict({"lin.weight": weight.T, "bias": bias})
    return layer


def recurrent(weights: Weights) -> torch.nn.GRU:
    """torch.nn.GRU with our weights; both order the gates as reset, update, new."""
    width = len(weights["gru.hidden"])
    layer = torch.nn.GRU(width, width, batch_first=True, dtype=weights["head"].dtype)
    layer.load_state_dict({
        "weight_ih_l0": weights["gru.input"].T, "weight_hh_l0": weights["gru.hidden"].T, "bias_ih_l0": weights["gru.input.bias"],
        "bias_hh_l0": weights["gru.hidden.bias"],
    })  # fmt: skip
    return layer
