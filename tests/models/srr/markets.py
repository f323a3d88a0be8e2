"""Small random markets in every storage, and every architecture that goes with them."""

from itertools import product
from typing import Any

import numpy as np

from riskradar.models.srr.architecture import Architecture
from riskradar.models.srr.market import Dense, Layer, Market, Near, Sparse, Storage
from riskradar.tables import Target

TARGETS = tuple(Target.parse(name) for name in ("20/10", "5/3", "20/5", "log-volatility/20", "10/5", "60/10"))
NODE_TARGETS = tuple(Target.parse(name) for name in ("20/10", "log-drawdown/20"))
ENCODERS = ("gcn", "gatv2", "transformer", "attention")
G, N, F, M, LAYERS = 14, 9, 4, 3, ("near", "dense", "sparse")


def architecture(**changed: Any) -> Architecture:
    base: dict[str, Any] = dict(  # noqa: C408
        layers=LAYERS, features=F, targets=TARGETS, node_targets=NODE_TARGETS, context=M, macro=1, width=8, heads=2, sequence=4, join="both",
        node_loss=0.5, quantiles=(0.1, 0.5, 0.9),
    )  # fmt: skip
    if changed.get("temporal") == "none":
        base["sequence"] = 1
    return Architecture(**base | changed)


def combinations() -> list[Architecture]:
    """Every encoder x fusion x temporal encoder x place x loss."""
    parts = product(ENCODERS, ("attention", "concat", "mean"), ("gru", "lstm", "transformer", "none"), ("pooled", "nodes"), ("bce", "focal"))
    return [architecture(encoder=e, fusion=f, temporal=t, place=p, loss=loss) for e, f, t, p, loss in parts]


def dense(rng: np.random.Generator, rows: int, nodes: int = N, density: float = 0.4) -> np.ndarray:
    """Directed weights, some nodes isolated, nothing on the diagonal."""
    a = (rng.random((rows, nodes, nodes)) < density) * rng.uniform(0.2, 1.0, (rows, nodes, nodes))
    a[:, 2] = a[:, :, 2] = 0
    a[:, np.arange(nodes), np.arange(nodes)] = 0
    return a.astype(np.float32)


def near(a: np.ndarray) -> Near:
    """The same edges as neighbours, in a shuffled order and with holes."""
    rng, (R, nodes, _) = np.random.default_rng(1), a.shape
    index, weight = np.full((R, nodes, nodes), -1, np.int32), np.zeros((R, nodes, nodes), np.float32)
    for r, i in np.ndindex(R, nodes):
        senders = rng.permutation(np.flatnonzero(a[r, i]))
        at = np.sort(rng.choice(nodes, len(senders), replace=False))
        index[r, i, at], weight[r, i, at] = senders, a[r, i, senders]
    return Near(index, weight)


STORAGES: dict[str, Any] = {"dense": Dense, "near": near, "sparse": lambda a: Dense(a).sparse()}


def market(seed: int = 0, storages: tuple[str, ...] = LAYERS, count: int = G, nodes: int = N) -> Market:
    """Three layers: one drawn once, one daily, one three times and at first absent; nodes come and go; the last snapshot has two nodes only."""
    rng = np.random.default_rng(seed)
    mask = rng.random((count, nodes)) < 0.8
    mask[:, 0] = True
    mask[-1, 2:] = False
    rows = (np.zeros(count), np.arange(count), np.arange(count) // 5 - 1)
    layers = []
    for storage, row in zip(storages, rows, strict=True):
        row = row.astype(np.int64)
        drawn: Storage = STORAGES[storage](dense(rng, int(row.max()) + 1, nodes))
        layers.append(Layer(drawn, row))
    x, context = rng.normal(size=(count, nodes, F)).astype(np.float32), rng.normal(size=(count, M)).astype(np.float32)
    return Market(x, context, mask, tuple(layers), macro=1)


__all__ = ["ENCODERS", "LAYERS", "NODE_TARGETS", "STORAGES", "TARGETS", "Dense", "Near", "Sparse", "architecture", "combinations", "dense", "market"]
