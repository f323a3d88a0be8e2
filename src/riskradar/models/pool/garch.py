"""Filtered historical simulation: a GJR-GARCH(1,1) with Student t errors, whose own residuals are drawn again (market study, 7).

Glosten, Jagannathan and Runkle 1993; Barone-Adesi, Giannopoulos and Vosper 1999.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from scipy.optimize import minimize
from scipy.special import expit, logit

from riskradar.models.base import EVERY_SESSION, Prediction, State
from riskradar.models.calibration import LEAST
from riskradar.models.inputs import missing
from riskradar.models.pool.anchor import ANCHOR, anchor
from riskradar.models.pool.falls import Falls, horizons, probabilities
from riskradar.tables import Features, Graphs, Labels, Target
from riskradar.tables.arrays import Float, Int

LEAST_FREEDOM = 2.05  # degrees of freedom above which the variance is finite
START = np.array([0.0, 0.0, logit(0.98), logit(0.94), logit(0.4), math.log(6)])  # alpha .024, gamma .07, beta .92, freedom 8
BOUNDS = [(-1, 1), (-3, 3), (-4, 9), (-9, 9), (-9, 9), (-3, 6)]


class GarchConfig(BaseModel, frozen=True, extra="forbid"):
    """paths: simulated a session; residuals: sessions that are filtered and whose residuals are drawn; refit_years: between two estimates."""

    paths: int = Field(default=1000, ge=100)
    residuals: int = Field(default=750, ge=LEAST)
    refit_years: int = Field(default=1, ge=1)


@dataclass(frozen=True)
class Parameters:
    """r = mean + s z, with s^2 = omega + (alpha + gamma [last shock negative]) last shock^2 + beta last s^2, z Student t of unit variance."""

    mean: float
    omega: float
    alpha: float
    gamma: float
    beta: float
    freedom: float

    @property
    def variance(self) -> float:
        """In the long run."""
        return self.omega / (1 - self.alpha - self.gamma / 2 - self.beta)

    def values(self) -> Float:
        """As an array [6]."""
        return np.array([self.mean, self.omega, self.alpha, self.gamma, self.beta, self.freedom])


def estimate(returns: Float) -> Parameters:
    """Maximum likelihood on daily log returns [T] without gaps; persistence below 1 and all coefficients positive by construction."""
    centre, scale = returns.mean(), returns.std()
    x = (returns - centre) / scale

    def loss(free: Float) -> float:
        return float(_negative_log_likelihood(x, _parameters(free).values()) / len(x))

    free = minimize(loss, START, method="L-BFGS-B", bounds=BOUNDS, options={"ftol": 1e-10}).x
    found = _parameters(free)
    return Parameters(centre + scale * found.mean, scale**2 * found.omega, found.alpha, found.gamma, found.beta, found.freedom)


def _parameters(free: Float) -> Parameters:
    """From mean, log long-run variance, and the logits of persistence, of beta's share in it and of alpha's share in the rest."""
    persistence, share, rest = expit(free[2:5])
    shocks = persistence * (1 - share)
    omega = math.exp(free[1]) * (1 - persistence)
    return Parameters(free[0], omega, shocks * rest, 2 * shocks * (1 - rest), persistence * share, LEAST_FREEDOM + math.exp(free[5]))


@numba.njit(cache=True)
def _negative_log_likelihood(x: Float, parameters: Float) -> float:
    mean, omega, alpha, gamma, beta, freedom = parameters
    constant = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - 0.5 * math.log(math.pi * (freedom - 2))
    total, variance = 0.0, omega / (1 - alpha - gamma / 2 - beta)
    for t in range(len(x)):
        shock = x[t] - mean
        total -= constant - 0.5 * math.log(variance) - (freedom + 1) / 2 * math.log1p(shock * shock / (variance * (freedom - 2)))
        variance = omega + (alpha + gamma * (shock < 0)) * shock * shock + beta * variance
    return total


@dataclass(frozen=True)
class Garch:
    """Probabilities of drawdown targets from simulated paths of the index; other targets are withheld."""

    config: GarchConfig
    about: str = "filtered GJR-GARCH-t simulation of the index; ranked by the anchor"
    hindsight: bool = False
    graphs: bool = False
    seeds: bool = False

    @property
    def refit_years(self) -> int:
        """See Model."""
        return self.config.refit_years

    def lacks(self, features: Features, graphs: Graphs) -> str:
        """See Model.lacks."""
        return missing(features, ("index_return", *ANCHOR))

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> FittedGarch:
        """Estimate on all returns up to the cut-off; withheld under 252 of them, or where the index never moved."""
        returns = features.column("index_return")
        known = returns[np.isfinite(returns)]
        moved = len(known) >= LEAST and known.std() > 0
        return FittedGarch(self.config, labels.targets, estimate(known).values() if moved else np.full(6, np.nan))

    def restore(self, targets: tuple[Target, ...], state: State) -> FittedGarch:
        """See Model.restore."""
        return FittedGarch(self.config, targets, state["parameters"])


@dataclass(frozen=True, eq=False)
class FittedGarch:
    """parameters: see Parameters [6]; NaN where withheld."""

    config: GarchConfig
    targets: tuple[Target, ...]
    parameters: Float
    history: int = EVERY_SESSION

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        """See Fitted.predict."""
        score = np.full(len(self.targets), anchor(features)[-1])
        return Prediction(score[None], probabilities(self.falls(features, horizons(self.targets)), self.targets)[None])

    def falls(self, features: Features, horizons: tuple[int, ...]) -> Falls | None:
        """See Simulated.falls; the draws of a session are seeded by its date, so that they are the same whenever it is scored."""
        returns = features.column("index_return")[-self.config.residuals :]
        known = returns[np.isfinite(returns)]
        if not horizons or np.isnan(self.parameters[0]) or np.isnan(returns[-1]) or len(known) < LEAST:
            return None
        residuals, variance = _filter(known, self.parameters)
        draws = np.random.default_rng(features.dates[-1].astype(int)).integers(len(residuals), size=(horizons[-1], self.config.paths))
        worst = _simulate(self.parameters, residuals, variance, draws, np.array(horizons))
        return Falls(horizons, -np.expm1(-worst), np.ones(self.config.paths))

    def state(self) -> dict[str, NDArray[Any]]:
        """See Fitted.state."""
        return {"parameters": self.parameters}


@numba.njit(cache=True)
def _filter(returns: Float, parameters: Float) -> tuple[Float, float]:
    """Standardised residuals [T] and the variance of the next session."""
    mean, omega, alpha, gamma, beta, _ = parameters
    residuals, variance = np.empty_like(returns), float(np.var(returns))
    for t in range(len(returns)):
        shock = returns[t] - mean
        residuals[t] = shock / math.sqrt(variance)
        variance = omega + (alpha + gamma * (shock < 0)) * shock * shock + beta * variance
    return residuals, variance


@numba.njit(cache=True)
def _simulate(parameters: Float, residuals: Float, variance: float, draws: Int, marks: Int) -> Float:
    """Worst log fall of each path at each mark, [n, H]."""
    mean, omega, alpha, gamma, beta, _ = parameters
    steps, n = draws.shape
    out = np.empty((n, len(marks)))
    for i in range(n):
        width, mark = variance, 0
        level = peak = fall = 0.0
        for k in range(steps):
            shock = math.sqrt(width) * residuals[draws[k, i]]
            level += mean + shock
            width = omega + (alpha + gamma * (shock < 0)) * shock * shock + beta * width
            peak = max(peak, level)
            fall = max(fall, peak - level)
            if k + 1 == marks[mark]:
                out[i, mark] = fall
                mark += 1
    return out
