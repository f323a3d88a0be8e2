"""Forests: what a score loses when its inputs are replaced, one after the other, by those of a day that it learned from.

Over random orders these are Shapley values (Strumbelj and Kononenko 2014), whose sum is the score less the mean score of those days.
"""

from __future__ import annotations

import numpy as np

from riskradar.attribution.atoms import Atoms, Read, nowhere
from riskradar.models.classic import FittedForest
from riskradar.models.inputs import matrix

ORDERS = 256  # half of them the other half backwards
BASELINE = f"on average on {ORDERS // 2} sessions that it learned from, drawn at random"


def explained(fitted: FittedForest, read: Read) -> Atoms:
    """Permutation importance of each input on one day; no share of an asset, since trees split on means over assets."""
    x = matrix(read.features, fitted.inputs)
    past = matrix(read.past, fitted.inputs)
    past = past[np.isfinite(past).all(axis=1)]
    rng = np.random.default_rng(0)
    drawn = past[rng.integers(len(past), size=ORDERS // 2)]
    adds, reference = np.zeros(x.shape[1]), 0.0
    for other in drawn:
        order = rng.permutation(x.shape[1])
        for each in (order, order[::-1]):
            mixed = x[-1].copy()
            before = fitted.shares(mixed)[read.target]
            for m in each:
                mixed[m] = other[m]
                after = fitted.shares(mixed)[read.target]
                adds[m] += (before - after) / ORDERS
                before = after
            reference += float(before) / ORDERS
    names = fitted.inputs
    values = {n: float(v) for n, v in zip(names, x[-1], strict=True)}
    usual = {n: float(v) for n, v in zip(names, drawn.mean(axis=0), strict=True)}
    return Atoms(reference, read.features.dates[-1:], (), nowhere(read, 1), names, adds[None], values, usual, {}, BASELINE)
