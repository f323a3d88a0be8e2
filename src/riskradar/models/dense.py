"""What a graph network is built of and learns from, without torch: its shape, dense snapshots, and how it is trained."""

from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from riskradar.tables.arrays import Bool, Float, Float32, frozen


@dataclass(frozen=True)
class Shape:
    """The arrays of one network (paper 5.8, 5.9): two graph convolutions of `width`, mean pool, a GRU if temporal, and a head.

    head_hidden: units of a hidden layer in the head, 0 for none; sequence: snapshots that one sample of a temporal network reads.
    """

    kind: Literal["snapshot", "temporal"]
    width: int = 32
    head_hidden: int = 0
    features: int = 7
    outputs: int = 1
    sequence: int = 1

    def __post_init__(self) -> None:
        if self.kind == "snapshot" and self.sequence != 1:
            raise ValueError(f"a snapshot network reads one snapshot, not {self.sequence}")

    def arrays(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every learned array of one seed, in order; a matrix maps its first axis to its second."""
        wide, last = self.width, self.head_hidden or self.width
        out: dict[str, tuple[int, ...]] = {"gcn1": (self.features, wide), "gcn1.bias": (wide,), "gcn2": (wide, wide), "gcn2.bias": (wide,)}
        if self.kind == "temporal":
            out |= {"gru.input": (wide, 3 * wide), "gru.input.bias": (3 * wide,), "gru.hidden": (wide, 3 * wide), "gru.hidden.bias": (3 * wide,)}
        if self.head_hidden:
            out |= {"hidden": (wide, last), "hidden.bias": (last,)}
        return out | {"head": (last, self.outputs), "head.bias": (self.outputs,)}


def parameters(shape: Shape) -> int:
    """Learned numbers of one seed."""
    return sum(prod(dims) for dims in shape.arrays().values())


def initial(shape: Shape, seed: int) -> dict[str, Float]:
    """Weights before training: Glorot for convolutions with zero bias, uniform in 1/sqrt(fan-in) for the rest (defaults of PyTorch and its GCN)."""
    rng = np.random.default_rng([seed, 0])
    out = {}
    for name, dims in shape.arrays().items():
        if name.startswith("gcn"):
            bound = np.sqrt(6 / sum(dims)) if len(dims) == 2 else 0.0
        else:  # a bias has the bound of its matrix
            bound = 1 / np.sqrt(shape.width if name.startswith("gru") else shape.arrays()[name.removesuffix(".bias")][0])
        out[name] = rng.uniform(-bound, bound, dims)
    return out


@dataclass(frozen=True, eq=False)
class Snapshots:
    """G graphs in order of time: x [G, N, F] node features, a [G, N, N] weights (symmetric, non-negative), mask [G, N] nodes that take part.

    What stands at masked nodes, NaN included, is replaced by zero.
    """

    x: Float32
    a: Float32
    mask: Bool

    def __post_init__(self) -> None:
        G, N, F = self.x.shape
        mask = frozen("mask", self.mask, "bool", (G, N))
        x = np.where(mask[:, :, None], self.x, np.float32(0))
        a = np.where(mask[:, :, None] & mask[:, None, :], self.a, np.float32(0))
        if not np.isfinite(x).all() or not np.isfinite(a).all():
            raise ValueError("a node that takes part needs all its features and weights; mask it")
        object.__setattr__(self, "mask", mask)
        object.__setattr__(self, "x", frozen("x", x, "float32", (G, N, F)))
        object.__setattr__(self, "a", frozen("a", a, "float32", (G, N, N)))

    def part(self, start: int, stop: int) -> "Snapshots":
        """Snapshots start … stop-1."""
        return Snapshots(self.x[start:stop], self.a[start:stop], self.mask[start:stop])

    def moments(self) -> tuple[Float32, Float32]:
        """Mean and deviation of each feature over all nodes that take part, [F] each; a constant feature has deviation 1."""
        values = self.x[self.mask].astype(np.float64)
        if not len(values):
            return np.zeros(self.x.shape[2], np.float32), np.ones(self.x.shape[2], np.float32)
        scale = values.std(axis=0)
        return values.mean(axis=0).astype(np.float32), np.where(scale > 0, scale, 1.0).astype(np.float32)

    def standardised(self, mean: Float32, scale: Float32) -> "Snapshots":
        """The same graphs with features less `mean` over `scale`."""
        return replace(self, x=(self.x - mean) / scale)

    def compact(self) -> "Snapshots":
        """Without nodes that take part in no snapshot: what others follow changes nothing."""
        some = self.mask.any(axis=0)
        return Snapshots(self.x[:, some], self.a[:, some][:, :, some], self.mask[:, some])

    def normalised(self, dtype: str) -> NDArray[Any]:
        """D^-1/2 (A + I) D^-1/2 over the nodes that take part, [G, N, N] (Kipf and Welling 2017); zero elsewhere."""
        a = self.a.astype(dtype)
        nodes = np.arange(a.shape[1])
        a[:, nodes, nodes] = np.where(self.mask, a[:, nodes, nodes] + 1, 0)
        degree = a.sum(axis=2)
        inverse = np.where(self.mask, 1 / np.sqrt(np.where(self.mask, degree, 1)), 0).astype(dtype)
        a *= inverse[:, :, None]
        a *= inverse[:, None, :]
        return a


class TrainConfig(BaseModel, frozen=True, extra="forbid"):
    """How networks learn: Adam in shuffled mini-batches (paper 6.1).

    steps: stop after so many, whatever `epochs` says; 0: the epochs decide. weight_decay: decoupled, as in AdamW (Loshchilov and Hutter 2019).
    schedule: the same rate throughout, or one cycle that climbs to it during the share `warmup` of the steps (Smith and Topin 2018).
    clip: longest gradient of one seed, 0 for any.
    patience: stop when the loss on the newest `tail` of the samples has not fallen for so many epochs, and keep the best weights; 0: never.
    purge: snapshots that a label looks ahead; the samples whose labels reach into the tail are left out of training.
    """

    epochs: int = Field(default=20, ge=1, le=10_000)
    steps: int = Field(default=0, ge=0)
    rate: float = Field(default=1e-3, gt=0)
    schedule: Literal["constant", "onecycle"] = "constant"
    warmup: float = Field(default=0.3, gt=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=0.0, ge=0)
    batch: int = Field(default=8, ge=1)
    patience: int = Field(default=0, ge=0)
    tail: float = Field(default=0.2, gt=0, lt=1)
    purge: int = Field(default=0, ge=0)
    dtype: Literal["float32", "float64"] = "float32"
