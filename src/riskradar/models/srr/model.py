"""The full architecture as a model: what it reads, how it is trained, and one day's score of it (paper 4-6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, model_validator
from scipy.special import expit

from riskradar.errors import UsageError
from riskradar.models.base import Prediction, State
from riskradar.models.dense import TrainConfig
from riskradar.models.inputs import missing, missing_layers, teachable
from riskradar.models.srr.architecture import Architecture
from riskradar.models.srr.inputs import Gaps, context, market, moments, takes_part, with_macro
from riskradar.models.srr.market import Market
from riskradar.tables import Features, Graphs, Labels, Target
from riskradar.tables.arrays import Bool, Float, Float32, Int

if TYPE_CHECKING:
    from riskradar.models.srr.encoders import Block

NODE = ("return", "volatility_20", "volatility_60", "drawdown_20", "drawdown_60", "momentum_10", "momentum_30")  # paper 6.1
CONTEXT = ("index_volatility", "index_below_high", "mean_drawdown", "vix", "term_spread", "credit")
ANY = Target(20, 0.05)
MACRO = "macro-nodes"  # the layer of edges between macro nodes and assets


class SrrConfig(BaseModel, frozen=True, extra="forbid"):
    """layers: graphs it reads, those without data masked; inputs: node features; context: numbers of the date, gaps filled and marked.

    macro: numbers of the date that are each a node of their own, joined with every asset; one takes no part while its number is not known.
    encoder … node_loss: see Architecture; the focal loss ranks, and its probabilities are not calibrated.
    quantiles: levels forecast of continuous targets, none to leave these out.
    node_loss above 0 adds a head that forecasts the binary targets of each asset (needs labels.units = "nodes").
    every: sessions between the snapshots that it is trained on, and between those of one sequence.
    train: `purge` is set by the model, to the longest horizon.
    """

    layers: tuple[str, ...] = ("correlation", "sector")
    inputs: tuple[str, ...] = Field(default=NODE, min_length=1)
    context: tuple[str, ...] = CONTEXT
    macro: tuple[str, ...] = ()
    encoder: Literal["gcn", "gatv2", "transformer", "attention"] = "gatv2"
    depth: int = Field(default=2, ge=1, le=10)
    width: int = Field(default=32, ge=1)
    heads: int = Field(default=4, ge=1)
    fusion: Literal["attention", "concat", "mean"] = "attention"
    temporal: Literal["gru", "lstm", "transformer", "none"] = "gru"
    place: Literal["pooled", "nodes"] = "pooled"
    sequence: int = Field(default=20, ge=1, le=250)
    join: Literal["nodes", "pooled", "both"] = "pooled"
    loss: Literal["bce", "focal"] = "bce"
    alpha: float = Field(default=0.25, gt=0, lt=1)
    gamma: float = Field(default=2.0, ge=0)
    node_loss: float = Field(default=0.0, ge=0)
    quantiles: tuple[float, ...] = ()
    every: int = Field(default=5, ge=1)
    refit_years: int = Field(default=3, ge=1)
    train: TrainConfig = TrainConfig(epochs=20, batch=64)

    @model_validator(mode="after")
    def _fits_together(self) -> "SrrConfig":
        self.architecture((ANY,), ())
        return self

    def architecture(self, targets: tuple[Target, ...], node_targets: tuple[Target, ...]) -> Architecture:
        """The network for these targets; a context number comes with an indicator of its gaps."""
        layers, features = (*self.layers, *([MACRO] if self.macro else [])), max(len(self.inputs), len(self.macro))
        return Architecture(
            layers, features, targets, node_targets, 2 * len(self.context), len(self.macro), encoder=self.encoder, depth=self.depth,
            width=self.width, heads=self.heads, fusion=self.fusion, temporal=self.temporal, place=self.place, sequence=self.sequence, join=self.join,
            loss=self.loss, alpha=self.alpha, gamma=self.gamma, node_loss=self.node_loss, quantiles=self.quantiles or (0.5,),
        )  # fmt: skip


@dataclass(frozen=True)
class Srr:
    """Graph encoders on several layers, their fusion, a temporal encoder, and heads for all targets at once."""

    config: SrrConfig
    about: str = "the paper's full architecture: layers fused by attention, a temporal encoder, all targets (paper 4-6)"
    hindsight: bool = False
    graphs: bool = True
    seeds: bool = True

    @property
    def refit_years(self) -> int:
        """See Model."""
        return self.config.refit_years

    @property
    def history(self) -> int:
        """Sessions that one score reads."""
        return (self.config.sequence - 1) * self.config.every + 1

    @property
    def reads(self) -> dict[str, Any]:
        """See summary.Described."""
        config = self.config
        layers = () if config.encoder == "attention" else config.layers
        read = {"layers": layers, "inputs": config.inputs, "context": config.context, "macro": config.macro}
        return read | {"sequence": config.sequence, "sessions": self.history}

    def arrays(self, targets: tuple[Target, ...]) -> dict[str, tuple[int, ...]]:
        """See summary.Described; targets as if all could be taught."""
        return self._whole(targets).arrays()

    def cost(self, targets: tuple[Target, ...], nodes: int, edges: Mapping[str, int]) -> tuple[int, int]:
        """See summary.Described."""
        made = self._whole(targets)
        streams, joined = max(len(made.streams), 1), sum(edges.values())
        if MACRO in made.streams:
            joined += 2 * nodes * made.macro
        nodes += made.macro
        steps = made.cost(nodes, joined // streams).score
        each = nodes * (made.features + made.width * (1 + streams * made.depth)) + 2 * joined + made.context
        return steps, made.sequence * each

    def _whole(self, targets: tuple[Target, ...]) -> Architecture:
        return self.network(targets, np.array([target.binary or bool(self.config.quantiles) for target in targets]))

    def lacks(self, features: Features, graphs: Graphs) -> str:
        """See Model.lacks; context, macro nodes and single layers may be without data, all layers may not."""
        missing(features, (*self.config.context, *self.config.macro))
        return missing(features, tuple(f"mean:{name}" for name in self.config.inputs)) or missing_layers(graphs, self.config.layers)

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> "FittedSrr":
        """See fit_seeds."""
        return self.fit_seeds(features, graphs, labels, seeds=(seed,))[0]

    def fit_seeds(self, features: Features, graphs: Graphs, labels: Labels, *, seeds: Sequence[int]) -> list["FittedSrr"]:
        """Train on every n-th session counted back from the newest; a target with fewer than 252 labelled days or one outcome is withheld.

        UsageError when the nodes have no labels and are to have a head.
        """
        grid = np.arange(len(features.dates) - 1, -1, -self.config.every)[::-1]
        whole = np.convolve(takes_part(features, grid, self.config.inputs).any(axis=1), np.ones(self.config.sequence))[: len(grid)]
        y = np.where((whole == self.config.sequence)[:, None, None], self._outcomes(labels)[grid], np.nan)
        taught = teachable(y[:, 0], self.config.every)
        rows = np.flatnonzero(np.isfinite(y[:, :, taught]).any(axis=(1, 2)))
        if not len(rows):
            return [FittedSrr(self, labels.targets, {"taught": taught}) for _ in seeds]
        first = rows[0] - self.config.sequence + 1
        span = grid[first : rows[-1] + 1]
        gaps = Gaps.of(context(features, span, self.config.context))
        read = {"taught": taught, "read.fill": gaps.fill, "read.gap": gaps.gap}
        if self.config.macro:
            read["read.macro"] = moments(context(features, span, self.config.macro))
        used = self.snapshots(features, graphs, span, read)
        mean, scale = used.moments()
        weights = self._train(used.standardised(mean, scale), rows - first, y[rows], (labels.targets, taught), seeds)
        read |= {"read.mean": mean, "read.scale": scale}
        return [FittedSrr(self, labels.targets, read | {n: array[s : s + 1] for n, array in weights.items()}) for s in range(len(seeds))]

    def snapshots(self, features: Features, graphs: Graphs, rows: Int, learned: Mapping[str, NDArray[Any]]) -> Market:
        """The sessions `rows` as it reads them, by what was learned of gaps and of the macro series."""
        config = self.config
        filled = Gaps(learned["read.fill"], learned["read.gap"]).read(context(features, rows, config.context))
        made = market(features, graphs, rows, config.inputs, config.layers, filled)
        if not config.macro:
            return made
        mean, scale = learned["read.macro"]
        return with_macro(made, (context(features, rows, config.macro) - mean) / scale)

    def restore(self, targets: tuple[Target, ...], state: State) -> "FittedSrr":
        """See Model.restore."""
        return FittedSrr(self, targets, dict(state))

    def _outcomes(self, labels: Labels) -> Float:
        """Labels of the system, and with a node head of each asset after it, [T, U, K]; NaN for targets that are not to be learned."""
        if self.config.node_loss and len(labels.units) == 1:
            raise UsageError("models.srr.node_loss needs each asset's own labels; nothing was scored; set labels.units=nodes, or node_loss=0")
        wanted = [target.binary or bool(self.config.quantiles) for target in labels.targets]
        return np.where(wanted, labels.values if self.config.node_loss else labels.values[:, :1], np.nan)

    def _train(self, used: Market, rows: Int, y: Float, about: tuple[tuple[Target, ...], Bool], seeds: Sequence[int]) -> dict[str, NDArray[Any]]:
        from riskradar.models.srr.network import SrrNetwork
        from riskradar.models.train import Samples, train

        targets, taught = about
        longest = max(target.horizon for target, use in zip(targets, taught, strict=True) if use)
        config = self.config.train.model_copy(update={"purge": -(-longest // self.config.every)})
        answers = [y[:, 0][:, taught]]
        if self.config.node_loss:
            binary = [use and target.binary for target, use in zip(targets, taught, strict=True)]
            answers.append(np.full((*used.mask[rows].shape, sum(binary)), np.nan))  # macro nodes have no labels
            answers[1][:, : y.shape[1] - 1] = y[:, 1:][:, :, binary]
            answers[1] = np.where(used.mask[rows][:, :, None], answers[1], np.nan)[:, used.mask.any(axis=0)]
        return train(SrrNetwork(self.network(targets, taught)), Samples(used.compact(), rows, tuple(answers)), seeds, config).weights

    def network(self, targets: tuple[Target, ...], taught: Bool) -> Architecture:
        """The network for those targets that it is taught."""
        learned = tuple(target for target, use in zip(targets, taught, strict=True) if use)
        return self.config.architecture(learned, tuple(t for t in learned if t.binary) if self.config.node_loss else ())


@dataclass(frozen=True, eq=False)
class FittedSrr:
    """learned: `taught` [K], the targets that it knows; how inputs are read; the weights of one seed [1, ...]. What `state` gives makes it again."""

    model: Srr
    targets: tuple[Target, ...]
    learned: dict[str, NDArray[Any]]

    @property
    def history(self) -> int:
        """See Fitted.history."""
        return self.model.history

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        """See Fitted.predict; a row for the system and, with a node head, one for each node.

        Probabilities rise with the horizon and fall with the depth by construction. The score of a continuous target is its middle quantile.
        Withheld while a snapshot of the sequence has no asset with all its features; a node is, where it takes no part on the last one.
        """
        config, taught = self.model.config, self.learned["taught"]
        binary = np.array([target.binary for target in self.targets], bool)
        score = np.full((1 + (len(features.nodes) if config.node_loss else 0), len(self.targets)), np.nan)
        snapshots = self.snapshots(features, graphs)
        if snapshots is not None:
            said = self._said(snapshots)
            score[0, taught] = said["system"][middle(self.architecture)]
            if config.node_loss:
                node = np.full((snapshots.mask.shape[1], int((taught & binary).sum())), np.nan)
                node[snapshots.mask.any(axis=0)] = said["node"]
                score[1:, taught & binary] = np.where(snapshots.mask[-1][:, None], node, np.nan)[: len(features.nodes)]
        return Prediction(score, np.where(binary, expit(score), np.nan))

    def fusion(self, features: Features, graphs: Graphs) -> dict[str, float]:
        """The weight of each layer on the last of the `history` sessions handed in; empty where layers are not weighed, or nothing is scored."""
        snapshots = self.snapshots(features, graphs)
        share = {} if snapshots is None else self._said(snapshots)
        return dict(zip(self.architecture.layers, share["fusion"].tolist(), strict=True)) if "fusion" in share else {}

    def attention(self, features: Features, graphs: Graphs) -> dict[str, Float32]:
        """Who listens to whom in each layer on the last session: [N, N], or [N + K, N + K] with macro nodes last; see attention.attention.

        A diagnostic, not an attribution. Empty where the encoder is neither gatv2 nor transformer, or nothing is scored.
        """
        import torch

        from riskradar.models.networks import one_thread
        from riskradar.models.srr.attention import attention

        snapshots = self.snapshots(features, graphs)
        if snapshots is None or self.model.config.encoder not in ("gatv2", "transformer"):
            return {}
        with one_thread(), torch.inference_mode():
            shares = attention(self.architecture, self._weights, self._block(snapshots), self.model.config.sequence - 1)
        some = np.flatnonzero(snapshots.mask.any(axis=0))
        out = {name: np.zeros((snapshots.mask.shape[1],) * 2, np.float32) for name in shares}
        for name, share in shares.items():
            out[name][np.ix_(some, some)] = share
        return out

    def state(self) -> dict[str, NDArray[Any]]:
        """See Fitted.state."""
        return self.learned

    @cached_property
    def architecture(self) -> Architecture:
        """The network of the targets that it was taught."""
        return self.model.network(self.targets, self.learned["taught"])

    @cached_property
    def _weights(self) -> dict[str, Any]:
        import torch

        return {name: torch.tensor(self.learned[name]) for name in self.architecture.arrays()}

    def snapshots(self, features: Features, graphs: Graphs) -> Market | None:
        """What one score reads; None where it is to be withheld."""
        if "read.mean" not in self.learned or len(features.dates) != self.history:
            return None
        rows = np.arange(0, self.history, self.model.config.every)
        snapshots = self.model.snapshots(features, graphs, rows, self.learned)
        return snapshots if snapshots.mask.any(axis=1).all() else None

    def _said(self, snapshots: Market) -> dict[str, NDArray[Any]]:
        """The outputs that there are for the last snapshot (see network.Outputs), on one thread."""
        import torch

        from riskradar.models.networks import one_thread
        from riskradar.models.srr.network import forward

        with one_thread(), torch.inference_mode():
            said = vars(forward(self.architecture, self._weights, self._block(snapshots), np.array([[self.model.config.sequence - 1]])))
        return {name: values[0, 0].numpy() for name, values in said.items() if values is not None}

    def _block(self, snapshots: Market) -> "Block":
        from riskradar.models.srr.encoders import Block

        standard = snapshots.compact().standardised(self.learned["read.mean"], self.learned["read.scale"])
        return Block.of(standard, str(self.learned["input"].dtype))


def middle(architecture: Architecture) -> Int:
    """The one number of the system head for each target: its logit, or the quantile nearest to the median."""
    columns = architecture.columns(architecture.targets)
    nearest = min(architecture.quantiles, key=lambda level: abs(level - 0.5))
    return np.array([c for c, column in enumerate(columns) if column.level in (None, nearest)])
