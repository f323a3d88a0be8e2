"""The graph residual: one GraphSAGE layer with the mean of neighbours (Hamilton, Ying, Leskovec 2017) that starts as nothing and stays centred.

    h = silu(norm(W x)),  u = Ws h + Wn mean_j h_j,  z = h + silu(norm(u)),  y = Wo z less its mean over the nodes of the day

Wo starts at zero, so that a forecast begins as what it is added to. Without messages the same network is its own no-graph twin: the same arrays,
start, batches and draws.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from riskradar.models.networks import Weights, sigmoid
from riskradar.models.radar.days import Days
from riskradar.models.radar.lists import Lists, Tables, pass_messages
from riskradar.tables.arrays import Float, Float32, Int


@dataclass(frozen=True, eq=False)
class NodeDays:
    """What it learns from: days of nodes, who is joined to whom, and labels [R, K] in deviations, centred by day, NaN where not known."""

    days: Days
    lists: Lists
    y: Float32

    @property
    def x(self) -> Float32:
        """Inputs [R, F]."""
        return self.days.x


@dataclass(frozen=True, eq=False)
class Prepared:
    """See NodeDays."""

    x: Tensor
    y: Tensor
    tables: Tables


class Silu(torch.autograd.Function):
    """x sigmoid(x) by the hyperbolic tangent, so that an element has the same bits wherever it stands."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Saves the gate."""
        gate = sigmoid(x)
        ctx.save_for_backward(x, gate)
        return x * gate

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        """The derivative, written out."""
        x, gate = ctx.saved_tensors
        out: Tensor = slope * gate * (1 + x * (1 - gate))
        return out


class Mean(torch.autograd.Function):
    """Mean over the neighbours of each row, [S, R, H] -> [S, R, H], along lists (see lists.pass_messages)."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, tables: Tables, day: Int, begin: Int) -> Tensor:
        """Gathers."""
        ctx.along = (tables, day, begin)
        out = torch.zeros_like(h)
        pass_messages(tables, day, begin, h.detach().numpy(), out.numpy(), False)
        return out

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None, None]:
        """Scatters, which is the transpose."""
        out = torch.zeros_like(slope)
        tables, day, begin = ctx.along
        pass_messages(tables, day, begin, slope.contiguous().numpy(), out.numpy(), True)
        return out, None, None, None


@dataclass(frozen=True)
class Sage:
    """The network as the training loop sees it (see train.Trainable).

    message: False for the twin without a graph; dropout: share of the second layer that a training step leaves out.
    """

    inputs: int
    outputs: int
    width: int = 48
    dropout: float = 0.1
    message: bool = True
    sequence: int = 1

    def arrays(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every learned array of one seed, in order; a matrix maps its first axis to its second."""
        H = self.width
        return {
            "enter": (self.inputs, H), "enter.bias": (H,), "norm1": (H,), "norm1.bias": (H,), "self": (H, H), "self.bias": (H,),
            "neighbour": (H, H), "norm2": (H,), "norm2.bias": (H,), "out": (H, self.outputs), "out.bias": (self.outputs,),
        }  # fmt: skip

    def initial(self, seed: int) -> dict[str, Float]:
        """Uniform in 1/sqrt(fan-in), norms at one, the last layer at zero."""
        rng = np.random.default_rng([seed, 0])
        fixed = {"norm1": 1.0, "norm2": 1.0, "norm1.bias": 0.0, "norm2.bias": 0.0, "out": 0.0, "out.bias": 0.0}
        bound = {"enter": self.inputs**-0.5, "enter.bias": self.inputs**-0.5}
        return {
            name: np.full(dims, fixed[name]) if name in fixed else rng.uniform(-1, 1, dims) * bound.get(name, self.width**-0.5)
            for name, dims in self.arrays().items()
        }

    def prepare(self, data: NodeDays, dtype: str) -> Prepared:
        """The same numbers as tensors."""
        x, y = (torch.from_numpy(values.astype(dtype, copy=False)) for values in (data.x, data.y))
        return Prepared(x, y, data.lists.of_days(data.days))

    def loss(self, weights: Weights, prepared: Prepared, rows: Int, y: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Squared errors of the days `rows` [S, B], all nodes and targets of a day together."""
        batch = _batch(prepared.tables.start, rows)
        pick = torch.from_numpy(batch.pick)
        shape = (*pick.shape, -1)
        x = prepared.x.index_select(0, pick.reshape(-1)).view(shape)
        wanted = prepared.y.index_select(0, pick.reshape(-1)).view(shape)
        known = wanted.isfinite() & torch.from_numpy(batch.real)[:, :, None]

        def mean(h: Tensor) -> Tensor:
            received: Tensor = Mean.apply(h, prepared.tables, rows, batch.begin)  # type: ignore[no-untyped-call]
            return received

        out = centred(forward(weights, x, mean if self.message else None, self._mask(rows, x)), batch)
        error = torch.where(known, out - wanted.nan_to_num(), torch.zeros((), dtype=out.dtype))
        return (error * error).sum((1, 2)), known.sum((1, 2)).to(out.dtype)

    def _mask(self, rows: Int, x: Tensor) -> Tensor | None:
        """What dropout keeps, scaled, [S, R, H]; drawn from the days of the batch, so that a seed in a stack draws as if it were alone."""
        if not self.dropout:
            return None
        drawn = [np.random.default_rng(days).random((x.shape[1], self.width), np.float32) for days in rows]
        return torch.from_numpy(np.stack(drawn) >= self.dropout).to(x.dtype) / (1 - self.dropout)


@dataclass(frozen=True, eq=False)
class _Batch:
    """Days of each seed one after the other: pick [S, R] rows, real [S, R] (the rest fills up), begin [S, B]; segment [S, R]: which day."""

    pick: Int
    real: np.ndarray
    begin: Int
    segment: Int


def _batch(start: Int, rows: Int) -> _Batch:
    S, B = rows.shape
    size = start[rows + 1] - start[rows]
    begin = np.cumsum(size, axis=1) - size
    total = size.sum(axis=1)
    pick, segment = np.zeros((S, int(total.max())), np.int64), np.full((S, int(total.max())), S * B)
    for s in range(S):
        segment[s, : total[s]] = np.repeat(s * B + np.arange(B), size[s])
        pick[s, : total[s]] = np.repeat(start[rows[s]] - begin[s], size[s]) + np.arange(total[s])
    return _Batch(pick, segment < S * B, begin, segment)


def centred(y: Tensor, batch: _Batch) -> Tensor:
    """[S, R, K] less the mean over the nodes of each day."""
    segment = torch.from_numpy(batch.segment.reshape(-1))
    flat = y.reshape(len(segment), -1)
    days = int(batch.segment.max()) + 1
    count = torch.bincount(segment, minlength=days).clamp(min=1).to(y.dtype)[:, None]
    mean = flat.new_zeros(days, flat.shape[1]).index_add(0, segment, flat) / count
    return (flat - mean.index_select(0, segment)).view(y.shape)


def forward(weights: Weights, x: Tensor, mean: Any, keep: Tensor | None = None) -> Tensor:
    """Outputs [S, R, K] before they are centred, from inputs [S, R, F]; mean: the message [S, R, H] -> [S, R, H], None for no graph."""
    h = _silu(_norm(torch.baddbmm(weights["enter.bias"][:, None], x, weights["enter"]), weights, "norm1"))
    u = torch.baddbmm(weights["self.bias"][:, None], h, weights["self"])
    if mean is not None:
        u = torch.baddbmm(u, mean(h), weights["neighbour"])
    second = _silu(_norm(u, weights, "norm2"))
    return torch.baddbmm(weights["out.bias"][:, None], h + (second if keep is None else second * keep), weights["out"])


def _norm(x: Tensor, weights: Weights, name: str) -> Tensor:
    scaled = layer_norm(x, x.shape[-1:])
    return torch.addcmul(weights[f"{name}.bias"][:, None], scaled, weights[name][:, None])


def _silu(x: Tensor) -> Tensor:
    out: Tensor = Silu.apply(x)  # type: ignore[no-untyped-call]
    return out


def outputs(weights: dict[str, np.ndarray], x: Float32, a: Float32 | None) -> Float32:
    """Centred outputs [n, K] of one day: its nodes [n, F] and the row-normalised weights [n, n] between them, None for no graph."""
    given = {name: torch.tensor(array) for name, array in weights.items()}
    with torch.inference_mode():
        graph = None if a is None else torch.from_numpy(a)[None]
        y = forward(given, torch.from_numpy(x)[None], None if graph is None else lambda h: torch.bmm(graph, h))[0]
        out: Float32 = (y - y.mean(0)).numpy()
        return out
