"""The paper's networks on dense blocks (5.8, 5.9), several seeds at once: every learned array leads with the axis of seeds.

A snapshot is normalised once, its first product A_hat @ X is made once, and a step encodes each snapshot once, however many windows share it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from riskradar.models.dense import Shape, Snapshots, parameters
from riskradar.tables.arrays import Int

Weights = dict[str, Tensor]

__all__ = ["Block", "Shape", "Weights", "distinct", "encode", "forward", "gru", "one_thread", "parameters", "sigmoid"]


@dataclass(frozen=True, eq=False)
class Block:
    """Snapshots made ready: a [G, N, N] normalised, ax [G, N, F] its product with the features, pool [G, 1, N] the weights of the mean."""

    a: Tensor
    ax: Tensor
    pool: Tensor

    @classmethod
    def of(cls, snapshots: Snapshots, dtype: str) -> "Block":
        """A snapshot without a node pools to zero."""
        a = torch.from_numpy(snapshots.normalised(dtype))
        count = np.maximum(snapshots.mask.sum(axis=1, keepdims=True), 1)
        pool = torch.from_numpy((snapshots.mask / count).astype(dtype))
        return cls(a, a @ torch.from_numpy(snapshots.x.astype(dtype)), pool[:, None, :])


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold torch to one thread: sums keep their order, and so their bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def encode(weights: Weights, block: Block, index: Tensor) -> Tensor:
    """Two graph convolutions with ReLU and the mean over nodes, of the snapshots `index` [S, U] -> [S, U, H]."""
    S, U = index.shape
    flat = index.reshape(-1)
    N, F = block.ax.shape[1:]
    ax, a, pool = (blocks.index_select(0, flat) for blocks in (block.ax, block.a, block.pool))
    first = torch.baddbmm(weights["gcn1.bias"][:, None], ax.reshape(S, U * N, F), weights["gcn1"]).relu_()
    H = first.shape[2]
    mixed = torch.bmm(a, first.reshape(S * U, N, H)).reshape(S, U * N, H)
    second = torch.baddbmm(weights["gcn2.bias"][:, None], mixed, weights["gcn2"]).relu_()
    return torch.bmm(pool, second.reshape(S * U, N, H)).reshape(S, U, H)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x)) by the hyperbolic tangent: torch.sigmoid gives a number other bits when its place in the array is another."""
    return torch.tanh(x / 2) / 2 + 0.5


def gru(weights: Weights, entering: Tensor) -> Tensor:
    """Last hidden state of one GRU layer (Cho et al. 2014) that starts at zero, [S, B, H], from its input products [S, B, k, 3H]."""
    S, B, k, width = entering.shape
    hidden = entering.new_zeros(S, B, width // 3)
    bias = weights["gru.hidden.bias"][:, None]
    for step in range(k):
        r_in, z_in, n_in = entering[:, :, step].chunk(3, dim=2)
        r, z, n = torch.baddbmm(bias, hidden, weights["gru.hidden"]).chunk(3, dim=2)
        new = torch.tanh(n_in + sigmoid(r_in + r) * n)
        hidden = torch.lerp(new, hidden, sigmoid(z_in + z))
    return hidden


def forward(shape: Shape, weights: Weights, block: Block, rows: Int) -> Tensor:
    """Logits [S, B, K] of the samples that end at the snapshots `rows` [S, B]."""
    if shape.kind == "snapshot":
        state = encode(weights, block, torch.from_numpy(rows))
    else:
        S, B = rows.shape
        windows = rows[:, :, None] + np.arange(1 - shape.sequence, 1)
        index, place = distinct(windows.reshape(S, -1))
        entering = torch.baddbmm(weights["gru.input.bias"][:, None], encode(weights, block, torch.from_numpy(index)), weights["gru.input"])
        spread = torch.from_numpy(place)[:, :, None].expand(-1, -1, entering.shape[2])
        state = gru(weights, entering.gather(1, spread).reshape(S, B, shape.sequence, entering.shape[2]))
    if shape.head_hidden:
        state = torch.baddbmm(weights["hidden.bias"][:, None], state, weights["hidden"]).relu()
    return torch.baddbmm(weights["head.bias"][:, None], state, weights["head"])


def distinct(windows: Int) -> tuple[Int, Int]:
    """The distinct numbers of each line of [S, M], filled up with zeros to the longest, and where each of the M stands among them."""
    order = np.argsort(windows, axis=1, kind="stable")
    ranked = np.take_along_axis(windows, order, axis=1)
    rank: Int = np.cumsum(np.diff(ranked, axis=1, prepend=ranked[:, :1]) > 0, axis=1)
    place, index = np.empty_like(windows), np.zeros((len(windows), int(rank.max(initial=-1)) + 1), windows.dtype)
    np.put_along_axis(place, order, rank, axis=1)
    np.put_along_axis(index, rank, ranked, axis=1)
    return index, place
