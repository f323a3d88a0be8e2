"""Layers of torch_geometric that carry our weights, and the printed attention of the paper."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # its import compiles with torch.jit.script
    from torch_geometric.nn import GATv2Conv, GCNConv, TransformerConv

Given = dict[str, Tensor]


def gcn(given: Given, heads: int) -> GCNConv:
    return _loaded(GCNConv(*given["0"].shape), {"lin.weight": given["0"].T, "bias": given["0.bias"]})


def gatv2(given: Given, heads: int) -> GATv2Conv:
    H = len(given["0.project"])
    (left, right), (left_bias, right_bias) = given["0.project"].split(H, dim=1), given["0.project.bias"].split(H)
    state = {"lin_l.weight": left.T, "lin_l.bias": left_bias, "lin_r.weight": right.T, "lin_r.bias": right_bias, "bias": given["0.bias"]}
    return _loaded(GATv2Conv(H, H // heads, heads), state | {"att": given["0.attention"].view(1, heads, -1)})


def transformer(given: Given, heads: int) -> TransformerConv:
    H = len(given["0.project"])
    state, matrices, biases = {}, given["0.project"].split(H, dim=1), given["0.project.bias"].split(H)
    for part, matrix, bias in zip(("query", "key", "value", "skip"), matrices, biases, strict=True):
        state |= {f"lin_{part}.weight": matrix.T, f"lin_{part}.bias": bias}
    return _loaded(TransformerConv(H, H // heads, heads), state)


CONVOLUTIONS: dict[str, Callable[[Given, int], Any]] = {"gcn": gcn, "gatv2": gatv2, "transformer": transformer}


def _loaded(layer: Any, state: Given) -> Any:
    layer = layer.to(next(iter(state.values())).dtype)
    layer.load_state_dict(state)
    return layer


def printed(w: Tensor, a: Tensor, h: Tensor) -> Tensor:
    """Attention of every node to every node as the paper prints it: softmax_j of a . [W h_i | W h_j]."""
    own, other = a.chunk(2)
    wh = h @ w
    return torch.softmax((wh @ own)[:, None] + (wh @ other)[None, :], dim=1)
