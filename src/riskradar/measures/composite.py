"""Composite indicator of systemic stress in the manner of Holló, Kremer and Lo Duca (2012): stress counts more where it is everywhere."""

import bisect
import math
from collections.abc import Mapping

import numpy as np

from riskradar.features import deviation, highest, lag, log_returns
from riskradar.tables import Panel
from riskradar.tables.arrays import Float

DECAY = 0.93  # of the correlations between segments
HISTORY = 252  # sessions before a rank means anything
WEIGHTS: Mapping[str, float] = {"money": 0.15, "bond": 0.15, "equity": 0.25}  # of the source, scaled to 1; banks and currencies are not in the data
NEEDS = ("baa10y", "term_10y_3m", "vix")


def rank(x: Float, history: int = HISTORY) -> Float:
    """Share of all values so far that are not above today's, [T]; NaN until `history` of them are known."""
    out, seen = np.full(len(x), np.nan), list[float]()
    for t, value in enumerate(x.tolist()):
        if not math.isnan(value):
            bisect.insort(seen, value)
            if len(seen) >= history:
                out[t] = bisect.bisect_right(seen, value) / len(seen)
    return out


def combine(stress: Float, correlation: Float, weights: Float) -> float:
    """(w s)' C (w s), in [0, 1] for stresses in [0, 1]; weights sum to 1."""
    part = weights * stress
    return float(part @ correlation @ part)


def composite(stress: Float, weights: Float) -> Float:
    """The indicator [T] of segments [T, m], with correlations by exponential weights around .5; sessions with an unknown segment are passed over."""
    out, covariance = np.full(len(stress), np.nan), np.full((stress.shape[1],) * 2, np.nan)
    for t in np.flatnonzero(np.isfinite(stress).all(axis=1)):
        off = stress[t] - 0.5
        now = np.outer(off, off)
        covariance = now if np.isnan(covariance[0, 0]) else DECAY * covariance + (1 - DECAY) * now
        scale = np.sqrt(np.diag(covariance))
        if (scale > 0).all():
            out[t] = combine(stress[t], covariance / np.outer(scale, scale), weights)
    return out


def stress(panel: Panel) -> Float:
    """Segments [T, 3], each a mean of ranks: money (unrest of the term spread), bonds (Baa spread), shares (VIX, fall of the index)."""
    term, baa, vix = (panel.facts.view(name, panel.dates) for name in ("term_10y_3m", "baa10y", "vix"))
    level = panel.level
    fall = 1 - level / highest(level, 252)
    unrest, wild = deviation(term - lag(term, 1), 20), deviation(log_returns(level), 20)
    return np.stack([rank(unrest), rank(baa), (rank(vix) + rank(fall) + rank(wild)) / 3], axis=1)


def ciss(panel: Panel) -> Float:
    """The composite of a panel, [T]."""
    weights = np.array(list(WEIGHTS.values()))
    return composite(stress(panel), weights / weights.sum())
