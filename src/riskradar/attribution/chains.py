"""Pathways: along which chains of edges one asset reaches the others, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from riskradar.contagion import shares
from riskradar.errors import UsageError
from riskradar.registry import near
from riskradar.reopen import Opened
from riskradar.tables import Graphs
from riskradar.tables.arrays import Float, Int

SCHEMA = "riskradar.pathways/1"
SHOWN = 5  # paths of a layer
MEANING = (
    "the strength of a path is the product over its edges of the share that an edge has among all edges of the asset that it reaches; "
    "market links, not exposures, and no proof that losses travel along them"
)


@dataclass(frozen=True, eq=False)
class Reach:
    """How an asset reaches the others: strength [N] of the strongest path (1: itself, 0: none leads there), and the asset before on it [N] or -1."""

    strength: Float
    before: Int

    def path(self, end: int) -> tuple[int, ...]:
        """The assets on the strongest path to `end`, in order."""
        out = [end]
        while self.before[out[-1]] >= 0:
            out.append(int(self.before[out[-1]]))
        return tuple(out[::-1])


def reach(weights: Float, source: int) -> Reach:
    """Strongest paths from `source` over weights [N, N] in [0, 1], receiver by sender: the largest product of weights.

    Dijkstra (1959) on -log w, which is never negative; among equally strong paths the one that is found first stays.
    """
    strength, before = np.zeros(len(weights)), np.full(len(weights), -1)
    strength[source] = 1.0
    todo = np.ones(len(weights), bool)
    while (strength[todo] > 0).any():
        at = int(np.argmax(np.where(todo, strength, -1.0)))
        todo[at] = False
        through = strength[at] * weights[:, at]
        better = todo & (through > strength)
        strength[better], before[better] = through[better], at
    return Reach(strength, before)


def pathways(opened: Opened, source: str, date: Any = None, shown: int = SHOWN) -> dict[str, Any]:
    """The strongest paths from an asset on one session (default: the last), in each layer that was built.

    direct: the `shown` strongest paths of one edge that no chain beats; onward: of several edges. Each is `assets` in order, `strength`, and `edges`,
    the share of each. Row t of a layer knows what was known at t. UsageError for a session or asset that the run has not, or no member of that day.
    """
    t, names = opened.row(date or opened.features.dates[-1]), opened.panel.assets
    if source not in names:
        raise UsageError(f"no asset {source!r}{near(source, names)} in {opened.record.id}; nothing was computed; name one of the run")
    here = names.index(source)
    if not opened.panel.member[t, here]:
        raise UsageError(f"{source} is no member on {opened.features.dates[t]}; nothing was computed; choose a session on which it is")
    layers = by_layer(opened.graphs, t, here, shown)
    return {"schema": SCHEMA, "run": opened.record.id, "date": str(opened.features.dates[t]), "source": source, "layers": layers, "meaning": MEANING}


def by_layer(graphs: Graphs, t: int, source: int, shown: int = SHOWN) -> dict[str, dict[str, Any]]:
    """The strongest paths from an asset on row t in each layer that is no shuffled twin; see pathways."""
    return {name: _layer(layer.block(t, t + 1)[0], source, graphs.nodes, shown) for name, layer in graphs.layers.items() if "~" not in name}


def _layer(graph: Any, source: int, names: tuple[str, ...], shown: int) -> dict[str, Any]:
    weights = shares(graph)
    found = reach(weights, source)
    ends = [int(i) for i in np.argsort(-found.strength, kind="stable") if found.before[i] >= 0]
    told: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for end in ends:
        path = found.path(end)
        edges = [float(weights[to, of]) for of, to in pairwise(path)]
        told[len(edges) == 1].append({"assets": [names[i] for i in path], "strength": float(found.strength[end]), "edges": edges})
    neighbours = int((weights[:, source] > 0).sum())
    return {"reached": len(ends), "neighbours": neighbours, "direct": told[True][:shown], "onward": told[False][:shown]}
