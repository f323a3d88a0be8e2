"""What a network is made of and what one score of it costs, from its settings alone."""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, Protocol, runtime_checkable

from riskradar.tables import Target

SIZES = (44, 500, 5000)  # assets
PARTS = {
    "input": "inputs", "pooled": "inputs", "gcn1": "graph convolutions", "gcn2": "graph convolutions", "fusion": "fusion",
    "gru": "temporal encoder", "lstm": "temporal encoder", "time": "temporal encoder", "position": "temporal encoder", "hidden": "heads",
    "head": "heads", "node": "heads",
}  # fmt: skip


@runtime_checkable
class Described(Protocol):
    """A network that can say what it is made of."""

    @property
    def reads(self) -> dict[str, Any]:
        """layers, inputs, context and, where it can have such, macro nodes by name; sequence: snapshots that a score reads; sessions: their span."""
        ...

    def arrays(self, targets: tuple[Target, ...]) -> Mapping[str, tuple[int, ...]]:
        """Name and shape of every learned array."""
        ...

    def cost(self, targets: tuple[Target, ...], nodes: int, edges: Mapping[str, int]) -> tuple[int, int]:
        """Multiply-adds of one score, and the numbers that it holds at once: what it reads and the embeddings of all its snapshots.

        edges: directed edges of each layer between so many nodes.
        """
        ...


def summary(model: Described, targets: tuple[Target, ...], edges: Callable[[str, int], int]) -> dict[str, Any]:
    """Parameters by part, and for several numbers of assets the multiply-adds and bytes of one score; edges(layer, nodes) says how many at most."""
    parts: dict[str, int] = {}
    for name, dims in model.arrays(targets).items():
        first = name.split(".")[0]
        part = PARTS.get(first, f"layer {first}")
        parts[part] = parts.get(part, 0) + prod(dims)
    total = sum(parts.values())
    costs = []
    for nodes in SIZES:
        by_layer = {name: edges(name, nodes) for name in model.reads["layers"]}
        steps, numbers = model.cost(targets, nodes, by_layer)
        costs.append({"assets": nodes, "edges": sum(by_layer.values()), "multiply_adds": steps, "bytes": 4 * (numbers + total)})
    return {**model.reads, "targets": [target.name for target in targets], "parameters": total, "parts": parts, "cost": costs}
