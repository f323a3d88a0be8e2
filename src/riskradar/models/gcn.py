"""The paper's networks under an honest protocol: cut at the refit, standardised on the past, scored one day at a time (paper 5.8, 5.9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from scipy.special import expit

from riskradar.errors import UsageError
from riskradar.layers import kind_of
from riskradar.models.base import Prediction, State
from riskradar.models.calibration import coherent
from riskradar.models.dense import Shape, Snapshots, TrainConfig
from riskradar.models.inputs import missing, missing_layers, outcomes, teachable
from riskradar.tables import Features, Graphs, Labels, Target
from riskradar.tables.arrays import Bool, Float, Float32, Int

NODE = ("return", "volatility_20", "volatility_60", "drawdown_20", "drawdown_60", "momentum_10", "momentum_30")  # paper 6.1


class NetworkConfig(BaseModel, frozen=True, extra="forbid"):
    """layer: the graph it reads; inputs: node features; width, head_hidden: see Shape (64 and 0 for the wider networks of the paper's figure 4).

    every: sessions between the snapshots that it is trained on, and between those of one sequence.
    train: `purge` is set by the model, to the longest horizon.
    """

    layer: str = "correlation"
    inputs: tuple[str, ...] = Field(default=NODE, min_length=1)
    width: int = Field(default=32, ge=1)
    head_hidden: int = Field(default=0, ge=0)
    every: int = Field(default=5, ge=1)
    refit_years: int = Field(default=3, ge=1)
    train: TrainConfig = TrainConfig(epochs=20, batch=32)


class SnapshotConfig(NetworkConfig, frozen=True, extra="forbid"):
    """Settings of a network that reads one snapshot."""

    head_hidden: int = Field(default=16, ge=0)


class TemporalConfig(NetworkConfig, frozen=True, extra="forbid"):
    """sequence: snapshots that one score reads."""

    sequence: int = Field(default=5, ge=1)


@dataclass(frozen=True)
class Network:
    """Two graph convolutions, the mean over members, a GRU if temporal, and one head with all targets."""

    kind: Literal["snapshot", "temporal"]
    config: NetworkConfig
    about: str
    hindsight: bool = False
    graphs: bool = True
    seeds: bool = True

    @property
    def refit_years(self) -> int:
        """See Model."""
        return self.config.refit_years

    @property
    def sequence(self) -> int:
        """Snapshots that one score reads."""
        return self.config.sequence if isinstance(self.config, TemporalConfig) else 1

    def lacks(self, features: Features, graphs: Graphs) -> str:
        """See Model.lacks."""
        return missing(features, tuple(f"mean:{name}" for name in self.config.inputs)) or missing_layers(graphs, (self.config.layer,))

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> "FittedNetwork":
        """See fit_seeds."""
        return self.fit_seeds(features, graphs, labels, seeds=(seed,))[0]

    def fit_seeds(self, features: Features, graphs: Graphs, labels: Labels, *, seeds: Sequence[int]) -> list["FittedNetwork"]:
        """Train on every n-th session counted back from the newest; a target with fewer than 252 labelled days or one class is withheld."""
        grid = np.arange(len(features.dates) - 1, -1, -self.config.every)[::-1]
        graph = snapshots(features, graphs, grid, self.config)
        whole = np.convolve(graph.mask.any(axis=1), np.ones(self.sequence))[: len(grid)] == self.sequence
        y = np.where(whole[:, None], outcomes(labels)[grid], np.nan)
        taught = teachable(y, self.config.every)
        rows = np.flatnonzero(np.isfinite(y[:, taught]).any(axis=1))
        if not len(rows):
            return [FittedNetwork(self, labels.targets, taught, {}) for _ in seeds]
        first = rows[0] - self.sequence + 1
        used = graph.part(first, rows[-1] + 1).compact()
        moments = used.moments()
        return self._learn(used.standardised(*moments), rows - first, y[rows][:, taught], (labels.targets, taught, moments), seeds)

    def _learn(
        self, used: Snapshots, rows: Int, y: Float, about: tuple[tuple[Target, ...], Bool, tuple[Float32, Float32]], seeds: Sequence[int]
    ) -> list["FittedNetwork"]:
        from riskradar.models.networks import Gcn
        from riskradar.models.train import Samples, train

        targets, taught, (mean, scale) = about
        longest = max(t.horizon for t, use in zip(targets, taught, strict=True) if use)
        config = self.config.train.model_copy(update={"purge": -(-longest // self.config.every)})
        weights = train(Gcn(self.shape(int(taught.sum()))), Samples(used, rows, (y,)), seeds, config).weights
        each = [{name: array[s : s + 1] for name, array in weights.items()} for s in range(len(seeds))]
        return [FittedNetwork(self, targets, taught, {"mean": mean, "scale": scale} | own) for own in each]

    def restore(self, targets: tuple[Target, ...], state: State) -> "FittedNetwork":
        """See Model.restore."""
        return FittedNetwork(self, targets, state["taught"], {name: array for name, array in state.items() if name != "taught"})

    @property
    def reads(self) -> dict[str, Any]:
        """See summary.Described."""
        sessions = (self.sequence - 1) * self.config.every + 1
        return {"layers": (self.config.layer,), "inputs": self.config.inputs, "context": (), "sequence": self.sequence, "sessions": sessions}

    def arrays(self, targets: tuple[Target, ...]) -> dict[str, tuple[int, ...]]:
        """See summary.Described; continuous targets have no output."""
        return self.shape(sum(target.binary for target in targets)).arrays()

    def cost(self, targets: tuple[Target, ...], nodes: int, edges: Mapping[str, int]) -> tuple[int, int]:
        """See summary.Described; blocks are dense, so edges cost nothing and pairs do."""
        shape = self.shape(sum(target.binary for target in targets))
        matrices = {name: prod(dims) for name, dims in shape.arrays().items() if len(dims) == 2}
        encode = nodes * (nodes * (shape.features + shape.width) + matrices["gcn1"] + matrices["gcn2"] + shape.width)
        temporal = sum(size for name, size in matrices.items() if name.startswith("gru"))
        heads = matrices["head"] + matrices.get("hidden", 0)
        return shape.sequence * (encode + temporal) + heads, shape.sequence * nodes * (nodes + shape.features + 2 * shape.width)

    def shape(self, outputs: int) -> Shape:
        """The network for so many targets."""
        config = self.config
        return Shape(self.kind, config.width, config.head_hidden, len(config.inputs), outputs, self.sequence)


@dataclass(frozen=True, eq=False)
class FittedNetwork:
    """learned: mean and scale of the inputs [F], and the weights of one seed [1, ...]; taught [K] marks the targets that it has learned."""

    network: Network
    targets: tuple[Target, ...]
    taught: Bool
    learned: dict[str, NDArray[Any]]

    @property
    def history(self) -> int:
        """See Fitted.history."""
        return (self.network.sequence - 1) * self.network.config.every + 1

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        """See Fitted.predict; withheld while a snapshot of the sequence has no asset with all its features."""
        score = np.full(len(self.targets), np.nan)
        if self.learned and len(features.dates) == self.history:
            graph = snapshots(features, graphs, np.arange(0, self.history, self.network.config.every), self.network.config)
            if graph.mask.any(axis=1).all():
                score[self.taught] = self._score(graph.compact())
        return Prediction(score[None], coherent(expit(score), self.targets)[None])

    def _score(self, graph: Snapshots) -> Float:
        from riskradar.models.networks import logits

        weights = {name: array for name, array in self.learned.items() if name not in ("mean", "scale")}
        standard = graph.standardised(self.learned["mean"], self.learned["scale"])
        last = np.array([self.network.sequence - 1])
        out: Float = logits(self.network.shape(int(self.taught.sum())), weights, standard, last)[0, 0].astype(np.float64)
        return out

    def state(self) -> dict[str, NDArray[Any]]:
        """See Fitted.state."""
        return {"taught": self.taught} | self.learned


def snapshots(features: Features, graphs: Graphs, rows: Int, config: NetworkConfig) -> Snapshots:
    """The graphs of the sessions `rows`; a node takes part when it is a member and has all its inputs. UsageError without the layer."""
    if config.layer not in graphs.layers:
        kind_of(config.layer, "the layer of a network")
        why = graphs.absent.get(config.layer, "layers.names leaves it out")
        raise UsageError(f"a network reads the layer {config.layer!r}, which is not there: {why}; nothing was scored; choose another layer")
    layer = graphs.layers[config.layer]
    x = features.values[rows][:, :, [features.names.index(name) for name in config.inputs]].astype(np.float32)
    a = [layer.block(t, t + 1) for t in rows]
    nodes = len(features.nodes)
    return Snapshots(x, np.concatenate(a) if a else np.zeros((0, nodes, nodes), np.float32), features.member[rows] & np.isfinite(x).all(axis=2))
