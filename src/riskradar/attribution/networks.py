"""Networks explained: integrated gradients of features, context and stored edges alike, in float64, from training means and no edges."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from riskradar.attribution.atoms import Atoms, Edges, Read
from riskradar.attribution.fading import Stored, sender
from riskradar.attribution.paths import Integrated, integrate
from riskradar.models import networks as dense
from riskradar.models.base import State, part
from riskradar.models.dense import Shape
from riskradar.models.gcn import FittedNetwork, snapshots
from riskradar.models.inputs import matrix
from riskradar.models.networks import Weights
from riskradar.models.radar.residual import Residual
from riskradar.models.radar.system import FittedRadar
from riskradar.models.srr.encoders import Block
from riskradar.models.srr.market import Market
from riskradar.models.srr.model import FittedSrr, middle
from riskradar.models.srr.network import Send, SrrNetwork, forward
from riskradar.tables.arrays import Bool, Days, Float

BASELINE = "with every input at its mean over the sessions that it learned from, and no edge"


@dataclass(frozen=True, eq=False)
class About:
    """What stands behind the numbers of a network: its sessions, which assets take part [N], and its inputs by name, with training means [F + M]."""

    read: Read
    rows: np.ndarray
    part: Bool
    inputs: tuple[str, ...]
    context: tuple[str, ...]
    means: Float

    @property
    def dates(self) -> Days:
        """Sessions of the snapshots."""
        found: Days = self.read.features.dates[self.rows]
        return found

    def atoms(self, found: Integrated, adds: tuple[Float, Float], edges: Mapping[str, Edges], without: Callable[[Bool], float]) -> Atoms:
        """adds: of node features [k, n, F] and of the context [k, M]; without: see Atoms, with one mark for each asset that takes part [n]."""
        features = self.read.features
        by_node = np.zeros((len(self.rows), len(self.part), len(self.inputs)))
        by_node[:, self.part] = adds[0]
        today = features.rows(int(self.rows[-1]), int(self.rows[-1]) + 1)
        named = [(name, f"mean:{name}") for name in self.inputs] + [(n, n) for n in self.context if n in features.context_names]
        values = {name: float(matrix(today, (column,))[0, 0]) for name, column in named}
        usual = dict(zip((*self.inputs, *self.context), self.means.tolist(), strict=True))
        return Atoms(
            found.start, self.dates, self.inputs, by_node, self.context, adds[1], values, usual, edges, BASELINE, found.steps,
            without=lambda gone: without(gone[self.part]),
        )  # fmt: skip


def gcn(fitted: FittedNetwork, read: Read) -> Atoms:
    """The paper's networks; an edge is what its weight adds, in both directions."""
    config, network = fitted.network.config, fitted.network
    rows = np.arange(len(read.features.dates) - fitted.history, len(read.features.dates), config.every)
    raw = snapshots(read.features, read.graphs, rows, config)
    standard = raw.compact().standardised(fitted.learned["mean"], fitted.learned["scale"])
    weights = _double({name: array for name, array in fitted.learned.items() if name not in ("mean", "scale")})
    score = gcn_score(network.shape(int(fitted.taught.sum())), weights, standard.mask, int(fitted.taught[: read.target].sum()))
    found = integrate(score, (standard.x, standard.a), (np.zeros_like(standard.x), np.zeros_like(standard.a)))
    keep = np.flatnonzero(np.any(raw.mask, axis=0))
    r, i, j = np.nonzero(standard.a)
    edges = Edges(r, keep[i], keep[j], standard.a[r, i, j].astype(float), found.adds[1][r, i, j])
    about = About(read, rows, np.any(raw.mask, axis=0), config.inputs, (), fitted.learned["mean"].astype(float))

    def without(gone: Bool) -> float:
        x, a = standard.x.astype(float), standard.a.astype(float)
        x[:, gone], a[:, gone], a[:, :, gone] = 0, 0, 0
        return _value(score, (torch.from_numpy(x), torch.from_numpy(a)))

    return about.atoms(found, (found.adds[0], np.zeros((len(rows), 0))), {config.layer: edges}, without)


def gcn_score(shape: Shape, weights: Weights, mask: Bool, column: int) -> Callable[[Sequence[Tensor]], Tensor]:
    """The logit of one target as a function of features [k, n, F] and weights [k, n, n] of the snapshots of one sample."""
    taking = torch.tensor(mask)
    own = torch.diag_embed(taking.double())
    pool = (taking / taking.sum(1, keepdim=True).clamp(min=1))[:, None].double()

    def score(inputs: Sequence[Tensor]) -> Tensor:
        x, a = inputs
        looped = a + own
        root = torch.where(taking, torch.where(taking, looped.sum(2), 1.0) ** -0.5, 0.0)
        mixed = root[:, :, None] * looped * root[:, None, :]
        return dense.forward(shape, weights, dense.Block(mixed, mixed @ x, pool), np.array([[len(x) - 1]]))[0, 0, column]

    return score


def srr(fitted: FittedSrr, read: Read) -> Atoms:
    """The full network; attention over layers is given beside it as a diagnostic."""
    given, config, learned = read.last(fitted.history), fitted.model.config, fitted.learned
    raw = fitted.snapshots(*given)
    if raw is None:
        raise ValueError("a day without a score has no explanation")
    network = SrrNetwork(fitted.model.network(fitted.targets, learned["taught"]))
    weights, rows = _double({name: learned[name] for name in network.arrays()}), np.array([[config.sequence - 1]])
    column = int(middle(network.architecture)[learned["taught"][: read.target].sum()])

    def score(block: Block, send: Send) -> Tensor:
        said = forward(network.architecture, weights, block, rows, send).system
        return said[0, 0, column] if said is not None else torch.zeros(())

    sessions = np.arange(len(read.features.dates) - fitted.history, len(read.features.dates), config.every)
    about = About(read, sessions, np.any(raw.mask, axis=0), config.inputs, config.context, _means(learned, config.inputs, config.context))
    standard = raw.compact().standardised(learned["read.mean"], learned["read.scale"])
    return replace(layered(standard, config.layers, score, about), attention=fitted.fusion(*given))


def radar(fitted: FittedRadar, read: Read) -> Atoms:
    """What the networks add to the anchor: the mean of all members, as far as the gate is open."""
    config, learned = fitted.radar.config, fitted.learned
    raw = fitted.snapshot(read.features, read.graphs)
    network, weights = Residual(fitted.shape), _double(part(learned, "net"))
    members, column = len(next(iter(weights.values()))), int(learned["taught"][: read.target].sum())
    opened, usual = float(learned["gate"][0]), float(learned["mean"][column])

    def score(block: Block, send: Send) -> Tensor:
        said = network.forward(weights, block, np.zeros((members, 1), np.int64), send)[:, 0, column].mean()
        return opened * (said - usual)

    last = np.array([len(read.features.dates) - 1])
    about = About(read, last, np.any(raw.mask, axis=0), config.inputs, config.context, _means(learned, config.inputs, config.context))
    standard = raw.standardised(learned["read.mean"], learned["read.scale"]).compact()
    found = layered(standard, network.architecture.layers, score, about)
    return replace(found, edges=dict(zip(fitted.radar.layers, found.edges.values(), strict=True)))


def layered(standard: Market, layers: Sequence[str], score: Callable[[Block, Send], Tensor], about: About) -> Atoms:
    """A score of standardised snapshots with layers of edges, each of which can fade; score: of a block, and of how messages are sent along edges."""
    block = Block.of(standard, "float64")
    stored = {name: Stored.of(layer, standard) for name, layer in zip(layers, standard.layers, strict=True)}

    def at(inputs: Sequence[Tensor]) -> Tensor:
        x, context, *gates = inputs
        return score(replace(block, x=x, context=context), sender(stored, dict(zip(stored, gates, strict=True))))

    def without(gone: Bool) -> float:
        kept = torch.from_numpy((~gone).astype(float))
        return _value(at, (block.x * kept[:, None], block.context, *(kept[each.receiver] * kept[each.sender] for each in stored.values())))

    ends: tuple[NDArray[Any], ...] = (standard.x, standard.context, *(np.ones(len(each.snapshot)) for each in stored.values()))
    found = integrate(at, ends, [np.zeros_like(end) for end in ends])
    keep = np.flatnonzero(about.part)
    edges = {
        name: Edges(each.snapshot, keep[each.receiver], keep[each.sender], each.weight.numpy(), adds)
        for (name, each), adds in zip(stored.items(), found.adds[2:], strict=True)
    }
    values, gaps = np.split(found.adds[1], 2, axis=1)  # a number and the mark of its gap
    return about.atoms(found, (found.adds[0], values + gaps), edges, without)


def _value(score: Callable[[Sequence[Tensor]], Tensor], inputs: Sequence[Tensor]) -> float:
    with dense.one_thread(), torch.inference_mode():
        return float(score(inputs))


def _means(learned: State, inputs: tuple[str, ...], context: tuple[str, ...]) -> Float:
    """Training means of the assets' features and of the context."""
    F, M, mean = len(inputs), len(context), learned["read.mean"].astype(float)
    return np.concatenate([mean[:F], mean[2 * F : 2 * F + M]])


def _double(weights: State) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array.astype(np.float64)) for name, array in weights.items()}
