"""The linear rows beside the network: own HAR with the means of the day, and the ridges with or without the inputs of neighbours."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskradar.models.base import Prediction, State
from riskradar.models.radar import ground as grounds
from riskradar.models.radar.days import Days, gather, moments, ridge, standardised
from riskradar.models.radar.ground import BOUND, Ground
from riskradar.models.radar.lists import Lists
from riskradar.models.radar.nodes import NodesConfig, forecast_of, lacking
from riskradar.tables import Features, Graphs, Labels, Target
from riskradar.tables.arrays import Float, Float32

HAR = ("log_volatility_5", "log_volatility_20", "log_volatility_60", "log_volatility_250", "drawdown_60", "below_high")
HAR_MEANS = [0, 1, 2, 4, 5]  # of the day: all but the longest volatility


@dataclass(frozen=True)
class Har:
    """Own volatilities over 5 to 250 sessions (Corsi 2009) and drawdowns, with their means over the day, in one pooled ridge."""

    config: NodesConfig
    about: str = "continuous node targets: own past volatilities and drawdowns, and their mean over the day (Corsi 2009)"
    hindsight: bool = False
    graphs: bool = False
    seeds: bool = False

    @property
    def refit_years(self) -> int:
        """See Model."""
        return self.config.refit_years

    def lacks(self, features: Features, graphs: Graphs) -> str:
        """See Model.lacks."""
        return lacking(features, graphs)

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> "FittedHar":
        """See Model.fit."""
        days = gather(features, HAR)
        mean, scale = moments(days.x)
        days = standardised(days, mean, scale, BOUND)
        y = grounds.outcomes(labels, days)
        return FittedHar(len(labels.units), mean, scale, ridge(_with_means(days), y, self.config.ground.penalty, intercept=True))

    def restore(self, targets: tuple[Target, ...], state: State) -> "FittedHar":
        """See Model.restore."""
        return FittedHar(int(state["units"]), state["mean"], state["scale"], state["coefficients"])


@dataclass(frozen=True, eq=False)
class FittedHar:
    """See Har."""

    units: int
    mean: Float32
    scale: Float32
    coefficients: Float
    history: int = 1

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        """See FittedNodes.predict."""
        today = standardised(gather(features, HAR).last(), self.mean, self.scale, BOUND)
        values = _with_means(today) @ self.coefficients[:-1].astype(np.float32) + self.coefficients[-1].astype(np.float32)
        return forecast_of(values, today, self.units)

    def state(self) -> dict[str, NDArray[Any]]:
        """See Fitted.state."""
        return {"units": np.array(self.units), "mean": self.mean, "scale": self.scale, "coefficients": self.coefficients}


@dataclass(frozen=True)
class NodeRidge:
    """The ground of the radar alone, or with the neighbours' mean inputs beside an asset's own."""

    config: NodesConfig
    neighbours: bool = False
    about: str = "continuous node targets: level and cross-section by ridges"
    hindsight: bool = False
    seeds: bool = False

    @property
    def graphs(self) -> bool:
        """See Model."""
        return self.neighbours

    @property
    def refit_years(self) -> int:
        """See Model."""
        return self.config.refit_years

    def lacks(self, features: Features, graphs: Graphs) -> str:
        """See Model.lacks."""
        return lacking(features, graphs, self.config.layer if self.neighbours else "")

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> "FittedRidge":
        """See Model.fit."""
        ground, days, _ = grounds.fit(features, labels, self.config.ground)
        fitted = FittedRidge(self, ground, len(labels.units), ground.base)
        if not self.neighbours:
            return fitted
        y = grounds.centred_labels(days, grounds.outcomes(labels, days))
        both = ridge(fitted.inputs(days, graphs), y, self.config.ground.penalty, intercept=False)
        return FittedRidge(self, ground, len(labels.units), both)

    def restore(self, targets: tuple[Target, ...], state: State) -> "FittedRidge":
        """See Model.restore."""
        return FittedRidge(self, Ground.restored(targets, state), int(state["units"]), state["base"])


@dataclass(frozen=True, eq=False)
class FittedRidge:
    """See NodeRidge; base: coefficients of the cross-section [F, K]."""

    model: NodeRidge
    ground: Ground
    units: int
    base: Float

    @property
    def history(self) -> int:
        """See Fitted.history."""
        return self.ground.history

    def inputs(self, days: Days, graphs: Graphs) -> Float32:
        """Own inputs and, where asked for, their mean over the neighbours, less the mean of the day."""
        if not self.model.neighbours:
            return days.centred(days.x)
        lists = Lists.of(graphs, self.model.config.layer)
        return days.centred(np.concatenate([days.x, lists.mean(days, days.x)], axis=1))

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        """See FittedNodes.predict."""
        today, level = self.ground.newest(features)
        newest = graphs.rows(len(graphs.dates) - 1, len(graphs.dates))
        return forecast_of(level + self.inputs(today, newest) @ self.base.astype(np.float32), today, self.units)

    def state(self) -> dict[str, NDArray[Any]]:
        """See Fitted.state."""
        return self.ground.state() | {"units": np.array(self.units), "base": self.base}


def _with_means(days: Days) -> Float32:
    shared = days.means(days.x[:, HAR_MEANS]).astype(np.float32)
    return np.concatenate([days.x, shared[days.day]], axis=1)
