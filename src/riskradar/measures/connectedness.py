"""Connectedness: how much of what an asset will do is owed to shocks of the others (Diebold and Yilmaz 2012, 2014).

Generalised variance decomposition (Pesaran and Shin 1998): no ordering of the assets enters. Row i, column j: the share of i's
forecast error variance that comes from j; rows sum to 1.
"""

import math

import numpy as np

from riskradar.tables.arrays import Float


def shares(lagged: Float, covariance: Float, horizon: int) -> Float:
    """Variance shares [n, n] of a VAR(1) `lagged` [n, n] with residual `covariance`, `horizon` steps ahead."""
    effect, own, from_each = np.eye(len(lagged)), np.zeros(len(lagged)), np.zeros_like(lagged)
    for _ in range(horizon):
        hit = effect @ covariance
        from_each += hit**2
        own += (hit * effect).sum(axis=1)
        effect = lagged @ effect
    theta = from_each / np.diag(covariance) / own[:, None]
    out: Float = theta / theta.sum(axis=1, keepdims=True)
    return out


def vector_autoregression(returns: Float) -> tuple[Float, Float]:
    """Least squares VAR(1) with constant of [W, n]: lagged effects [n, n] and residual covariance [n, n]; least norm where assets are in lockstep."""
    W, n = returns.shape
    past = np.column_stack([np.ones(W - 1), returns[:-1]])
    found = np.linalg.lstsq(past, returns[1:], rcond=1e-9)[0]
    residual = returns[1:] - past @ found
    return found[1:].T, residual.T @ residual / (W - n - 2)


def table(returns: Float, horizon: int) -> Float | None:
    """Shares [n, n] from a window of returns, unit by unit of its own spread; None under two assets that moved or two sessions per coefficient."""
    moved = np.compress(np.ptp(returns, axis=0) > 0, returns, axis=1)
    W, n = moved.shape
    if n < 2 or 2 * (n + 1) > W:
        return None
    lagged, covariance = vector_autoregression(moved / moved.std(axis=0))
    return shares(lagged, covariance, horizon) if (np.diag(covariance) > 1e-12).all() else None


def total(theta: Float | None) -> float:
    """Mean share that comes from others, percent."""
    return 100 * float(1 - np.trace(theta) / len(theta)) if theta is not None else math.nan


def net(theta: Float) -> Float:
    """What each asset gives to others less what it takes from them, percent of the market's variance, [n]."""
    given: Float = 100 * (theta.sum(axis=0) - theta.sum(axis=1)) / len(theta)
    return given


def largest_net(theta: Float | None) -> float:
    """The net giving of the asset that gives most, percent."""
    return float(net(theta).max()) if theta is not None else math.nan


def largest_pair(theta: Float | None) -> float:
    """The largest net giving of one asset to one other, percent of the taker's variance."""
    return 100 * float((theta - theta.T).max()) if theta is not None else math.nan
