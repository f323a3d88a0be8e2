"""Heterogeneous autoregression (Corsi 2009): how deep the next fall will be, from volatility over a week, a month and a quarter."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from riskradar.features import FLOOR
from riskradar.labels import worst_drawdown
from riskradar.models.base import Prediction, State
from riskradar.models.calibration import LEAST, Platt, coherent
from riskradar.models.inputs import matrix, missing, outcomes
from riskradar.tables import Features, Graphs, Labels, Target
from riskradar.tables.arrays import Float

INPUTS = ("index_volatility_5", "index_volatility_22", "index_volatility_66")


class HarConfig(BaseModel, frozen=True, extra="forbid"):
    """strength: ridge penalty on standardised inputs, in independent windows of the target's horizon."""

    strength: float = Field(default=1.0, ge=0)
    refit_years: int = Field(default=1, ge=1)


@dataclass(frozen=True)
class Har:
    """Ridge of the log of the worst fall inside the horizon on log volatilities of the index; the forecast is the score."""

    config: HarConfig
    about: str = "log worst fall of the index on its volatility over 5, 22 and 66 sessions (Corsi 2009)"
    hindsight: bool = False
    graphs: bool = False
    seeds: bool = False

    @property
    def refit_years(self) -> int:
        """See Model."""
        return self.config.refit_years

    def lacks(self, features: Features, graphs: Graphs) -> str:
        """See Model.lacks."""
        return missing(features, INPUTS)

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> "FittedHar":
        """One ridge per target on the days whose label is given, then the Platt map of its forecasts; fewer than 252 such days are withheld."""
        x, y = _logs(features), outcomes(labels)
        weights, maps = np.full((len(labels.targets), 1 + x.shape[1]), np.nan), []
        for k, target in enumerate(labels.targets):
            with np.errstate(invalid="ignore"):
                depth = np.log(worst_drawdown(labels.level, target.horizon) + FLOOR)
            use = np.isfinite(y[:, k]) & np.isfinite(depth) & np.isfinite(x).all(axis=1)
            if use.sum() >= LEAST:
                weights[k] = _ridge(x[use], depth[use], self.config.strength * target.horizon)
            maps.append(Platt.fit(_score(weights[k], x), y[:, k : k + 1]))
        platt = Platt(*(np.concatenate([getattr(m, name) for m in maps]) for name in ("intercept", "slope")))
        return FittedHar(labels.targets, weights, platt)

    def restore(self, targets: tuple[Target, ...], state: State) -> "FittedHar":
        """See Model.restore."""
        return FittedHar(targets, state["weights"], Platt(state["intercept"], state["slope"]))


@dataclass(frozen=True, eq=False)
class FittedHar:
    """weights [K, 1+3] on log volatilities, intercept first, and the probability map of each target."""

    targets: tuple[Target, ...]
    weights: Float
    platt: Platt
    history: int = 1

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        """See Fitted.predict."""
        x = _logs(features)[-1:]
        score = np.array([_score(w, x)[0] for w in self.weights])
        return Prediction(score[None], coherent(self.platt(score), self.targets)[None])

    def state(self) -> dict[str, NDArray[Any]]:
        """See Fitted.state."""
        return {"weights": self.weights, "intercept": self.platt.intercept, "slope": self.platt.slope}


def _logs(features: Features) -> Float:
    logs: Float = np.log(matrix(features, INPUTS) + FLOOR)
    return logs


def _score(weights: Float, x: Float) -> Float:
    """Column by column, so that a day alone gives the bits of a day among many."""
    score = np.full(len(x), weights[0])
    for j, weight in enumerate(weights[1:]):
        score = score + weight * x[:, j]
    return score


def _ridge(x: Float, y: Float, penalty: float) -> Float:
    """Intercept and slopes of a ridge regression whose penalty is per standard deviation of each input."""
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    z = (x - mean) / scale
    slope = np.linalg.solve(z.T @ z + penalty * np.eye(x.shape[1]), z.T @ (y - y.mean())) / scale
    return np.concatenate([[y.mean() - (slope * mean).sum()], slope])
