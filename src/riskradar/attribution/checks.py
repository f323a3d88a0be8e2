"""Checks of an explanation: does taking away what it names first move the score more than taking away anything, and do seeds agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from riskradar.attribution.atoms import Atoms
from riskradar.tables.arrays import Float, Int

CUTS = (0.1, 0.2, 0.3, 0.5)  # shares of the assets that are taken away
ORDERS = 19  # random ones: the named order is first among twenty by chance in one of twenty
NOTHING = 1e-3  # of a score: assets that add less in all have no order to check
CHANCE, AGREED = 0.05, 0.5


@dataclass(frozen=True)
class Curves:
    """How far the score moves towards its baseline, on average over CUTS: in the named order, in each random one, and the share that does as well."""

    named: float
    random: tuple[float, ...]

    @property
    def advantage(self) -> float:
        """Beyond the mean of random orders."""
        return self.named - float(np.mean(self.random))

    @property
    def chance(self) -> float:
        """Share of random orders that move it as far."""
        return float(np.mean(np.array(self.random) >= self.named))


def deletion(atoms: Atoms, *, insert: bool = False, orders: int = ORDERS, seed: int = 0) -> Curves | None:
    """Assets set to their usual values, with their edges gone, those named first first; insert: brought back into a market of usual values instead.

    None where terms are exact or assets add nothing (Samek et al. 2017; Petsiuk, Das and Saenko 2018).
    """
    by_asset = atoms.by_asset
    some, net = np.flatnonzero(by_asset), float(by_asset.sum())
    if atoms.without is None or not atoms.steps or abs(net) < NOTHING:
        return None
    rng, without, sign = np.random.default_rng(seed), atoms.without, np.sign(net)
    whole, empty = without(np.zeros(len(by_asset), bool)), without(by_asset != 0)

    def moved(order: Int) -> float:
        total = 0.0
        for cut in CUTS:
            gone = np.zeros(len(by_asset), bool)
            gone[order[: max(round(cut * len(order)), 1)]] = True
            total += (without(~gone & (by_asset != 0)) - empty if insert else whole - without(gone)) / len(CUTS)
        return float(sign * total)

    named = some[np.argsort(-sign * by_asset[some], kind="stable")]
    return Curves(moved(named), tuple(moved(rng.permutation(some)) for _ in range(orders)))


def agreement(by_seed: Sequence[Float]) -> float | None:
    """Mean rank correlation (Spearman) between what assets add [N] in every two seeds; None with one seed, or where nothing differs."""
    ranks = [values.argsort(kind="stable").argsort(kind="stable") for values in by_seed]
    if len(ranks) < 2 or any(len(rank) < 3 or not values.any() for rank, values in zip(ranks, by_seed, strict=True)):
        return None
    return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in combinations(ranks, 2)]))
