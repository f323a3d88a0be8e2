"""The fixed-sign anchor of the radar, and how much of a network's correction to believe; no torch here.

The anchor's weight in the logit is fixed, so that a refit cannot move the score of a calm day against that of a stressed one (science study, 3b).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit

from riskradar.models.srr.market import Market
from riskradar.tables.arrays import Bool, Float, Float32, Int

FURTHEST = 12.0  # a logit beyond this says never
DOUBT = 0.5  # deviation of the prior of the gate around 0: a correction has to earn its weight


@dataclass(frozen=True, eq=False)
class Anchored:
    """Snapshots, and the anchor's logits on them [G, K]."""

    market: Market
    logit: Float

    @property
    def x(self) -> Float32:
        """Node features, [G, N, F]."""
        return self.market.x


def intercepts(score: Float, y: Float, taught: Bool) -> Float:
    """The constants [K] that make the mean of expit(constant + score) the share of past days with the label; one imagined day each way."""
    out = np.full(y.shape[1], np.nan)
    for k in np.flatnonzero(taught):
        use = np.isfinite(y[:, k]) & np.isfinite(score)
        share, days = (y[use, k].sum() + 1) / (use.sum() + 2), score[use]
        out[k] = brentq(lambda c, days=days, share=share: expit(c + days).mean() - share, -FURTHEST - days.max(), FURTHEST - days.min())
    return out


def gate(logit: Float, correction: Float, y: Float, days: Float) -> float:
    """How much of a correction [n, K] to add to the anchor's logits [n, K], 0 … 1: the most likely given labels y [n, K] that it has not seen.

    days [K]: sessions between samples over the horizon, since labels that overlap are not news. The prior is normal around 0, deviation DOUBT.
    """
    known = np.isfinite(y)
    answer = np.where(known, y, 0.0)

    def surprise(share: float) -> float:
        total = logit + share * correction
        return float(((np.logaddexp(0, total) - answer * total) * known * days).sum() + 0.5 * (share / DOUBT) ** 2)

    return float(minimize_scalar(surprise, bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-4}).x)


def halves(rows: Int, longest: int, tail: float) -> tuple[Bool, Bool]:
    """Samples [n] to learn a first network from, none of whose labels reaches into the newest `tail` of them, and these, to judge it on."""
    first = rows[int(len(rows) * (1 - tail))]
    return rows + longest < first, rows >= first
