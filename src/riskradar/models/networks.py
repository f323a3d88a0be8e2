"""The paper's networks on dense blocks (5.8, 5.9), several seeds at once: every learned array leads with the axis of seeds.

A snapshot is normalised once, its first product A_hat @ X is made once, and a step encodes each snapshot once, however many windows share it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from riskradar.models.dense import Shape, Snapshots, initial
from riskradar.tables.arrays import Float, Int

Weights = dict[str, Tensor]
CHUNK = 256  # samples scored at once

__all__ = ["Block", "Gcn", "Weights", "distinct", "encode", "forward", "gru", "logits", "one_thread", "sigmoid"]


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


class BinaryCrossEntropy(torch.autograd.Function):
    """Sum over what is known of the loss of logits [S, B, K], for each seed [S], with its slope written out."""

    @staticmethod
    def forward(ctx: Any, out: Tensor, y: Tensor, known: Tensor) -> Tensor:
        ctx.save_for_backward(out, y, known)
        return binary_cross_entropy_with_logits(out, y, known, reduction="none").sum((1, 2))

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        out, y, known = ctx.saved_tensors
        return (sigmoid(out) - y) * (known * slope[:, None, None]), None, None


@dataclass(frozen=True)
class Gcn:
    """The paper's networks as the training loop sees them (see train.Trainable)."""

    shape: Shape

    @property
    def sequence(self) -> int:
        """Snapshots that one sample reads."""
        return self.shape.sequence

    def arrays(self) -> dict[str, tuple[int, ...]]:
        """See Shape.arrays."""
        return self.shape.arrays()

    def initial(self, seed: int) -> dict[str, Float]:
        """See dense.initial."""
        return initial(self.shape, seed)

    def prepare(self, data: Snapshots, dtype: str) -> Block:
        """See Block."""
        return Block.of(data, dtype)

    def loss(self, weights: Weights, prepared: Block, rows: Int, y: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Binary cross-entropy of the labels [S, B, K]."""
        out = forward(self.shape, weights, prepared, rows)
        known = y[0].isfinite().to(out.dtype)
        losses: Tensor = BinaryCrossEntropy.apply(out, y[0].nan_to_num(), known)  # type: ignore[no-untyped-call]
        return losses, known.sum((1, 2))


def logits(shape: Shape, weights: Mapping[str, NDArray[Any]], snapshots: Snapshots, rows: Int) -> NDArray[Any]:
    """Logits [S, n, K] of the samples that end at the snapshots `rows` [n], in the dtype of the weights, on one thread."""
    given = {name: torch.tensor(array) for name, array in weights.items()}
    S = len(given["head"])
    with one_thread(), torch.inference_mode():
        block = Block.of(snapshots, str(weights["head"].dtype))
        chunks = (rows[start : start + CHUNK] for start in range(0, max(len(rows), 1), CHUNK))
        return np.concatenate([forward(shape, given, block, np.tile(chunk, (S, 1))).numpy() for chunk in chunks], axis=1)
