"""How unusual a day is, given how the assets moved before it (Kritzman and Li 2010; Kinlaw and Turkington 2014)."""

import math

import numpy as np

from riskradar.tables.arrays import Float

SINGULAR = 1e-9  # of the largest eigenvalue: directions that never moved say nothing about today


def distance(y: Float, mean: Float, covariance: Float) -> float:
    """Squared Mahalanobis distance of `y` [n]; assets in lockstep count as one (pseudo-inverse on the correlation scale)."""
    scale = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    seen = values > SINGULAR * values[-1]
    part = ((y - mean) / scale) @ vectors[:, seen]
    return float((part**2 / values[seen]).sum())


def unusual(returns: Float) -> tuple[float, float]:
    """Turbulence of the last row against the rows before it, with the correlations and without them, each over n.

    NaN under two assets that moved or two sessions per asset: the covariance would be noise.
    """
    past = returns[:-1]
    moved = np.ptp(past, axis=0) > 0
    past, today = np.compress(moved, past, axis=1), np.compress(moved, returns[-1])
    W, n = past.shape
    if n < 2 or 2 * n > W:
        return math.nan, math.nan
    centred = past - past.mean(axis=0)
    covariance = centred.T @ centred / (W - 1)
    alone = float(((today - past.mean(axis=0)) ** 2 / np.diag(covariance)).sum())
    return distance(today, past.mean(axis=0), covariance) / n, alone / n


def turbulence(returns: Float) -> float:
    """Squared Mahalanobis distance of the last session over the number of assets."""
    return unusual(returns)[0]


def surprise(returns: Float) -> float:
    """Turbulence over what it would be without correlations: above 1 the assets did not move as they used to move together."""
    together, alone = unusual(returns)
    return together / alone if alone > 0 else math.nan
