"""The radar's system level: a fixed-sign anchor, and a graph network that may correct it as far as it has earned.

The anchor is an equal-weight mean of z-scores and never fitted. A small graph network learns what to add to its logit, from zero; the gate, between
0 and 1, is the share of that correction which was worth adding on the newest quarter of the past, which a first network had not seen.
Score: anchor plus gated correction, less the correction's mean over the past, without intercept (science study, 9). Probabilities are the pool's.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from riskradar.models.base import EVERY_SESSION, Prediction, State, part
from riskradar.models.dense import TrainConfig
from riskradar.models.inputs import missing, missing_layers, outcomes, teachable
from riskradar.models.pool import FittedPool, Pool, PoolConfig, anchor
from riskradar.models.pool.anchor import ANCHOR
from riskradar.models.radar.anchored import Anchored, gate, halves, intercepts
from riskradar.models.srr.architecture import Architecture
from riskradar.models.srr.inputs import Gaps, context, market
from riskradar.models.srr.market import Layer, Market, Near
from riskradar.models.srr.model import NODE
from riskradar.tables import Features, Graphs, Labels, Target
from riskradar.tables.arrays import Float, Float32, Int

Twin = Literal["", "anchor", "no-graph", "shuffled"]
LEAST_SAMPLES = 200  # before that the gate is closed


class RadarConfig(BaseModel, frozen=True, extra="forbid"):
    """layers: graphs that the correction reads, those without data masked; inputs: node features; context: rates, credit and volatility of the date.

    width, depth: of its graph convolutions; members: networks whose mean it is; every: sessions between the snapshots that it learns from;
    tail: the share of them on which the gate is measured.
    """

    layers: tuple[str, ...] = ("correlation", "residual", "sector")
    inputs: tuple[str, ...] = Field(default=NODE, min_length=1)
    context: tuple[str, ...] = ("vix", "term_spread", "credit")
    width: int = Field(default=16, ge=1)
    depth: int = Field(default=1, ge=1, le=3)
    members: int = Field(default=3, ge=1, le=100)
    every: int = Field(default=5, ge=1)
    refit_years: int = Field(default=3, ge=1)
    tail: float = Field(default=0.25, gt=0, lt=1)
    train: TrainConfig = TrainConfig(epochs=10, batch=64, weight_decay=0.02)

    def architecture(self, targets: tuple[Target, ...]) -> Architecture:
        """The correction's network for these targets; a context number comes with an indicator of its gaps."""
        return Architecture(
            self.layers, len(self.inputs), targets, context=2 * len(self.context), encoder="gcn", depth=self.depth, width=self.width, heads=1,
            temporal="none", sequence=1,
        )  # fmt: skip


@dataclass(frozen=True)
class Radar:
    """twin: "" for the whole, or what is left when something is taken away: the anchor alone, no edges, or edges without their meaning.

    A twin ranks only: its probability is NaN.
    """

    config: RadarConfig
    pool: PoolConfig
    about: str
    twin: Twin = ""
    hindsight: bool = True  # breadth and the weights of the pool come from a study that saw the whole history
    seeds: bool = False  # its members are the seeds, always the same ones

    @property
    def refit_years(self) -> int:
        """See Model."""
        return self.config.refit_years

    @property
    def graphs(self) -> bool:
        """See Model."""
        return self.twin != "anchor"

    @property
    def layers(self) -> tuple[str, ...]:
        """The graphs it reads: shuffled ones go by their own names."""
        return tuple(f"{name}~shuffled" for name in self.config.layers) if self.twin == "shuffled" else self.config.layers

    def lacks(self, features: Features, graphs: Graphs) -> str:
        """See Model.lacks."""
        read = (*ANCHOR, *(f"mean:{name}" for name in self.config.inputs))
        return missing(features, read) or ("" if self.twin == "anchor" else missing_layers(graphs, self.layers))

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> "FittedRadar":
        """Learn the correction twice: without the newest samples, to set the gate on these, and from all of them."""
        score = anchor(features)
        y = np.where(np.isfinite(score)[:, None], outcomes(labels), np.nan)
        taught = teachable(y, 1)
        pool = None if self.twin else Pool(self.pool, "").fit(features, graphs, labels, seed=seed)
        closed = FittedRadar(self, labels.targets, {"taught": taught, "gate": np.zeros(1)}, pool)
        grid = np.arange(len(features.dates) - 1, -1, -self.config.every)[::-1]
        grid = grid[np.isfinite(y[grid][:, taught]).any(axis=1)]
        if self.twin == "anchor" or len(grid) < LEAST_SAMPLES:
            return closed
        raw = context(features, grid, self.config.context)
        gaps = Gaps.of(raw)
        used = self.snapshots(features, graphs, grid, gaps.read(raw))
        mean, scale = used.moments()
        data = Anchored(used.standardised(mean, scale).compact(), intercepts(score, y, taught)[taught] + score[grid][:, None])
        learned = self._learn(data, y[grid][:, taught], tuple(t for t, use in zip(labels.targets, taught, strict=True) if use))
        read = {"taught": taught, "read.fill": gaps.fill, "read.gap": gaps.gap, "read.mean": mean, "read.scale": scale}
        return FittedRadar(self, labels.targets, read | learned, pool)

    def restore(self, targets: tuple[Target, ...], state: State) -> "FittedRadar":
        """See Model.restore."""
        pool = None if self.twin else Pool(self.pool, "").restore(targets, part(state, "pool"))
        return FittedRadar(self, targets, {name: array for name, array in state.items() if not name.startswith("pool.")}, pool)

    def _learn(self, data: Anchored, y: Float, targets: tuple[Target, ...]) -> dict[str, NDArray[Any]]:
        """The gate, the members' weights and their mean correction over the past."""
        from riskradar.models.radar.residual import corrections, fit

        config, shape, rows, seeds = self.config, self.config.architecture(targets), np.arange(len(y)), range(self.config.members)
        days = np.array([min(config.every / target.horizon, 1.0) for target in targets])
        past, tail = halves(rows, -(-max(target.horizon for target in targets) // config.every), config.tail)
        trial = corrections(shape, fit(shape, data, rows[past], y[past], seeds, config.train), data.market, rows).mean(axis=0)
        opened = gate(data.logit[tail], (trial - trial[past].mean(axis=0))[tail], y[tail], days)
        weights = fit(shape, data, rows, y, seeds, config.train)
        mean = corrections(shape, weights, data.market, rows).mean(axis=(0, 1))
        return {"gate": np.array([opened]), "mean": mean} | {f"net.{name}": array for name, array in weights.items()}

    def snapshots(self, features: Features, graphs: Graphs, rows: Int, read: Float32) -> Market:
        """What the correction reads on the sessions `rows`; the twin without edges keeps the layers and their weights."""
        made = market(features, graphs, rows, self.config.inputs, self.layers, read)
        if self.twin != "no-graph":
            return made
        nodes = made.mask.shape[1]
        alone = Near(np.full((1, nodes, 1), -1, np.int32), np.zeros((1, nodes, 1), np.float32))
        layers = tuple(Layer(alone, np.where(layer.row >= 0, 0, -1)) for layer in made.layers)
        return Market(made.x, made.context, made.mask, layers, made.macro)


@dataclass(frozen=True, eq=False)
class FittedRadar:
    """learned: `taught` [K]; the gate [1]; with a network, how inputs are read, its members' weights, and their mean correction over the past [K]."""

    radar: Radar
    targets: tuple[Target, ...]
    learned: dict[str, NDArray[Any]]
    pool: FittedPool | None
    history: int = EVERY_SESSION  # the anchor remembers when its series began

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        """See Fitted.predict; without a network, or before one, the anchor alone."""
        score = anchor(features)[-1] + self.corrections(features, graphs).mean(axis=0)
        probability = self.pool.predict(features, graphs).probability if self.pool else np.full((1, len(self.targets)), np.nan)
        return Prediction(score[None], probability)

    def corrections(self, features: Features, graphs: Graphs) -> Float:
        """What each member adds to the score of each target today, gated and less the mean over the past, [members, K]; 0 where it has no say."""
        out = np.zeros((self.radar.config.members, len(self.targets)))
        if "mean" not in self.learned:
            return out
        from riskradar.models.radar.residual import corrections

        today, taught = self.snapshot(features, graphs), self.learned["taught"]
        if today.mask.any():
            standard = today.standardised(self.learned["read.mean"], self.learned["read.scale"]).compact()
            said = corrections(self.shape, part(self.learned, "net"), standard, np.array([0]))[:, 0]
            out[:, taught] = self.learned["gate"] * (said - self.learned["mean"])
        return out

    def snapshot(self, features: Features, graphs: Graphs) -> Market:
        """What the correction reads on the last session."""
        rows = np.array([len(features.dates) - 1])
        read = Gaps(self.learned["read.fill"], self.learned["read.gap"]).read(context(features, rows, self.radar.config.context))
        return self.radar.snapshots(features, graphs, rows, read)

    @property
    def shape(self) -> Architecture:
        """The network of the targets that it was taught."""
        return self.radar.config.architecture(tuple(t for t, use in zip(self.targets, self.learned["taught"], strict=True) if use))

    def state(self) -> dict[str, NDArray[Any]]:
        """See Fitted.state."""
        return self.learned | ({f"pool.{name}": array for name, array in self.pool.state().items()} if self.pool else {})
