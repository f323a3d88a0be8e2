"""What the network says and how wrong it was: logits in the order that horizons and depths impose, quantiles that never cross, and their losses."""

from functools import reduce
from typing import Any

import torch
from torch import Tensor

from riskradar.models.networks import sigmoid
from riskradar.models.srr.architecture import Architecture, succession
from riskradar.tables import Target


class _Softplus(torch.autograd.Function):
    """log(1 + exp(x)), whose slope has the same bits wherever a number stands (see networks.sigmoid)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.relu() + torch.log1p(torch.exp(-x.abs()))

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return slope * sigmoid(x)


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)), never negative."""
    out: Tensor = _Softplus.apply(x)  # type: ignore[no-untyped-call]
    return out


def ordered(architecture: Architecture, raw: Tensor, targets: tuple[Target, ...]) -> Tensor:
    """Free numbers [..., K] -> logits and quantiles, each at least those that it may not fall below.

    A target's logit is the largest of its predecessors' plus a non-negative step, so every strictly monotone vector can be reached, no other pair is
    tied, and rounding cannot turn the order: adding what is not negative never lowers a floating-point number.
    """
    columns, parts = architecture.columns(targets), list(raw.unbind(-1))
    at = {column.target: c for c, column in reversed(list(enumerate(columns)))}
    for target, below in succession(targets):
        if below:
            parts[at[target]] = reduce(torch.maximum, [parts[at[b]] for b in below]) + softplus(parts[at[target]])
    for c, column in enumerate(columns):
        if c and column.level is not None and columns[c - 1].target == column.target:
            parts[c] = parts[c - 1] + softplus(parts[c])
    return torch.stack(parts, dim=-1)


def losses(architecture: Architecture, out: Tensor, target: Tensor, targets: tuple[Target, ...]) -> Tensor:
    """Loss of each number [..., K] of a head against target [..., targets]: of logits cross-entropy or focal, of quantiles pinball."""
    columns = architecture.columns(targets)
    y = target[..., [column.target for column in columns]]
    if not any(column.level is None for column in columns):
        return pinball(out, y, [column.level for column in columns])
    binary = torch.tensor([column.level is None for column in columns])
    logit = focal(out, y, architecture.alpha, architecture.gamma) if architecture.loss == "focal" else cross_entropy(out, y)
    if binary.all():
        return logit
    return torch.where(binary, logit, pinball(out, y, [column.level or 0.5 for column in columns]))


def cross_entropy(logit: Tensor, y: Tensor) -> Tensor:
    """-log of the probability of what happened."""
    return softplus(logit) - y * logit


def focal(logit: Tensor, y: Tensor, alpha: float, gamma: float) -> Tensor:
    """-alpha_t (1 - p_t)^gamma log p_t (Lin et al. 2017); p_t: probability of what happened, alpha_t: alpha for y = 1, 1 - alpha for y = 0."""
    for_it = (2 * y - 1) * logit
    return (alpha * y + (1 - alpha) * (1 - y)) * torch.exp(-gamma * softplus(for_it)) * softplus(-for_it)


def pinball(quantile: Tensor, y: Tensor, levels: list[Any]) -> Tensor:
    """What lies above the quantile times its level, what lies below times 1 - level (Koenker and Bassett 1978)."""
    gap, level = y - quantile, torch.tensor(levels, dtype=quantile.dtype)
    return torch.maximum(level * gap, (level - 1) * gap)
