"""What a score read, and what each number that it read adds to it: the atoms that every view of an explanation sums up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from riskradar.tables import Features, Graphs, Panel
from riskradar.tables.arrays import Bool, Days, Float, Int


@dataclass(frozen=True, eq=False)
class Read:
    """What one score read: all sessions up to its own, which assets are stocks [N], the position of its target, and what was learned from."""

    features: Features
    graphs: Graphs
    stocks: Bool
    target: int
    past: Features

    @classmethod
    def of(cls, tables: tuple[Panel, Features, Graphs], row: int, target: int, cutoff: np.datetime64) -> Read:
        """Session `row` of a market, scored by a model that learned until `cutoff`, which may be later: a past day seen by the model of today."""
        panel, features, graphs = tables
        stocks = panel.member[row] & np.array([kind == "stock" for kind in panel.kind], bool)
        return cls(features.rows(0, row + 1), graphs.rows(0, row + 1), stocks, target, features.upto(cutoff))

    def last(self, history: int) -> tuple[Features, Graphs]:
        """The newest `history` sessions, or as many as there are."""
        T = len(self.features.dates)
        return self.features.rows(max(T - history, 0), T), self.graphs.rows(max(T - history, 0), T)


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges of one layer over k sessions: session, receiver and sender of each [E], its weight and what it adds [E]."""

    session: Int
    receiver: Int
    sender: Int
    weight: Float
    adds: Float


@dataclass(frozen=True, eq=False)
class Atoms:
    """score = reference + everything here + gap.

    dates [k]: sessions that the score read; features and by_node [k, N, F]: what each number of each asset adds; series and market [k, M]:
    what numbers of the whole market add; values, usual: of each feature (mean over assets) and series on the last session, and in the baseline;
    edges by layer; steps: of the integral, 0 where terms are exact; attention: the weight of each layer, a diagnostic;
    without: the score when the assets marked [N] have usual values and no edge, None where assets have no share.
    """

    reference: float
    dates: Days
    features: tuple[str, ...]
    by_node: Float
    series: tuple[str, ...]
    market: Float
    values: Mapping[str, float]
    usual: Mapping[str, float]
    edges: Mapping[str, Edges]
    baseline: str
    steps: int = 0
    attention: Mapping[str, float] | None = None
    without: Callable[[Bool], float] | None = None

    @property
    def by_asset(self) -> Float:
        """What each asset adds [N]: its own numbers, and half of each of its edges."""
        out: Float = self.by_node.sum(axis=(0, 2))
        for edges in self.edges.values():
            for ends in (edges.receiver, edges.sender):
                np.add.at(out, ends, edges.adds / 2)
        return out

    @property
    def total(self) -> float:
        """Sum of all atoms."""
        return float(self.by_node.sum() + self.market.sum() + sum(edges.adds.sum() for edges in self.edges.values()))


def joined(first: Atoms, second: Atoms) -> Atoms:
    """A sum of two scores, of which the first reads the last session of the second only; the baseline of the second holds for both."""
    k = len(second.dates)

    def placed(values: Float) -> Float:
        out = np.zeros((k, *values.shape[1:]))
        out[-1] = values[-1]
        return out

    def without(gone: Bool) -> float:
        return sum(each.without(gone) for each in (first, second) if each.without)

    return replace(
        second, reference=first.reference + second.reference, features=(*first.features, *second.features),
        by_node=np.concatenate([placed(first.by_node), second.by_node], axis=2), series=(*first.series, *second.series),
        market=np.concatenate([placed(first.market), second.market], axis=1), values={**second.values, **first.values},
        usual={**second.usual, **first.usual}, baseline=second.baseline, without=without,
    )  # fmt: skip


def nowhere(read: Read, sessions: int) -> Float:
    """Nothing for any asset, [k, N, 0]."""
    return np.zeros((sessions, len(read.features.nodes), 0))



