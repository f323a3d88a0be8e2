"""From score to probability: a Platt map per target, fitted on matured labels only, and the order that horizons and depths impose."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from riskradar.tables import Target
from riskradar.tables.arrays import Bool, Float

LEAST = 252  # matured labels behind a probability
SLOPE_DEVIATION = 1.0  # prior N(0, 1) of the slope per standard deviation of the score: keeps separable years finite


@dataclass(frozen=True, eq=False)
class Platt:
    """P(y=1) = 1 / (1 + exp(-(intercept + slope * score))), one map a target [K]; NaN where too few labels had matured (Platt 1999)."""

    intercept: Float
    slope: Float

    def __call__(self, score: Float) -> Float:
        """Scores [K] -> probabilities [K]."""
        out: Float = expit(self.intercept + self.slope * score)
        return out

    @classmethod
    def fit(cls, score: Float, labels: Float) -> "Platt":
        """Maximum a posteriori fit of [T] scores to [T, K] labels; rows without a score or a label are left out."""
        maps = [_fit(score[use], labels[use, k]) for k, use in enumerate(usable(score, labels).T)]
        intercept, slope = np.array(maps).T if maps else (np.empty(0), np.empty(0))
        return cls(np.ascontiguousarray(intercept), np.ascontiguousarray(slope))


def usable(score: Float, labels: Float) -> Bool:
    """Rows with a score and a known label, [T, K]."""
    out: Bool = np.isfinite(score)[:, None] & np.isfinite(labels)
    return out


def _fit(score: Float, y: Float) -> tuple[float, float]:
    if len(y) < LEAST:
        return np.nan, np.nan
    centre, scale = score.mean(), score.std() if score.min() < score.max() else 0.0  # rounding gives a constant a deviation
    x = (score - centre) / scale if scale > 0 else np.zeros_like(score)

    def loss(w: Float) -> tuple[float, Float]:
        logit = w[0] + w[1] * x
        gap = expit(logit) - y
        value = float(np.logaddexp(0, logit).sum() - (y * logit).sum() + 0.5 * (w[1] / SLOPE_DEVIATION) ** 2 + 0.5 * (w[0] / 10) ** 2)
        return value, np.array([gap.sum() + w[0] / 100, (gap * x).sum() + w[1] / SLOPE_DEVIATION**2])

    w = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", options={"maxiter": 200, "ftol": 1e-12, "gtol": 1e-8}).x
    slope = w[1] / scale if scale > 0 else 0.0
    return float(w[0] - slope * centre), float(slope)


def coherent(probability: Float, targets: tuple[Target, ...]) -> Float:
    """Make [K] probabilities rise with the horizon at equal depth and fall with the depth at equal horizon, and only there (design 6).

    A longer horizon takes the running maximum; then each is lowered to what it may not exceed. NaN takes no part.
    """
    out = probability.copy()
    deeper = [(i, j) for i, a in enumerate(targets) for j, b in enumerate(targets) if _same(a, b) and a.horizon == b.horizon and a.depth > b.depth]
    longer = [(i, j) for i, a in enumerate(targets) for j, b in enumerate(targets) if _same(a, b) and a.depth == b.depth and a.horizon < b.horizon]
    for i, j in sorted(longer, key=lambda pair: targets[pair[1]].horizon):
        out[j] = np.fmax(out[j], out[i]) if np.isfinite(out[j]) else out[j]
    changed = True
    while changed:
        before = out.copy()
        for i, j in (*deeper, *longer):
            out[i] = np.fmin(out[i], out[j]) if np.isfinite(out[i]) else out[i]
        changed = not np.array_equal(before, out, equal_nan=True)
    return out


def _same(a: Target, b: Target) -> bool:
    return a.binary and a.kind == b.kind and a.share == b.share
