"""How much of what the network says is believed: a slope learned from its own past forecasts (wide study, section 5, point 8)."""

import numpy as np
from pydantic import BaseModel, Field

from riskradar.tables.arrays import Days, Float, Int, Real


class ShrinkConfig(BaseModel, frozen=True, extra="forbid"):
    """prior: the slope before there is evidence; weight: node-days of evidence that it counts for; most: the largest slope."""

    prior: float = Field(default=0.5, ge=0)
    weight: float = Field(default=40_000.0, gt=0)
    most: float = Field(default=1.2, gt=0)


def slopes(base: Real, forecast: Real, truth: Real, dates: Days, known: Days, config: ShrinkConfig) -> Float:
    """How far to go from `base` to `forecast` on each day, [T, K]: the cross-sectional least-squares slope over all past forecasts.

    base, forecast, truth [T, N, K], NaN where not known; row t reads the days whose label was known [T, K] by dates[t].
    """
    step, wanted = _centred(forecast - base, truth), _centred(truth - base, truth)
    product, square = (np.nansum(step * other, axis=1) for other in (wanted, step))
    count = np.isfinite(step * wanted).sum(axis=1)
    out = np.full(known.shape, config.prior)
    for k in range(known.shape[1]):
        a, q, n = (np.append(0.0, np.cumsum(values[:, k]))[_past(known[:, k], dates)] for values in (product, square, count))
        usual = np.divide(q, n, out=np.zeros_like(q), where=n > 0) * config.weight
        out[:, k] = np.divide(a + config.prior * usual, q + usual, out=np.full_like(q, config.prior), where=q > 0)
    bounded: Float = np.clip(out, 0.0, config.most)
    return bounded


def shrunk(base: Real, forecast: Real, slope: Float) -> Float:
    """From `base` to `forecast` [T, N, K] by the slopes [T, K]."""
    out: Float = base + slope[:, None, :] * (forecast - base)
    return out


def _past(known: Days, dates: Days) -> Int:
    """How many of the days, in order of time, have a label that was known by each date."""
    count: Int = np.searchsorted(known[~np.isnat(known)], dates, side="right")
    return count


def _centred(values: Real, truth: Real) -> Float:
    """Less the mean of the day, over the nodes with a label."""
    used = np.where(np.isfinite(truth), values, np.nan)
    count = np.maximum(np.isfinite(used).sum(axis=1, keepdims=True), 1)
    out: Float = used - np.nansum(used, axis=1, keepdims=True) / count
    return out
