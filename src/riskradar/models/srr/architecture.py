"""The shape of the full network, without torch: what is learned, how it starts, what it costs."""

from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Literal, NamedTuple

import numpy as np

from riskradar.tables import Target
from riskradar.tables.arrays import Float

Dims = dict[str, tuple[int, ...]]


class Column(NamedTuple):
    """One number of a head: the position of its target, and the level of the quantile of a continuous one (None: the logit of a binary one)."""

    target: int
    level: float | None


class Cost(NamedTuple):
    """Multiply-adds of encoding one snapshot, and of one score that encodes all its snapshots."""

    snapshot: int
    score: int


@dataclass(frozen=True)
class Architecture:
    """Every part of the network, each selectable (paper 4-6).

    layers: names of the graph layers, none for a network that reads no graph; features F and context M: inputs of a node, and of a date;
    targets, node_targets: what the system head and the node head forecast; quantiles: levels forecast for each continuous target;
    macro: macro nodes among the last of the N, with an input of their own.
    encoder: graph convolution (Kipf and Welling 2017), GATv2 (Brody 2022), transformer (Shi 2021; the weight of an edge is a bias of each head),
    or attention: the plain self-attention of paper 5.3, which ignores the graph; depth of it, over embeddings of `width` in `heads` heads.
    fusion: of the layers' embeddings, by semantic attention (Wang 2019), as the mean of those present, or joined side by side.
    temporal, place: the encoder of `sequence` snapshots, on the pooled embedding or node by node before pooling.
    join: where the context enters. loss: of binary targets, cross-entropy or focal (Lin 2017) with alpha and gamma; quantiles have the pinball loss.
    node_loss: weight of the node head's mean loss beside the system head's.
    """

    layers: tuple[str, ...]
    features: int
    targets: tuple[Target, ...]
    node_targets: tuple[Target, ...] = ()
    context: int = 0
    macro: int = 0
    encoder: Literal["gcn", "gatv2", "transformer", "attention"] = "gatv2"
    depth: int = 2
    width: int = 32
    heads: int = 4
    fusion: Literal["attention", "concat", "mean"] = "attention"
    temporal: Literal["gru", "lstm", "transformer", "none"] = "gru"
    place: Literal["pooled", "nodes"] = "pooled"
    sequence: int = 20
    join: Literal["nodes", "pooled", "both"] = "pooled"
    loss: Literal["bce", "focal"] = "bce"
    alpha: float = 0.25
    gamma: float = 2.0
    node_loss: float = 0.0
    quantiles: tuple[float, ...] = (0.5,)

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} does not divide among {self.heads} heads")
        if (self.temporal == "none") != (self.sequence == 1):
            raise ValueError(
                f"a sequence of {self.sequence} snapshots and the temporal encoder {self.temporal!r} do not fit; one snapshot needs none"
            )
        if not self.targets and not self.node_targets:
            raise ValueError("a network needs a target")
        if list(self.quantiles) != sorted(set(self.quantiles)) or not all(0 < q < 1 for q in self.quantiles):
            raise ValueError(f"quantiles {self.quantiles} must rise between 0 and 1")

    @property
    def streams(self) -> tuple[str, ...]:
        """What is encoded: the layers, side by side, or the one view that ignores them."""
        return ("all",) if self.encoder == "attention" else self.layers

    def columns(self, targets: tuple[Target, ...]) -> tuple[Column, ...]:
        """The numbers that a head gives for `targets`: a logit for a binary one, one number a quantile for a continuous one."""
        return tuple(Column(k, level) for k, t in enumerate(targets) for level in ((None,) if t.binary else self.quantiles))

    def arrays(self) -> Dims:
        """Name and shape of every learned array of one seed, in order; a matrix maps its first axis to its second."""
        H, out = self.width, _dense("input", self.features, self.width)
        if self.macro:
            out |= _dense("input.macro", self.features, H)
        if self.context and self.join != "pooled":
            out["input.context"] = (self.context, H)
        for name in self.streams:
            for step in range(self.depth):
                out |= self._encoder(f"{name}.{step}")
        if self.encoder != "attention" and self.layers and self.fusion == "concat":
            out |= _dense("fusion", len(self.layers) * H, H)
        if len(self.streams) > 1 and self.fusion == "attention":
            out |= _dense("fusion", H, H) | {"fusion.query": (H,)}
        if self.context and self.join != "nodes":
            out["pooled.context"] = (self.context, H)
        return out | self._temporal() | self._heads()

    def _encoder(self, name: str) -> Dims:
        H = self.width
        if self.encoder == "gcn":
            return _dense(name, H, H)
        if self.encoder == "gatv2":  # source and target side by side
            more = {f"{name}.attention": (H,), f"{name}.edge": (self.heads,), f"{name}.bias": (H,)}
            return _dense(f"{name}.project", H, 2 * H) | more
        if self.encoder == "transformer":  # query, key, value and the node itself side by side
            return _dense(f"{name}.project", H, 4 * H) | {f"{name}.edge": (self.heads,)}
        return _dense(f"{name}.project", H, 3 * H) | _dense(f"{name}.mix", H, H)

    def _temporal(self) -> Dims:
        H = self.width
        if self.temporal == "none":
            return {}
        if self.temporal == "transformer":
            out = {"position": (self.sequence, H)} | _dense("time.project", H, 3 * H) | _dense("time.mix", H, H)
            return out | _norm("time.norm1", H) | _dense("time.wide", H, 4 * H) | _dense("time.narrow", 4 * H, H) | _norm("time.norm2", H)
        gates = {"gru": 3, "lstm": 4}[self.temporal] * H
        return _dense(f"{self.temporal}.input", H, gates) | _dense(f"{self.temporal}.hidden", H, gates)

    def _heads(self) -> Dims:
        H, out = self.width, Dims()
        if self.targets:
            out |= _dense("head", H, len(self.columns(self.targets)))
        if self.node_targets:
            wide = len(self.columns(self.node_targets))
            out |= _dense("node.head", H, wide) | {"node.state": (H, wide)}
        return out

    def initial(self, seed: int) -> dict[str, Float]:
        """Weights before training: Glorot for matrices and attention, ones for norms, zero for biases; recurrent ones uniform in 1/sqrt(H)."""
        rng = np.random.default_rng([seed, 0])
        out = {}
        for name, dims in self.arrays().items():
            if name.startswith(("gru.", "lstm.")):
                bound = 1 / np.sqrt(self.width)
            elif name.endswith((".attention", ".query")):
                bound = np.sqrt(6 / (self.width // (self.heads if name.endswith(".attention") else 1) + 1))
            else:
                bound = np.sqrt(6 / sum(dims)) if len(dims) == 2 else 0.0
            out[name] = rng.uniform(-bound, bound, dims) + (name in ("time.norm1", "time.norm2"))
        return out

    def parameters(self) -> int:
        """Learned numbers of one seed."""
        return sum(prod(dims) for dims in self.arrays().values())

    def cost(self, nodes: int, edges: int) -> Cost:
        """For N nodes and so many directed edges in each layer (paper B, with the N H^2 that it leaves out)."""
        dims, H = self.arrays(), self.width
        every = {name: prod(d) for name, d in dims.items() if len(d) == 2}
        apart = ("gru.", "lstm.", "time.", "head", "node.", "position", "input.macro", "input.context", "pooled.context")
        snapshot = nodes * sum(size for name, size in every.items() if not name.startswith(apart))
        if "fusion.query" in dims:  # the one matrix sees every layer
            snapshot += nodes * (len(self.streams) - 1) * every["fusion"]
        pairs = nodes * nodes if self.encoder == "attention" else edges
        snapshot += len(self.streams) * self.depth * (1 if self.encoder == "gcn" else 2) * pairs * H
        steps = {"none": 0, "gru": self.sequence, "lstm": self.sequence, "transformer": 1}[self.temporal]
        timeline = steps * sum(size for name, size in every.items() if name.startswith(("gru.", "lstm.", "time.")))
        if self.temporal == "transformer":  # keys and values of every snapshot, and the last one's query
            timeline += (self.sequence - 1) * every["time.project"] * 2 // 3 + 2 * self.sequence * H
        heads = every.get("head", 0) + every.get("node.state", 0) + nodes * every.get("node.head", 0)
        return Cost(snapshot, self.sequence * snapshot + (nodes if self.place == "nodes" else 1) * timeline + heads)


def succession(targets: tuple[Target, ...]) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Each target after those whose probability it may not fall below: a shorter horizon at equal depth, a deeper fall at equal horizon."""
    order = sorted(range(len(targets)), key=lambda k: (targets[k].horizon, -targets[k].depth))
    below: dict[int, list[int]] = {k: [] for k in order}
    for i, j in combinations(order, 2):
        a, b = targets[i], targets[j]
        alike = a.binary and (a.kind, a.share) == (b.kind, b.share)
        if alike and (a.depth == b.depth or a.horizon == b.horizon):
            below[j].append(i)
    return tuple((k, tuple(below[k])) for k in order)


def _dense(name: str, before: int, after: int) -> Dims:
    return {name: (before, after), f"{name}.bias": (after,)}


def _norm(name: str, width: int) -> Dims:
    return {name: (width,), f"{name}.bias": (width,)}
