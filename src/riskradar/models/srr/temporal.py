"""Temporal encoders: the state of the last of k snapshots, after a GRU, an LSTM or a causal transformer layer over them.

What enters is multiplied once for each distinct snapshot, however many windows share it: entering [S, k, Q, ...] are then only rows looked up.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from riskradar.models.networks import Weights, sigmoid
from riskradar.models.srr.architecture import Architecture
from riskradar.models.srr.encoders import linear
from riskradar.models.srr.functions import Recur
from riskradar.models.srr.kernels.recurrence import recurrence


def remember(architecture: Architecture, weights: Weights, states: Tensor, place: Tensor, mask: Tensor | None) -> Tensor:
    """States [S, U, E, H] of distinct snapshots -> state [S, B, E, H] after the windows `place` [S, B, k], positions among the U.

    mask [S, U, E]: a line that takes no part on a snapshot keeps its state over it, and is attended to by none.
    """
    S, _, E, H = states.shape
    order = place.transpose(1, 2)  # step after step
    windows = None if mask is None else take(mask[..., None], order)[..., 0]
    if architecture.temporal == "transformer":
        out = _transformer(architecture, weights, states, order, windows)
    else:
        entering = take(linear(weights, f"{architecture.temporal}.input", states), order).flatten(2, 3)
        known = None if windows is None else windows.flatten(2, 3)
        out = {"gru": _gru, "lstm": _lstm}[architecture.temporal](weights, entering, known)
    return out.view(S, place.shape[1], E, H)


def take(values: Tensor, place: Tensor) -> Tensor:
    """Rows of values [S, U, ...] at place [S, ...] -> [S, ..., ...]."""
    S, U = values.shape[:2]
    flat = (place + U * torch.arange(S).view(S, *[1] * (place.dim() - 1))).reshape(-1)
    return values.reshape(S * U, -1).index_select(0, flat).view(*place.shape, *values.shape[2:])


def _gru(weights: Weights, entering: Tensor, known: Tensor | None) -> Tensor:
    """Last hidden state [S, Q, H] of one GRU layer (Cho et al. 2014) that starts at zero, from its input products [S, k, Q, 3H]."""
    there = np.ones(entering.shape[:3], bool) if known is None else known.numpy()
    kernels = recurrence(entering.shape[3] // 3)
    out: Tensor = Recur.apply(entering, weights["gru.hidden"], weights["gru.hidden.bias"], there, kernels)  # type: ignore[no-untyped-call]
    return out


def _lstm(weights: Weights, entering: Tensor, known: Tensor | None) -> Tensor:
    """Last hidden state of one LSTM layer (Hochreiter and Schmidhuber 1997) that starts at zero; gates as torch orders them."""
    S, k, Q, width = entering.shape
    hidden = cell = entering.new_zeros(S, Q, width // 4)
    for step in range(k):
        i, f, g, o = (entering[:, step] + linear(weights, "lstm.hidden", hidden)).chunk(4, dim=2)
        kept = sigmoid(f) * cell + sigmoid(i) * torch.tanh(g)
        shown = sigmoid(o) * torch.tanh(kept)
        if known is not None:
            shown, kept = (torch.where(known[:, step, :, None], new, old) for new, old in ((shown, hidden), (kept, cell)))
        hidden, cell = shown, kept
    return hidden


def _transformer(architecture: Architecture, weights: Weights, states: Tensor, order: Tensor, known: Tensor | None) -> Tensor:
    """The last row of one causal layer (Vaswani et al. 2017, norms after the sums) over states with learned positions, [S, Q, H].

    Causal by construction: the last snapshot alone asks, and no window holds a later one.
    """
    H = states.shape[3]
    k, heads = order.shape[1], architecture.heads
    shift = torch.bmm(weights["position"], weights["time.project"])[:, :, None]
    entering = take(linear(weights, "time.project", states), order).flatten(2, 3) + shift
    query, key, value = (part.reshape(*part.shape[:3], heads, -1) for part in entering.chunk(3, dim=3))
    score = (query[:, -1:] * key).sum(dim=4) / (H // heads) ** 0.5  # [S, k, Q, heads]
    if known is not None:
        known = known.flatten(2, 3)
        score = score.masked_fill(~(known | ~known.any(dim=1, keepdim=True))[..., None], -torch.inf)
    mixed = (torch.softmax(score, dim=1)[..., None] * value).sum(dim=1).flatten(2)
    last = take(states, order[:, -1]).flatten(1, 2) + weights["position"][:, k - 1 : k]
    h = _norm(weights, "time.norm1", last + linear(weights, "time.mix", mixed))
    return _norm(weights, "time.norm2", h + linear(weights, "time.narrow", linear(weights, "time.wide", h).relu()))


def _norm(weights: Weights, name: str, x: Tensor) -> Tensor:
    return torch.addcmul(weights[f"{name}.bias"][:, None], layer_norm(x, x.shape[-1:]), weights[name][:, None])
