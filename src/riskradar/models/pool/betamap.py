"""Beta calibration of the anchor's rank among all sessions so far (Kull, Silva Filho and Flach 2017), by maximum a posteriori (market study, 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from riskradar.models.base import EVERY_SESSION, Prediction, State
from riskradar.models.calibration import LEAST, coherent, usable
from riskradar.models.inputs import missing, outcomes
from riskradar.models.pool.anchor import ANCHOR, anchor
from riskradar.tables import Features, Graphs, Labels, Target
from riskradar.tables.arrays import Float

INTERCEPT_DEVIATION = 2.0  # prior of the intercept around the logit of the base rate
SLOPE, SLOPE_DEVIATION = 0.5, 0.5  # prior of both slopes, which cannot be negative


@dataclass(frozen=True)
class BetaMap:
    """logit P = b0 + b1 ln u - b2 ln(1 - u), u the expanding rank of the anchor; each label weighs 1/H, since H neighbours share their window."""

    about: str = "beta calibration of the anchor's expanding rank"
    hindsight: bool = True  # the priors were chosen by a study that saw both halves
    refit_years: int = 1
    graphs: bool = False
    seeds: bool = False

    def lacks(self, features: Features, graphs: Graphs) -> str:
        """See Model.lacks."""
        return missing(features, ANCHOR)

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> FittedBetaMap:
        """Learn the map of each target; one with fewer than 252 labels under a score is withheld."""
        rank, y = _ranks(anchor(features)), outcomes(labels)
        maps = [_fit(rank[use], y[use, k], labels.targets[k].horizon) for k, use in enumerate(usable(rank, y).T)]
        return FittedBetaMap(labels.targets, np.array(maps).reshape(len(maps), 3))

    def restore(self, targets: tuple[Target, ...], state: State) -> FittedBetaMap:
        """See Model.restore."""
        return FittedBetaMap(targets, state["weights"])


@dataclass(frozen=True, eq=False)
class FittedBetaMap:
    """weights [K, 3]: b0, b1, b2 of each target; NaN where withheld."""

    targets: tuple[Target, ...]
    weights: Float
    history: int = EVERY_SESSION

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        """See Fitted.predict."""
        scores = anchor(features)
        rank = (np.sum(scores < scores[-1]) + 0.5 * np.sum(scores == scores[-1])) / np.isfinite(scores).sum() if np.isfinite(scores[-1]) else np.nan
        probability = expit(self.weights[:, 0] + self.weights[:, 1] * np.log(rank) - self.weights[:, 2] * np.log1p(-rank))
        return Prediction(np.full((1, len(self.targets)), scores[-1]), coherent(probability, self.targets)[None])

    def state(self) -> dict[str, NDArray[Any]]:
        """See Fitted.state."""
        return {"weights": self.weights}


@numba.njit(cache=True)
def _ranks(scores: Float) -> Float:
    """Share of the scores so far below each, ties and itself counting half, [T]; inside (0, 1)."""
    out, kept, n = np.full(len(scores), np.nan), np.empty(len(scores)), 0
    for t in range(len(scores)):
        if np.isnan(scores[t]):
            continue
        below, upto = np.searchsorted(kept[:n], scores[t]), np.searchsorted(kept[:n], scores[t], side="right")
        kept[upto + 1 : n + 1] = kept[upto:n].copy()
        kept[upto] = scores[t]
        n += 1
        out[t] = (below + 0.5 * (upto + 1 - below)) / n
    return out


def _fit(rank: Float, y: Float, horizon: int) -> Float:
    if len(y) < LEAST:
        return np.full(3, np.nan)
    x = np.stack([np.ones_like(rank), np.log(rank), -np.log1p(-rank)], axis=1)
    centre = np.array([logit((y.sum() + 1) / (len(y) + 2)), SLOPE, SLOPE])
    deviation = np.array([INTERCEPT_DEVIATION, SLOPE_DEVIATION, SLOPE_DEVIATION])

    def loss(b: Float) -> tuple[float, Float]:
        score = (x * b).sum(axis=1)
        pull = (b - centre) / deviation
        value = float((np.logaddexp(0, score) - y * score).sum() / horizon + 0.5 * (pull**2).sum())
        return value, ((expit(score) - y)[:, None] * x).sum(axis=0) / horizon + pull / deviation

    bounds = [(None, None), (0, None), (0, None)]
    found: Float = minimize(loss, centre, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12, "gtol": 1e-8}).x
    return found
