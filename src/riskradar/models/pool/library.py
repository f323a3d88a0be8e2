"""The path library: what followed in the past, rescaled to how wide the market's moves are today. Nothing is fitted (market study, 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from riskradar.models.base import EVERY_SESSION, Prediction, State
from riskradar.models.calibration import LEAST
from riskradar.models.inputs import missing
from riskradar.models.pool.anchor import ANCHOR, anchor
from riskradar.models.pool.falls import Falls, horizons, probabilities
from riskradar.models.pool.portfolios import NEEDS, Portfolios, variances
from riskradar.tables import Features, Graphs, Labels, Target
from riskradar.tables.arrays import Float, Int


class LibraryConfig(BaseModel, frozen=True, extra="forbid"):
    """What the library holds and how it ages (market study, 7).

    every, sector_every: sessions between starts of paths of the index and of sectors; sector_mass: weight of all sectors against the index;
    half_life: sessions after which a path counts half; persistence: daily decay of today's width towards its mean.
    """

    every: int = Field(default=4, ge=1)
    sector_every: int = Field(default=20, ge=1)
    sector_mass: float = Field(default=0.5, ge=0)
    half_life: float = Field(default=2520, gt=0)
    persistence: float = Field(default=0.99, gt=0, le=1)


@dataclass(frozen=True)
class Library:
    """Probabilities of drawdown targets from past paths of the index and of its sectors; other targets are withheld."""

    config: LibraryConfig
    about: str = "past paths rescaled to today's VIX and breadth; ranked by the anchor"
    hindsight: bool = True  # the recipe was chosen by a study that saw both halves
    refit_years: int = 1
    graphs: bool = False
    seeds: bool = False

    def lacks(self, features: Features, graphs: Graphs) -> str:
        """See Model.lacks; sectors and VIX are used where there are any."""
        return missing(features, (*NEEDS, *ANCHOR))

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> FittedLibrary:
        """Keep what index and sectors did up to the cut-off; paths that mature later join on the session on which they do."""
        return FittedLibrary(self.config, labels.targets, Portfolios.of(features))

    def restore(self, targets: tuple[Target, ...], state: State) -> FittedLibrary:
        """See Model.restore."""
        return FittedLibrary(self.config, targets, Portfolios.restored(state))


@dataclass(frozen=True, eq=False)
class FittedLibrary:
    """The record up to the cut-off; a day's score extends it by the sessions since."""

    config: LibraryConfig
    targets: tuple[Target, ...]
    record: Portfolios
    history: int = EVERY_SESSION

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        """See Fitted.predict."""
        score = np.full(len(self.targets), anchor(features)[-1])
        return Prediction(score[None], probabilities(self.falls(features, horizons(self.targets)), self.targets)[None])

    def falls(self, features: Features, horizons: tuple[int, ...]) -> Falls | None:
        """See Simulated.falls; only paths whose last session is known, and none before 252 sessions of index paths have matured."""
        config, record = self.config, self.record.extended(features)
        variance, mean = variances(record, features)
        if not horizons or np.isnan(variance[-1, 0]) or np.isfinite(variance[: -horizons[-1], 0]).sum() < LEAST:
            return None
        decay: Float = config.persistence ** np.arange(horizons[-1], dtype=float)
        ahead = mean[0] + (variance[-1, 0] - mean[0]) * decay
        every = np.full(len(mean), config.sector_every)
        every[0] = config.every
        age = 0.5 ** (np.arange(len(variance))[::-1] / config.half_life)
        worst, weight, portfolio = _replay(record.returns, variance, mean, ahead, decay, every, np.array(horizons), age)
        sectors = portfolio > 0
        mass = weight[sectors].sum()
        if mass > 0:
            weight[sectors] *= config.sector_mass * weight[~sectors].sum() / mass
        return Falls(horizons, -np.expm1(-worst), weight)

    def state(self) -> dict[str, NDArray[Any]]:
        """See Fitted.state."""
        return self.record.state()


@numba.njit(cache=True)
def _replay(returns: Float, variance: Float, mean: Float, ahead: Float, decay: Float, every: Int, marks: Int, age: Float) -> tuple[Float, Float, Int]:
    """Worst log fall of each matured path at each mark [n, H], weight [n] and portfolio [n].

    Step k of a path is its return times sqrt(today's variance k steps ahead / the variance that was ahead of it).
    """
    T, P = returns.shape
    steps, n = len(ahead), 0
    most = 0
    for p in range(P):
        most += max(T - steps, 0) // every[p] + 1
    worst, weight, portfolio = np.empty((most, len(marks))), np.empty(most), np.empty(most, np.int64)
    for p in range(P):
        for u in range(0, T - steps, every[p]):
            if np.isnan(variance[u, p]):
                continue
            gap = variance[u, p] - mean[p]
            level = peak = fall = 0.0
            mark = 0
            for k in range(steps):
                level += returns[u + 1 + k, p] * np.sqrt(ahead[k] / (mean[p] + gap * decay[k]))
                peak = max(peak, level)
                fall = max(fall, peak - level)
                if k + 1 == marks[mark]:
                    worst[n, mark] = fall
                    mark += 1
            if not np.isnan(level):
                weight[n], portfolio[n] = age[u], p
                n += 1
    return worst[:n], weight[:n], portfolio[:n]
