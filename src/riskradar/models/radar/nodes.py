"""Node forecasts by the ground and the graph residual: what is fitted by `radar` for each asset (wide study, section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from riskradar.models.base import Prediction, State, part
from riskradar.models.dense import TrainConfig
from riskradar.models.inputs import missing, missing_layers
from riskradar.models.radar.days import Days
from riskradar.models.radar.ground import INPUTS, REALISED, Ground, GroundConfig, fit
from riskradar.models.radar.lists import Lists
from riskradar.tables import Features, Graphs, Labels, Target
from riskradar.tables.arrays import Float, Float32

RECIPE = TrainConfig(
    epochs=10_000, steps=400, rate=6e-3, schedule="onecycle", warmup=0.1, weight_decay=0.02, clip=1.0, batch=8
)  # wide study, section 5, point 7


class NodesConfig(BaseModel, frozen=True, extra="forbid"):
    """layer: of nearest neighbours, the study's being `residual` with method gaussian, window 500, 60 neighbours and power 2."""

    layer: str = "residual"
    ground: GroundConfig = GroundConfig()
    width: int = Field(default=48, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    refit_years: int = Field(default=3, ge=1)
    train: TrainConfig = RECIPE


def lacking(features: Features, graphs: Graphs, layer: str = "") -> str:
    """Why nodes cannot be forecast from these tables, or an empty string."""
    needs = tuple(f"mean:{name}" for name in (*INPUTS, *REALISED.values()))
    return missing(features, needs) or (missing_layers(graphs, (layer,)) if layer else "")


@dataclass(frozen=True)
class RadarNodes:
    """A ridge for the level of the day, a ridge for the cross-section, and a network for what they leave; message: False for its no-graph twin."""

    config: NodesConfig
    message: bool = True
    about: str = "continuous node targets: level and cross-section by ridges, and a graph residual (wide study)"
    hindsight: bool = False
    graphs: bool = True
    seeds: bool = True

    @property
    def refit_years(self) -> int:
        """See Model."""
        return self.config.refit_years

    def lacks(self, features: Features, graphs: Graphs) -> str:
        """See Model.lacks."""
        return lacking(features, graphs, self.config.layer)

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> "FittedNodes":
        """See fit_seeds."""
        return self.fit_seeds(features, graphs, labels, seeds=(seed,))[0]

    def fit_seeds(self, features: Features, graphs: Graphs, labels: Labels, *, seeds: Sequence[int]) -> list["FittedNodes"]:
        """Train on all days that have a graph, the twin without messages on the same ones; without any, the ridges alone forecast."""
        from riskradar.models.radar.sage import NodeDays, Sage
        from riskradar.models.train import Samples, train

        ground, days, left = fit(features, labels, self.config.ground)
        known = np.isfinite(left)
        spread = np.array([left[known[:, k], k].std() if known[:, k].any() else 0.0 for k in range(left.shape[1])], np.float32)
        taught = np.flatnonzero(spread > 0)
        lists = Lists.of(graphs, self.config.layer)
        some = np.isin(np.arange(len(lists.row)), days.day[np.any(known, axis=1)])
        rows = np.flatnonzero(some & (lists.row >= 0))
        if not len(rows) or not len(taught):
            return [FittedNodes(self, ground, len(labels.units), np.zeros_like(spread), {}) for _ in seeds]
        network = Sage(days.x.shape[1], len(taught), self.config.width, self.config.dropout, self.message)
        samples = Samples(NodeDays(days, lists, left[:, taught] / spread[taught]), rows, ())
        weights = train(network, samples, seeds, self.config.train).weights
        each = [{name: array[s : s + 1] for name, array in weights.items()} for s in range(len(seeds))]
        return [FittedNodes(self, ground, len(labels.units), spread, own) for own in each]

    def restore(self, targets: tuple[Target, ...], state: State) -> "FittedNodes":
        """See Model.restore."""
        return FittedNodes(self, Ground.restored(targets, state), int(state["units"]), state["spread"], part(state, "net"))


@dataclass(frozen=True, eq=False)
class FittedNodes:
    """spread [K]: deviation of what the ridges left, 0 for a target that was not learned; weights of one seed [1, ...], none without a network."""

    model: RadarNodes
    ground: Ground
    units: int
    spread: Float32
    weights: dict[str, NDArray[Any]]

    @property
    def history(self) -> int:
        """See Fitted.history."""
        return self.ground.history

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        """Forecasts of the labels as the score, [system and nodes, K]; the system and assets that take no part have none, nor has a probability."""
        today, level = self.ground.newest(features)
        values = self.ground.forecast(today, level)
        if self.weights and len(today.node):
            from riskradar.models.networks import one_thread
            from riskradar.models.radar.sage import outputs

            a = _between(graphs, self.model.config.layer, today) if self.model.message else None
            with one_thread():
                values[:, self.spread > 0] += self.spread[self.spread > 0] * outputs(self.weights, today.x, a)
        return forecast_of(values, today, self.units)

    def state(self) -> dict[str, NDArray[Any]]:
        """See Fitted.state."""
        net = {f"net.{name}": array for name, array in self.weights.items()}
        return self.ground.state() | {"units": np.array(self.units), "spread": self.spread} | net


def forecast_of(values: Float32, today: Days, units: int) -> Prediction:
    """Forecasts [n, K] of the nodes of one day as a Prediction of all units."""
    score: Float = np.full((units, values.shape[1]), np.nan)
    if units > 1:
        score[1 + today.node] = values
    return Prediction(score, np.full_like(score, np.nan))


def _between(graphs: Graphs, layer: str, today: Days) -> Float32:
    """Row-normalised weights [n, n] of the newest graph between the nodes that take part; a row without neighbours is zero."""
    dates = len(graphs.dates)
    a = graphs.layers[layer].block(dates - 1, dates)[0][np.ix_(today.node, today.node)]
    total = a.sum(axis=1, keepdims=True)
    shares: Float32 = np.divide(a, total, out=np.zeros_like(a), where=total > 0)
    return shares
