"""Metrics on weighted days: every function takes weights [R, n] and gives one value per row of weights.

Row 0 of the weights counts each day once, the other rows are resamples of days, so that a value, its interval and
its paired differences all come from the same function. NaN where a row of weights leaves the metric undefined.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from riskradar.tables import Labels, Target
from riskradar.tables.arrays import Bool, Float, Int

LOG_FLOOR = 1e-6  # a probability nearer to 0 or 1 is scored as this one: one wrong certainty must not be an infinite loss
CLIMATOLOGY_DAYS = 252  # matured labels before an expanding base rate is used as a reference
BIN_EDGES = np.array([0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0])  # finer where forecasts of rare falls lie
CURVE_POINTS = 200
PREFERENCES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)


def ranking(score: Float, positive: Bool, days: Bool, weights: Float) -> tuple[Float, Float]:
    """AUROC (ties count half) and average precision over the base rate, on the chosen days.

    score, positive, days [n]; weights [R, n] -> two of [R]; NaN where only one class carries weight.
    """
    order, last = _descending(score, days)
    auroc, lift = _walk(order, last, positive, weights)
    return auroc, lift


def skill(loss: Float, reference: Float, days: Bool, weights: Float) -> Float:
    """One minus mean loss over mean reference loss on the chosen days, [R]; above 0 is better than the reference."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values: Float = 1 - (weights @ np.where(days, loss, 0)) / (weights @ np.where(days, reference, 0))
    return values


def share(part: Bool, whole: Bool, weights: Float) -> Float:
    """Weight of `part` among `whole`, [R]; NaN where the whole has no weight."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values: Float = (weights @ (part & whole).astype(float)) / (weights @ whole.astype(float))
    return values


def log_loss(probability: Float, positive: Bool) -> Float:
    """Negative log of the probability given to what happened, [n]; floored at LOG_FLOOR."""
    loss: Float = -np.log(np.clip(np.where(positive, probability, 1 - probability), LOG_FLOOR, 1))
    return loss


def brier(probability: Float, positive: Bool) -> Float:
    """Squared error of the probability, [n]."""
    loss: Float = (probability - positive) ** 2
    return loss


def binned(probability: Float, positive: Bool, days: Bool, weights: Float) -> tuple[Float, Float, Float]:
    """Weight, summed probability and summed outcome in each bin of BIN_EDGES, three of [R, B]."""
    at = np.clip(np.searchsorted(BIN_EDGES, probability, side="right") - 1, 0, len(BIN_EDGES) - 2)
    member = np.eye(len(BIN_EDGES) - 1)[at] * days[:, None]
    columns = np.hstack([member, member * np.where(days, probability, 0)[:, None], member * positive[:, None]])
    count, forecast, outcome = np.split(weights @ columns, 3, axis=1)
    return count, forecast, outcome


def matured(labels: Labels, target: Target) -> Int:
    """The first session on which each label is known, [T] as positions; T where the data end before."""
    known = labels.known[:, labels.targets.index(target)]
    return np.where(np.isnan(labels.system(target)), len(labels.dates), np.searchsorted(labels.dates, known))


def climatology(labels: Labels, target: Target) -> Float:
    """Expanding base rate (positives + 1) / (labels + 2), [T]: row t counts labels with known <= t; NaN under CLIMATOLOGY_DAYS of them."""
    T, at, y = len(labels.dates), matured(labels, target), np.nan_to_num(labels.system(target))
    count = np.cumsum(np.bincount(at, minlength=T + 1)[:T])
    positive = np.cumsum(np.bincount(at, weights=y, minlength=T + 1)[:T])
    return np.where(count >= CLIMATOLOGY_DAYS, (positive + 1) / (count + 2), np.nan)


def alessi_detken(tp: int, fp: int, tn: int, fn: int, preference: float) -> float:
    """Usefulness min(theta, 1-theta) - theta T1 - (1-theta) T2 with T1 the share of missed falls, T2 of false alarms (Alessi and Detken 2011)."""
    if tp + fn == 0 or fp + tn == 0:
        return float("nan")
    return min(preference, 1 - preference) - preference * (fn / (tp + fn)) - (1 - preference) * (fp / (fp + tn))


def sarlin(tp: int, fp: int, tn: int, fn: int, preference: float) -> tuple[float, float]:
    """Absolute and relative usefulness with errors weighted by class frequency (Sarlin 2013); exactly 0 for the best constant alarm."""
    days = tp + fp + tn + fn
    if tp + fn == 0 or fp + tn == 0:
        return float("nan"), float("nan")
    best = min(preference * (tp + fn) / days, (1 - preference) * (fp + tn) / days)
    absolute = best - (preference * fn / days + (1 - preference) * fp / days)
    return absolute, absolute / best


def curves(score: Float, positive: Bool, days: Bool) -> tuple[Float, Float]:
    """ROC points (false positive rate, recall) and PR points (recall, precision), each [P, 2] with P <= CURVE_POINTS."""
    order, last = _descending(score, days)
    hits = np.cumsum(positive[order])[last]
    alarms = np.flatnonzero(last) + 1
    keep = np.unique(np.linspace(0, len(hits) - 1, min(len(hits), CURVE_POINTS - 1)).round().astype(int))
    hits, alarms = hits[keep], alarms[keep]
    recall = hits / hits[-1]
    roc = np.vstack([[0, 0], np.column_stack([(alarms - hits) / (alarms[-1] - hits[-1]), recall])])
    return roc, np.column_stack([recall, hits / alarms])


def _descending(score: Float, days: Bool) -> tuple[Int, Bool]:
    """Chosen days from the highest score down, and whether each is the last of its ties."""
    chosen = np.flatnonzero(days)
    order = chosen[np.argsort(-score[chosen], kind="stable")]
    return order, np.append(score[order[1:]] != score[order[:-1]], np.ones(min(len(order), 1), bool))


@njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def _walk(order: Int, last: Bool, positive: Bool, weights: Float) -> tuple[Float, Float]:
    auroc, lift = np.full(weights.shape[0], np.nan), np.full(weights.shape[0], np.nan)
    for r in range(weights.shape[0]):
        above, below, pairs, precision, tied_above, tied_below = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(order.size):
            if positive[order[i]]:
                tied_above += weights[r, order[i]]
            else:
                tied_below += weights[r, order[i]]
            if last[i]:
                pairs += tied_below * (above + 0.5 * tied_above)
                above += tied_above
                below += tied_below
                if tied_above > 0:
                    precision += tied_above * above / (above + below)
                tied_above, tied_below = 0.0, 0.0
        if above > 0 and below > 0:
            auroc[r] = pairs / (above * below)
            lift[r] = precision / above * (above + below) / above
    return auroc, lift
