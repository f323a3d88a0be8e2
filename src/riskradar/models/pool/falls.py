"""A forecast as weighted falls: what the path library and the simulation both give, and the probabilities read from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from riskradar.labels import ROUNDING
from riskradar.tables import Target
from riskradar.tables.arrays import Float

ATOMS = 200  # equally likely falls that stand for a distribution
IMAGINED = 0.0003  # share of the weight that is imagined on either side, so that nothing is impossible (market study, 7)


@dataclass(frozen=True, eq=False)
class Falls:
    """Worst peak-to-trough falls of n paths within each horizon, as shares [n, H], and the weight of each path [n]."""

    horizons: tuple[int, ...]
    falls: Float
    weights: Float

    def probability(self, target: Target) -> float:
        """Weight of the paths that fall by the target's depth within its horizon, by the label's own definition."""
        total = self.weights.sum()
        deep = self.weights[self.falls[:, self.horizons.index(target.horizon)] >= target.depth - ROUNDING].sum()
        return float((deep + IMAGINED * total) / ((1 + 2 * IMAGINED) * total))

    def quantiles(self, levels: Float) -> Float:
        """The smallest fall at which the weight so far reaches each level, [H, Q]."""
        out = np.empty((len(self.horizons), len(levels)))
        for h, falls in enumerate(self.falls.T):
            order = np.argsort(falls)  # equal falls are one step of the sum, whatever their order
            share = np.cumsum(self.weights[order])
            out[h] = falls[order][np.minimum(np.searchsorted(share, levels * share[-1]), len(order) - 1)]
        return out


def atoms(falls: Falls | None, horizons: tuple[int, ...]) -> Float:
    """The distribution as equally likely falls in rising order, [H, ATOMS]; NaN where withheld."""
    return np.full((len(horizons), ATOMS), np.nan) if falls is None else falls.quantiles((np.arange(ATOMS) + 0.5) / ATOMS)


def horizons(targets: tuple[Target, ...]) -> tuple[int, ...]:
    """The horizons of the targets that a path of the index decides (falls from peak to trough), shortest first."""
    return tuple(sorted({target.horizon for target in targets if target.kind == "drawdown"}))


def probabilities(falls: Falls | None, targets: tuple[Target, ...]) -> Float:
    """One probability a target [K]; NaN where withheld and for targets that no path of the index decides. Coherent by construction."""
    return np.array([np.nan if falls is None or t.kind != "drawdown" else falls.probability(t) for t in targets])
